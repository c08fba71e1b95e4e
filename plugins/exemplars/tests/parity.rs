//! Compares exemplars, means, distances and predictions with LAMDA-PILOT's own code. See
//! `tests/fixtures/nearest_mean_of_exemplars/README.md`.

use clbench_exemplars::NearestMean;
use clbench_torch::bridge::threads;
use clbench_torch::exemplars::{Budget, Memory, Offer, Selection, Settings};
use clbench_torch::tch::{Device, Kind, Tensor};
use safetensors::{Dtype, SafeTensors};

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/nearest_mean_of_exemplars/nearest_mean_of_exemplars.safetensors"
);
/// The first and last class of each task.
const TASKS: [(i64, i64); 3] = [(0, 2), (3, 6), (7, 8)];

struct Fixture(Vec<u8>);

impl Fixture {
    fn tensor(&self, name: &str) -> Tensor {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let stored = file.tensor(name).unwrap();
        let kind = match stored.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F64 => Kind::Double,
            Dtype::I64 => Kind::Int64,
            other => panic!("{name} is of {other:?}"),
        };
        let shape: Vec<i64> = stored.shape().iter().map(|&n| n as i64).collect();
        Tensor::from_data_size(stored.data(), &shape, kind)
    }

    fn integers(&self, name: &str) -> Vec<i64> {
        Vec::try_from(self.tensor(name)).unwrap()
    }
}

/// Asserts that two tensors are equal up to 1e-6 of the largest number. The published code computes
/// unit features in f32.
fn close(what: &str, ours: &Tensor, theirs: &Tensor) {
    assert_eq!(ours.size(), theirs.size(), "{what}");
    let off = (ours.to_kind(Kind::Double) - theirs).abs().max() / theirs.abs().max();
    let off = off.double_value(&[]);
    assert!(off < 1e-6, "{what} is off by {off:e}");
}

#[test]
fn exemplars_means_distances_and_predictions_match_the_published_code() {
    threads::set(1).unwrap();
    let fixture = Fixture(std::fs::read(FIXTURE).unwrap());
    let (features, labels) = (fixture.tensor("features"), fixture.integers("labels"));
    let images = fixture.tensor("images");
    for (name, budget) in [
        ("total", Budget::Total(42)),
        ("per_class", Budget::PerClass(6)),
    ] {
        let settings = Settings {
            budget,
            selection: Selection::Herding,
        };
        let row = [features.size()[1]];
        let mut memory = Memory::new(settings, 9, &row, Kind::Float, Device::Cpu).unwrap();
        for (task, (first, last)) in (1..).zip(TASKS) {
            let rows: Vec<i64> = (0_i64..)
                .zip(&labels)
                .filter(|(_, label)| (first..=last).contains(label))
                .map(|(row, _)| row)
                .collect();
            let of_task = features.index_select(0, &Tensor::from_slice(&rows));
            let labels: Vec<i64> = rows.iter().map(|&row| labels[row as usize]).collect();
            let offer = Offer {
                features: &of_task,
                labels: &labels,
                kept: None,
                seed: 1,
                task,
            };
            let read = |chosen: &[u32]| {
                let chosen: Vec<i64> = chosen.iter().map(|&row| row.into()).collect();
                Ok(of_task.index_select(0, &Tensor::from_slice(&chosen)))
            };
            memory.update(&offer, read).unwrap();

            let theirs = |what: &str| format!("{name}.{task}.{what}");
            let exemplars = fixture.tensor(&theirs("exemplars"));
            assert_eq!(
                memory.labels(),
                fixture.integers(&theirs("exemplar_labels"))
            );
            assert_eq!(
                memory.rows(),
                &features.index_select(0, &exemplars),
                "the exemplars of {name}, task {task}"
            );
            let nearest = NearestMean::new(&memory).unwrap();
            let learned: Vec<i64> = (0..=last).collect();
            let what = theirs("means");
            let means = nearest.means().narrow(0, 0, last + 1);
            close(&what, &means, &fixture.tensor(&what));
            let what = theirs("distances");
            let logits = nearest.logits(&images, &learned).unwrap();
            close(&what, &-&logits, &fixture.tensor(&what));
            let predictions = Vec::<i64>::try_from(logits.argmax(1, false)).unwrap();
            assert_eq!(predictions, fixture.integers(&theirs("predictions")));
        }
    }
}
