//! Compares the strategies' arithmetic with what the authors' code computes on the same numbers;
//! `tests/fixtures/analytic/README.md` says how the files were made.

use clbench_analytic::features::Samples;
use clbench_analytic::fecam::classes::Classes;
use clbench_analytic::klda::member::{Fourier, Member, ensemble};
use clbench_analytic::linear_scores::LinearScores;
use clbench_analytic::projection::Projection;
use clbench_analytic::rail::dual::Dual;
use clbench_analytic::rail::fusion::{fused, probabilities};
use clbench_analytic::rail::primal::Primal;
use clbench_analytic::ridge::RidgeSums;
use clbench_analytic::ridge_choice::{RidgeRule, validation_errors};
use clbench_analytic::slda::{Covariance, Discriminant};
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::Host;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

const CLASSES: i64 = 7;
const WIDTH: i64 = 12;

struct Fixture(BTreeMap<String, Tensor>);

impl Fixture {
    fn read(name: &str) -> Fixture {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/fixtures/analytic")
            .join(format!("{name}.safetensors"));
        let bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
        let tensors = tensors.into_iter().map(|(name, view)| {
            let kind = match view.dtype() {
                Dtype::F32 => Kind::Float,
                Dtype::F64 => Kind::Double,
                Dtype::I64 => Kind::Int64,
                other => panic!("{name} is {other:?}"),
            };
            let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
            (name, Tensor::from_data_size(view.data(), &shape, kind))
        });
        Fixture(tensors.collect())
    }

    fn get(&self, name: &str) -> &Tensor {
        &self.0[name]
    }

    fn of_task(&self, name: &str, task: usize) -> &Tensor {
        self.get(&format!("{name}.{task}"))
    }

    fn samples(&self, task: usize) -> Samples {
        let labels = Vec::<i64>::try_from(self.of_task("labels", task)).unwrap();
        Samples::new(
            self.of_task("train", task).shallow_clone(),
            &labels,
            CLASSES,
        )
        .unwrap()
    }

    /// f64.
    fn test(&self) -> Tensor {
        self.get("test").to_kind(Kind::Double)
    }
}

fn ids(classes: i64) -> Tensor {
    Tensor::arange(classes, (Kind::Int64, Device::Cpu))
}

/// Equal within `tolerance` of the largest value, and with the same largest column in every row.
#[track_caller]
fn close(what: &str, ours: &Tensor, theirs: &Tensor, tolerance: f64) {
    assert_eq!(ours.size(), theirs.size(), "{what}");
    let difference = (ours - theirs).abs().max().double_value(&[]);
    let scale = theirs.abs().max().double_value(&[]);
    assert!(
        difference <= tolerance * scale,
        "{what}: {difference:e} of {scale:e}"
    );
    if ours.dim() == 2 {
        assert_eq!(ours.argmax(1, false), theirs.argmax(1, false), "{what}");
    }
}

#[test]
fn ranpac() {
    for name in ["ranpac", "ranpac_without_projection"] {
        let fixture = Fixture::read(name);
        let projection = || match fixture.0.get("weight") {
            Some(weight) => Projection::new(weight.shallow_clone()),
            None => Projection::none(),
        };
        let width = fixture.get("gram").size()[0];
        let host = Host::silent();
        let mut sums = RidgeSums::new(CLASSES, width, Device::Cpu).unwrap();
        for task in 0..3 {
            let samples = fixture.samples(task);
            let errors = validation_errors(&samples, &projection(), width, CLASSES, &host);
            let errors = errors.unwrap().unwrap();
            let lambda = RidgeRule::Published.choose(&errors).unwrap();
            assert_eq!(lambda, fixture.of_task("lambda", task).double_value(&[0]));
            let what = |what: &str| format!("{name}, task {task}: {what}");
            // The system for a λ below 10⁻⁶ is so nearly singular that f64 leaves six digits.
            let (errors, theirs) = (Tensor::from_slice(&errors), fixture.of_task("errors", task));
            let relative = (&errors / theirs - 1.0).abs();
            assert!(relative.max().double_value(&[]) < 1e-4, "{relative}");

            sums.add(&samples, &projection(), Ok, &host).unwrap();
            let mut scores = LinearScores::zeros(CLASSES, width, Device::Cpu).unwrap();
            let used = sums.solve(lambda, &mut scores, |_| panic!("λ is large enough"));
            assert_eq!(used.unwrap(), lambda);
            let head = fixture.of_task("head", task);
            let seen = ids(head.size()[0]);
            let identity = Tensor::eye(width, (Kind::Double, Device::Cpu));
            close(
                &what("head"),
                &scores.of(&identity, &seen).unwrap().tr(),
                head,
                1e-8,
            );
            let h = projection().of(&fixture.test()).unwrap();
            let logits = scores.of(&h, &seen).unwrap();
            close(
                &what("logits"),
                &logits,
                fixture.of_task("logits", task),
                1e-8,
            );
        }
    }
}

