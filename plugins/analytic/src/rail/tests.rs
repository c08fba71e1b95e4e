use super::*;
use clbench_torch::Generator;
use harness_abi::testkit::ToyBackbone;

const WIDTH: i64 = 16;
const CLASSES: i64 = 6;

fn strategy(parameters: Parameters) -> Rail {
    let setting = Setting {
        seed: 4,
        tasks: 3,
        classes: CLASSES as u32,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![ToyBackbone::handle()],
        host: Host::silent(),
    };
    let mut rail = Rail::create(parameters, setting).unwrap();
    // As in CLIP, where differences of the cosine are small; the toy's scale is 10.
    rail.scale = 100.0;
    rail
}

/// Texts, and features near the text of their class: near enough that zero-shot is often, but not
/// always, right.
struct Scene {
    texts: Tensor,
    /// `[CLASSES * per_class, WIDTH]`, class after class, not of unit length.
    features: Tensor,
    labels: Vec<i64>,
    ids: Tensor,
}

impl Scene {
    fn new(per_class: i64, purpose: &str) -> Scene {
        let shape = |rows| [rows, WIDTH];
        let texts = Generator::new(1, "texts", 0)
            .normal_tensor(&shape(CLASSES), 1.0, Device::Cpu)
            .unwrap()
            .to_kind(Kind::Double);
        let texts = unit_rows(&texts).unwrap();
        // Images of a class differ from its text alike, which a regression can learn.
        let shifts = Generator::new(1, "shifts", 0)
            .normal_tensor(&shape(CLASSES), 0.3, Device::Cpu)
            .unwrap();
        let noise = Generator::new(1, purpose, 0)
            .normal_tensor(&shape(CLASSES * per_class), 0.25, Device::Cpu)
            .unwrap();
        let features = (&texts + shifts).repeat_interleave_self_int(per_class, 0, None) + noise;
        Scene {
            texts,
            features: (features * 3.0).to_kind(Kind::Float),
            labels: (0..CLASSES * per_class)
                .map(|row| row / per_class)
                .collect(),
            ids: Tensor::arange(CLASSES, (Kind::Int64, Device::Cpu)),
        }
    }

    fn of(&self, classes: &[i64]) -> Samples {
        let rows: Vec<i64> = (0..self.labels.len() as i64)
            .filter(|&row| classes.contains(&self.labels[row as usize]))
            .collect();
        let labels: Vec<i64> = rows.iter().map(|&row| self.labels[row as usize]).collect();
        let features = self.features.index_select(0, &Tensor::from_slice(&rows));
        Samples::new(features, &labels, CLASSES).unwrap()
    }

    fn scores(&self, rail: &Rail) -> Tensor {
        let features = self.features.to_kind(Kind::Double);
        rail.scores(&features, &features, &self.texts, &self.ids)
            .unwrap()
    }
}

fn forms() -> [Parameters; 2] {
    [
        Parameters {
            projection_width: Some(60),
            ..Parameters::default()
        },
        Parameters {
            form: Form::Dual,
            ..Parameters::default()
        },
    ]
}

fn best(scores: &Tensor) -> Vec<i64> {
    Vec::try_from(scores.argmax(1, false)).unwrap()
}

