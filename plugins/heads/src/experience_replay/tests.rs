//! What replay is for, against training without it.

use super::*;
use harness_abi::testkit::{ToyBackbone, json};
use std::fmt::Display;

const WIDTH: i64 = 16;
const CLASSES: i64 = 6;

fn strategy(parameters: impl Display, classes: u32) -> ExperienceReplay {
    let setting = Setting {
        seed: 1,
        tasks: 3,
        classes,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![ToyBackbone::handle()],
        host: Host::silent(),
    };
    let parameters = harness_abi::parameters::parse(parameters.to_string().as_bytes());
    ExperienceReplay::create(parameters.unwrap(), setting).unwrap()
}

/// Forty samples of each class: one direction per class, plus noise. They differ by `draw`.
fn features(classes: &[i64], draw: u32) -> (Tensor, Vec<i64>) {
    let mut generator = Generator::new(3, "samples", draw);
    let labels: Vec<i64> = classes.iter().flat_map(|&class| [class; 40]).collect();
    let directions: Vec<f32> = (labels.iter())
        .flat_map(|&label| (0..WIDTH).map(move |at| if at == label { 1.0 } else { 0.0 }))
        .collect();
    let rows = labels.len() as i64;
    let noise = generator.normal_tensor(&[rows, WIDTH], 0.15, Device::Cpu);
    let features = Tensor::from_slice(&directions).view((rows, WIDTH)) + noise.unwrap();
    (features, labels)
}

/// As `learn_task`, on features.
fn learn(strategy: &mut ExperienceReplay, task: u32, classes: &[i64]) {
    let (features, labels) = features(classes, task);
    let kept = strategy.kept_features().unwrap();
    strategy
        .train(task, &labels, &kept, |_| Ok(features.shallow_clone()))
        .unwrap();
    let offer = Offer {
        features: &features,
        labels: &labels,
        kept: None,
        seed: 1,
        task,
    };
    let read = |rows: &[u32]| Ok(select(&features, rows).unwrap());
    strategy.memory.update(&offer, read).unwrap();
}

fn learned(parameters: impl Display, tasks: &[&[i64]]) -> ExperienceReplay {
    let mut strategy = strategy(parameters, CLASSES as u32);
    for (task, classes) in (1..).zip(tasks) {
        learn(&mut strategy, task, classes);
    }
    strategy
}

/// The accuracy on new samples of all classes.
fn accuracy(strategy: &ExperienceReplay) -> f64 {
    let all: Vec<i64> = (0..CLASSES).collect();
    let (features, labels) = features(&all, 100);
    let logits = strategy.logits(features, &all).unwrap();
    let right = logits
        .argmax(1, false)
        .eq_tensor(&Tensor::from_slice(&labels));
    right
        .to_kind(Kind::Double)
        .mean(Kind::Double)
        .double_value(&[])
}

#[test]
fn a_memory_of_everything_is_worth_joint_training_and_a_small_one_is_in_between() {
    let parameters = |memory| json!({ "epochs": 30, "lr": 0.1, "memory": memory });
    let tasks: [&[i64]; 3] = [&[0, 1], &[2, 3], &[4, 5]];
    let joint = accuracy(&learned(
        parameters(json!({})),
        &[&(0..CLASSES).collect::<Vec<_>>()],
    ));
    let replayed = |memory| accuracy(&learned(parameters(memory), &tasks));
    let everything = replayed(json!({ "size": 1000 }));
    assert!(
        joint > 0.95 && everything > joint - 0.02,
        "{everything}, jointly {joint}"
    );
    let nothing = replayed(json!({ "size": 0 }));
    assert!(nothing < 0.6, "{nothing}");
    for few in [
        json!({ "size": 12 }),
        json!({ "per_class": 2 }),
        json!({ "per_class": 2, "selection": "herding" }),
    ] {
        let few = replayed(few);
        assert!(nothing + 0.2 < few && few <= everything + 0.02, "{few}");
    }
}

/// The loop of `linear-head`, with the same generators.
#[test]
fn without_a_memory_the_head_is_that_of_plain_training_bit_for_bit() {
    let tasks: [&[i64]; 3] = [&[0, 1, 2], &[3], &[5, 0, 4]];
    let strategy = learned(json!({ "epochs": 3, "memory": { "size": 0 } }), &tasks);
    let mut generator = Generator::new(1, "init", 0);
    let head = Head::new(CLASSES as u32, 16, 0.01, &mut generator, Device::Cpu).unwrap();
    let mut seen = 0;
    for (task, classes) in (1..).zip(tasks) {
        seen = classes.iter().fold(seen, |seen, class| seen.max(class + 1));
        let (features, labels) = features(classes, task);
        let samples = TaskSamples::new(features, &labels, Candidates::new(0..seen)).unwrap();
        let mut generator = Generator::new(1, "order", task);
        let parameters = crate::parameters::Parameters::default();
        let mut optimiser = head.optimiser(&parameters).unwrap();
        let _mode = GradientMode::on();
        for _ in 0..3 {
            let order = generator.permutation(samples.len());
            head.epoch(&mut optimiser, &samples, &order, 32).unwrap();
        }
    }
    let bytes = |head: &Head| head.state().unwrap().to_bytes().unwrap();
    assert_eq!(bytes(&strategy.head), bytes(&head));
}