/// Scores of the classes so far, and the fused scores of all classes.
fn compare_rail(fixture: &Fixture, task: usize, scores: &Tensor, learned: &Tensor) {
    let theirs = fixture.of_task("scores", task);
    let so_far = scores.narrow(1, 0, theirs.size()[1]);
    close(&format!("scores of task {task}"), &so_far, theirs, 1e-6);
    let unit = unit_rows(&fixture.test()).unwrap();
    let zero_shot = probabilities(&unit, fixture.get("texts"), 100.0).unwrap();
    let ours = fused(&zero_shot, scores, learned, 0.8).unwrap();
    close(
        &format!("fused scores of task {task}"),
        &ours,
        fixture.of_task("fused", task),
        1e-6,
    );
}

#[test]
fn rail_primal() {
    let fixture = Fixture::read("rail_primal");
    let projection = Projection::new(fixture.get("weight").tr());
    let mut ours = Primal::new(projection, 40, CLASSES, Device::Cpu).unwrap();
    for task in 0..3 {
        ours.add(&fixture.samples(task), 0.1, &Host::silent())
            .unwrap();
        let all = ids(CLASSES);
        let scores = ours.of(&fixture.test(), &all).unwrap();
        compare_rail(&fixture, task, &scores, &ours.learned(&all).unwrap());
    }
}

#[test]
fn rail_dual() {
    let fixture = Fixture::read("rail_dual");
    let mut ours = Dual::new(0.1, WIDTH, CLASSES, Device::Cpu);
    for task in 0..3 {
        ours.add(&fixture.samples(task), 0.001, &Host::silent())
            .unwrap();
        let all = ids(CLASSES);
        let scores = ours.of(&fixture.test(), &all).unwrap();
        compare_rail(&fixture, task, &scores, &ours.learned(&all).unwrap());
    }
}

#[test]
fn slda() {
    let fixture = Fixture::read("slda");
    let mut ours =
        Discriminant::new(Covariance::Streaming, 1e-4, CLASSES, WIDTH, Device::Cpu).unwrap();
    for (task, seen) in [2, 5, 7].into_iter().enumerate() {
        ours.add(&fixture.samples(task), &Host::silent()).unwrap();
        let covariance = ours.covariance().unwrap();
        close(
            "covariance",
            &covariance,
            fixture.of_task("covariance", task),
            1e-12,
        );
        // Classes to come have a mean of 0 and a score of 0 in the authors' code.
        let theirs = fixture.of_task("scores", task).narrow(1, 0, seen);
        let logits = ours.logits(&fixture.test(), &ids(seen)).unwrap();
        close("scores", &logits, &theirs, 1e-9);
    }
}

#[test]
fn fecam() {
    let fixture = Fixture::read("fecam");
    let mut ours = Classes::new([1.0, 0.0], CLASSES, WIDTH, Device::Cpu).unwrap();
    for task in 0..3 {
        ours.add(&fixture.samples(task), &Host::silent()).unwrap();
    }
    for class in 0..CLASSES {
        let theirs = fixture.of_task("correlation", class as usize);
        close(
            "correlations",
            &ours.correlations(class).unwrap(),
            theirs,
            1e-6,
        );
    }
    let logits = ours.logits(&fixture.test(), &ids(CLASSES)).unwrap();
    close("distances", &logits, &-fixture.get("distances"), 1e-6);
}

#[test]
fn klda() {
    let fixture = Fixture::read("klda");
    let scores = [0, 1].map(|member| {
        let part = |name: &str| fixture.of_task(name, member).shallow_clone();
        let map = Fourier::new(part("frequencies"), part("phases"));
        let mut ours = Member::new(map, CLASSES, Device::Cpu).unwrap();
        for task in 0..3 {
            ours.add(&fixture.samples(task), &Host::silent()).unwrap();
        }
        // Without the term that is the same for all classes.
        let logits = ours.logits(&fixture.test(), &ids(CLASSES)).unwrap();
        let relative = |scores: &Tensor| scores - scores.amax([1], true);
        close(
            "scores",
            &relative(&logits),
            &relative(&part("scores")),
            1e-6,
        );
        logits
    });
    let mean = ensemble(&scores).unwrap().exp();
    close("the mean of softmaxes", &mean, fixture.get("mean"), 1e-6);
}