/// On tasks to come, the answer among their classes is zero-shot's, and the answer among all
/// classes is right wherever zero-shot's is, image by image.
#[test]
fn zero_shot_is_kept_on_unseen_classes() {
    let (train, test) = (Scene::new(12, "train"), Scene::new(60, "test"));
    for parameters in forms() {
        let mut rail = strategy(parameters);
        let zero_shot = test.scores(&rail);
        let right = best(&zero_shot)
            .iter()
            .zip(&test.labels)
            .filter(|(a, b)| a == b)
            .count();
        assert!(right > 180 && right < 350, "{right} of 360");
        for (learned, classes) in [vec![0, 4], vec![2]]
            .into_iter()
            .scan(vec![], |seen, task| {
                seen.extend(task.clone());
                Some((seen.clone(), task))
            })
        {
            rail.add(&train.of(&classes)).unwrap();
            let scores = test.scores(&rail);
            let unseen: Vec<i64> = (0..CLASSES).filter(|id| !learned.contains(id)).collect();
            let among =
                |scores: &Tensor| best(&scores.index_select(1, &Tensor::from_slice(&unseen)));
            assert_eq!(among(&scores), among(&zero_shot));
            let answers = best(&scores).into_iter().zip(best(&zero_shot));
            for ((ours, theirs), label) in answers.zip(&test.labels) {
                if unseen.contains(label) && theirs == *label {
                    assert_eq!(ours, *label);
                }
            }
        }
        // And with all classes it has learned something.
        rail.add(&train.of(&[1, 3, 5])).unwrap();
        let correct = |scores: &Tensor| {
            let answers = best(scores).into_iter().zip(&test.labels);
            answers.filter(|(answer, label)| answer == *label).count()
        };
        let (ours, theirs) = (correct(&test.scores(&rail)), correct(&zero_shot));
        assert!(ours > theirs + 30, "{ours}, zero-shot {theirs}");
    }
}

/// What the authors compute: one inverse for the first task, then an update per mini-batch, with
/// zero columns for new classes.
#[test]
fn the_primal_form_equals_the_published_recursion() {
    let scene = Scene::new(12, "train");
    let (tasks, lambda) = ([vec![0, 4], vec![2, 4], vec![1, 5]], 0.1);
    let projection = || Projection::uniform(4, WIDTH, 60, Device::Cpu).unwrap();
    let mut ours = Primal::new(projection(), 60, CLASSES, Device::Cpu).unwrap();
    let identity = |size| Tensor::eye(size, (Kind::Double, Device::Cpu));
    let mut recursion: Option<(Tensor, Tensor)> = None;
    for classes in &tasks {
        let samples = scene.of(classes);
        ours.add(&samples, lambda, &Host::silent()).unwrap();
        let unit = unit_rows(&samples.all().unwrap()).unwrap();
        let h = projection().of(&unit).unwrap();
        let labels = samples.labels().unwrap();
        let y = labels
            .unsqueeze(1)
            .eq_tensor(&scene.ids)
            .to_kind(Kind::Double);
        recursion = Some(match recursion {
            None => {
                let inverse = (h.tr().matmul(&h) + identity(60) * lambda).inverse();
                let weight = inverse.matmul(&h.tr()).matmul(&y);
                (inverse, weight)
            }
            Some((mut inverse, mut weight)) => {
                for (h, y) in h.split(7, 0).iter().zip(y.split(7, 0)) {
                    let rows = h.size()[0];
                    let small = (identity(rows) + h.matmul(&inverse).matmul(&h.tr())).inverse();
                    let along = inverse.matmul(&h.tr());
                    inverse = &inverse - along.matmul(&small).matmul(&h.matmul(&inverse));
                    let residual = y - h.matmul(&weight);
                    weight += inverse.matmul(&h.tr()).matmul(&residual);
                }
                (inverse, weight)
            }
        });
    }
    let features = scene.features.to_kind(Kind::Double);
    let h = projection().of(&unit_rows(&features).unwrap()).unwrap();
    let expected = h.matmul(&recursion.unwrap().1);
    let scores = ours.of(&features, &scene.ids).unwrap();
    let difference = (scores - &expected).abs().max().double_value(&[]);
    let scale = expected.abs().max().double_value(&[]);
    assert!(difference < 1e-6 * scale, "{difference} of {scale}");
    let learned = Vec::<bool>::try_from(ours.learned(&scene.ids).unwrap()).unwrap();
    assert_eq!(learned, [true, true, true, false, true, true]);
}