/// From weights of zero, all candidates have the same probability 1/C, so one step of all samples
/// and exemplars gives w_c = −η · mean of (1/C − [y = c]) x, and the same for the bias with x = 1.
#[test]
fn a_step_descends_the_mean_loss_of_samples_and_exemplars() {
    let parameters = json!({
        "epochs": 1, "batch_size": 200, "lr": 0.5, "init_std": 0, "momentum": 0,
        "memory": { "per_class": 7, "selection": "herding" },
    });
    let mut strategy = strategy(parameters, CLASSES as u32);
    let (old, old_labels) = features(&[0, 1], 1);
    let offer = Offer {
        features: &old,
        labels: &old_labels,
        kept: None,
        seed: 1,
        task: 1,
    };
    let read = |rows: &[u32]| Ok(select(&old, rows).unwrap());
    strategy.memory.update(&offer, read).unwrap();
    let kept = strategy.kept_features().unwrap();
    assert_eq!(kept.size(), [14, WIDTH]);
    let (new, new_labels) = features(&[1, 2], 2);
    let learned = strategy.train(2, &new_labels, &kept, |_| Ok(new.shallow_clone()));
    assert_eq!(learned.unwrap().optimiser_steps, 1);

    let labels = [&new_labels, strategy.memory.labels()].concat();
    let rows = Tensor::cat(&[&new, &kept], 0).to_kind(Kind::Double);
    let rows = Vec::<f64>::try_from(rows.view(-1)).unwrap();
    let rows: Vec<&[f64]> = rows.chunks(WIDTH as usize).collect();
    let (weight, bias) = strategy.head.tensors();
    for class in 0..CLASSES {
        let step = |at: Option<usize>| {
            let residual = |label: i64| 1.0 / 3.0 - f64::from(u8::from(label == class));
            let terms = rows.iter().zip(&labels);
            let terms = terms.map(|(row, &label)| residual(label) * at.map_or(1.0, |at| row[at]));
            match class < 3 {
                true => -0.5 * terms.sum::<f64>() / labels.len() as f64,
                false => 0.0,
            }
        };
        let ours = bias.double_value(&[class]);
        assert!((ours - step(None)).abs() < 1e-6, "{ours}");
        for at in 0..WIDTH {
            let (ours, expected) = (weight.double_value(&[class, at]), step(Some(at as usize)));
            assert!((ours - expected).abs() < 1e-6, "{ours}, not {expected}");
        }
    }
}

/// A class that comes back is replayed and learned with its new samples; one that never had samples
/// is ruled out.
#[test]
fn a_class_that_comes_back_keeps_its_row_and_its_exemplars() {
    let parameters = json!({ "epochs": 10, "lr": 0.1, "memory": { "size": 60 } });
    let strategy = learned(parameters, &[&[0, 1, 2], &[4], &[1, 4]]);
    assert_eq!(strategy.memory.seen(), [40, 80, 40, 0, 80, 0]);
    assert_eq!(strategy.memory.len(), 60);
    let (features, labels) = features(&[0, 1, 2, 4], 100);
    let logits = strategy.logits(features, &[0, 1, 2, 3, 4, 5]).unwrap();
    let right = logits
        .argmax(1, false)
        .eq_tensor(&Tensor::from_slice(&labels));
    let accuracy = right.to_kind(Kind::Double).mean(Kind::Double);
    assert!(accuracy.double_value(&[]) > 0.9);
    for (class, ruled_out) in [(3, true), (5, true), (0, false)] {
        let infinite = logits.select(1, class).isinf().all().int64_value(&[]);
        assert_eq!(infinite != 0, ruled_out);
    }
}

#[test]
fn images_take_more_memory_than_features_and_are_declared() {
    let outline = Outline {
        tasks: 3,
        classes: 10,
        samples: 5000,
        task_samples: 2000,
        device: "cpu".into(),
        backbones: vec![ToyBackbone::handle().info().clone()],
        ..Outline::default()
    };
    let declared = |json: &str| {
        let parameters = harness_abi::parameters::parse(json.as_bytes()).unwrap();
        ExperienceReplay::check(&parameters, &outline).unwrap()
    };
    let (features, images) = (declared("{}"), declared(r#"{"contents": "images"}"#));
    assert_eq!(features.keeps, [harness_abi::Keeps::Features]);
    assert_eq!(images.keeps, [harness_abi::Keeps::Images]);
    assert!(declared(r#"{"memory": {"size": 0}}"#).keeps.is_empty());
    assert_eq!(features.trainable_parameters, 10 * 16 + 10);
    // An image of the toy backbone has 192 bytes, a feature 64.
    let difference = images.memory_bytes.unwrap() - features.memory_bytes.unwrap();
    assert_eq!(difference, 3 * 2000 * (192 - 64));
}