#[test]
fn the_dual_form_equals_kernel_ridge_regression_on_all_samples() {
    let scene = Scene::new(9, "train");
    let mut ours = Dual::new(0.7, WIDTH, CLASSES, Device::Cpu);
    for classes in [vec![0, 4], vec![2, 4], vec![1]] {
        ours.add(&scene.of(&classes), 0.01, &Host::silent())
            .unwrap();
    }
    // Class 4 came twice, with the same samples.
    let rows: Vec<i64> = [0, 4, 2, 4, 1]
        .iter()
        .flat_map(|c| c * 9..c * 9 + 9)
        .collect();
    let features = scene.features.to_kind(Kind::Double);
    let unit: Vec<Vec<f64>> = Vec::<Vec<f64>>::try_from(&features)
        .unwrap()
        .into_iter()
        .map(|row| {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter().map(|x| x / length).collect()
        })
        .collect();
    let kernel = |a: i64, b: i64| {
        let pairs = unit[a as usize].iter().zip(&unit[b as usize]);
        (-0.7 * pairs.map(|(x, z)| (x - z) * (x - z)).sum::<f64>()).exp()
    };
    let n = rows.len() as i64;
    let entries: Vec<f64> = rows
        .iter()
        .enumerate()
        .flat_map(|(i, &a)| {
            rows.iter()
                .enumerate()
                .map(move |(j, &b)| kernel(a, b) + if i == j { 0.01 } else { 0.0 })
                .collect::<Vec<_>>()
        })
        .collect();
    let labels = Tensor::from_slice(&rows.iter().map(|row| row / 9).collect::<Vec<_>>());
    let y = labels
        .unsqueeze(1)
        .eq_tensor(&scene.ids)
        .to_kind(Kind::Double);
    let system = Tensor::from_slice(&entries).view((n, n));
    let alpha = Tensor::linalg_solve(&system, &y, true);
    let of_all: Vec<f64> = (0..54)
        .flat_map(|a| rows.iter().map(move |&b| kernel(a, b)).collect::<Vec<_>>())
        .collect();
    let expected = Tensor::from_slice(&of_all).view((54, n)).matmul(&alpha);
    let scores = ours.of(&features, &scene.ids).unwrap();
    let difference = (scores - expected).abs().max().double_value(&[]);
    assert!(difference < 1e-8, "{difference}");
}

#[test]
fn one_sample_and_features_that_are_all_the_same_give_finite_scores() {
    let scene = Scene::new(2, "train");
    for parameters in forms() {
        for scale in [0.0, 1.0] {
            let mut rail = strategy(parameters.clone());
            for classes in [&[3][..], &[3, 1]] {
                let samples = scene.of(classes);
                let row = samples.features.narrow(0, 0, 1) * scale;
                let same = row.repeat([samples.len(), 1]);
                let labels = Vec::<i64>::try_from(samples.labels().unwrap()).unwrap();
                rail.add(&Samples::new(same, &labels, CLASSES).unwrap())
                    .unwrap();
            }
            let scores = scene.scores(&rail);
            assert!(scores.isfinite().all().int64_value(&[]) != 0, "{scores}");
        }
    }
}

#[test]
fn parameters_of_the_other_form_are_refused() {
    let message = |json: &str| {
        let parameters = harness_abi::parameters::parse::<Parameters>(json.as_bytes());
        parameters
            .and_then(|parameters| parameters.check())
            .unwrap_err()
            .to_string()
    };
    for (json, expected) in [
        (
            r#"{"gamma": 1}"#,
            "parameter `gamma`: applies to `form: dual` only; remove it",
        ),
        (
            r#"{"form": "dual", "projection_width": 100}"#,
            "parameter `projection_width`: applies to `form: primal` only; remove it",
        ),
        (
            r#"{"templates": ["a {}"], "domain_templates": true}"#,
            "parameter `domain_templates`: conflicts with `templates`; remove one of them",
        ),
        (
            r#"{"fusion": 1.5}"#,
            "parameter `fusion`: must be at least 0 and at most 1, got 1.5",
        ),
    ] {
        assert_eq!(message(json), expected);
    }
}
