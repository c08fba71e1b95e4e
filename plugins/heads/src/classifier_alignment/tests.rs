use super::*;
use harness_abi::testkit::{ToyBackbone, json};

const WIDTH: i64 = 16;
const CLASSES: u32 = 6;

fn strategy(parameters: serde_json::Value) -> ClassifierAlignment {
    let setting = Setting {
        seed: 4,
        tasks: 3,
        classes: CLASSES,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![ToyBackbone::handle()],
        host: Host::silent(),
    };
    let parameters = harness_abi::parameters::parse(parameters.to_string().as_bytes());
    ClassifierAlignment::create(parameters.unwrap(), setting).unwrap()
}

/// Samples of classes: one direction per class, plus noise and a common offset.
fn samples(split: &str, classes: &[u32], each: usize) -> (Vec<Class>, Tensor, Vec<i64>) {
    let mut features = Vec::new();
    let mut labels = Vec::new();
    for &class in classes {
        let mut generator = Generator::new(3, split, class);
        for _ in 0..each {
            labels.push(i64::from(class));
            for at in 0..WIDTH {
                let mean = 1.0 + 2.0 * f64::from(u8::from(at == i64::from(class)));
                features.push((mean + 0.3 * generator.normal()) as f32);
            }
        }
    }
    let classes = classes.iter().map(|&id| Class {
        id,
        name: format!("class {id}"),
        templates: Vec::new(),
    });
    let features = Tensor::from_slice(&features).view((-1, WIDTH));
    (classes.collect(), features, labels)
}

fn learn(strategy: &mut ClassifierAlignment, task: u32, classes: &[u32], each: usize) -> Learned {
    let (classes, features, labels) = samples("train", classes, each);
    strategy
        .learn_features(task, &classes, &features, &labels)
        .unwrap()
}

fn accuracy(strategy: &ClassifierAlignment, classes: &[u32]) -> f64 {
    let _mode = GradientMode::off();
    let (_, features, labels) = samples("test", classes, 40);
    let all: Vec<i64> = (0..CLASSES.into()).collect();
    let logits = strategy.logits(&features, &all).unwrap();
    let right = logits
        .argmax(1, false)
        .eq_tensor(&Tensor::from_slice(&labels));
    right
        .to_kind(Kind::Double)
        .mean(Kind::Double)
        .double_value(&[])
}

fn rows(head: &Head) -> Tensor {
    let (weight, bias) = head.tensors();
    Tensor::cat(&[weight.detach(), bias.detach().unsqueeze(1)], 1)
}

fn restored(strategy: &ClassifierAlignment, parameters: serde_json::Value) -> ClassifierAlignment {
    let mut other = self::strategy(parameters);
    let state = strategy.state().unwrap();
    let bytes = state.to_bytes().unwrap();
    other.restore(state).unwrap();
    assert_eq!(other.state().unwrap().to_bytes().unwrap(), bytes);
    other
}

#[test]
fn alignment_keeps_old_classes_apart_from_new_ones_and_does_not_accumulate() {
    let aligned = || json!({ "training": { "batch_size": 16 } });
    let plain = || json!({ "training": { "batch_size": 16 }, "alignment": { "epochs": 0 } });
    let (mut with, mut without) = (strategy(aligned()), strategy(plain()));
    for task in 1..=3 {
        let classes = [2 * task - 2, 2 * task - 1];
        // The first task has many samples, the last one few.
        let each = [80, 20, 5][task as usize - 1];
        let steps = learn(&mut with, task, &classes, each).optimiser_steps;
        let seen = u64::from(2 * task);
        let alignment = if task == 1 { 0 } else { 5 * seen };
        // 20 epochs, and 5 of as many batches as there are classes.
        assert_eq!(steps, 20 * (2 * each as u64).div_ceil(16) + alignment);
        learn(&mut without, task, &classes, each);
        // Stage 1 starts from the head that was not aligned.
        assert_eq!(rows(&with.head), rows(&without.head));
        assert_eq!(with.aligned.is_some(), task > 1);
        with = restored(&with, aligned());
        without = restored(&without, plain());
    }
    let all = [0, 1, 2, 3, 4, 5];
    let (with, without) = (accuracy(&with, &all), accuracy(&without, &all));
    assert!(with > 0.98, "{with}");
    assert!(without < with - 0.05, "{without} without alignment");
}

#[test]
fn stage_1_leaves_the_rows_of_other_classes_alone() {
    let mut strategy = strategy(json!({ "training": { "weight_decay": 0.1 } }));
    learn(&mut strategy, 1, &[0, 1], 10);
    let before = rows(&strategy.head);
    learn(&mut strategy, 2, &[2, 3], 10);
    let after = rows(&strategy.head);
    for class in 0..i64::from(CLASSES) {
        let same = before.get(class) == after.get(class);
        assert_eq!(same, ![2, 3].contains(&class), "class {class}");
    }
}

#[test]
fn a_class_that_comes_back_keeps_its_row_and_its_task() {
    for source in ["gaussian", "diagonal-gaussian", "mixture"] {
        let mut strategy = strategy(json!({ "source": source, "training": { "lr": 1e-6 } }));
        learn(&mut strategy, 1, &[0, 1, 2], 20);
        let before = rows(&strategy.head);
        // Class 1 comes back between new ones, as a single sample, then alone.
        learn(&mut strategy, 2, &[1, 3], 1);
        learn(&mut strategy, 3, &[1], 12);
        let moved = (rows(&strategy.head) - before).get(1).abs().max();
        assert!(moved.double_value(&[]) < 1e-3);
        assert_eq!(strategy.memory.arrived, [1, 1, 1, 2]);
        assert_eq!(blocks(&strategy.memory.arrived), [0..3, 3..4]);
        let mut state = State::default();
        strategy.statistics.put(&mut state).unwrap();
        let counts: Vec<i64> = state
            .take("statistics.count")
            .unwrap()
            .view()
            .to_vec()
            .unwrap();
        assert_eq!(counts, [20, 33, 20, 1]);
        let parameters = json!({ "source": source, "training": { "lr": 1e-6 } });
        restored(&strategy, parameters);
        let (_, features, _) = samples("train", &[1], 3);
        let logits = strategy.logits(&features, &[5, 1, 3]).unwrap();
        assert!(
            logits
                .select(1, 0)
                .eq(f64::NEG_INFINITY)
                .all()
                .int64_value(&[])
                == 1
        );
        let seen = logits.narrow(1, 1, 2);
        assert!(clbench_torch::training::all_finite(&seen).unwrap());
    }
}

/// The draws of a source, moved: the mean of class 0 is half of its own.
#[test]
fn every_source_draws_the_classes_with_moved_means() {
    for source in [
        "gaussian",
        "diagonal-gaussian",
        "vae",
        "mixture",
        "diffusion",
    ] {
        let mut strategy = strategy(json!({
            "source": source,
            "training": { "epochs": 1 },
            "alignment": { "epochs": 0 },
            "vae": { "hidden": 32, "latent": 8, "epochs": 200 },
            "diffusion": { "hidden": 32, "layers": 2, "epochs": 100 },
        }));
        learn(&mut strategy, 1, &[0], 60);
        learn(&mut strategy, 2, &[1], 60);
        let drawn = strategy.drawn(2, &[0.5, 1.0], 500).unwrap()().unwrap();
        assert_eq!(
            (drawn.size(), drawn.kind()),
            (vec![1000, WIDTH], Kind::Float)
        );
        let drawn = drawn.view((2, 500, WIDTH)).to_kind(Kind::Double);
        let drawn = drawn.mean_dim([1_i64].as_slice(), false, Kind::Double);
        let means = strategy.statistics.means().unwrap();
        let moved = means * Tensor::from_slice(&[0.5, 1.0]).unsqueeze(1);
        let off = (drawn - moved).abs().max().double_value(&[]);
        assert!(off < 0.25, "{source}: a mean is off by {off}");
    }
}

#[test]
fn divergence_and_missing_samples_are_errors() {
    let mut one = strategy(json!({ "training": { "lr": 1e30 } }));
    let (classes, features, labels) = samples("train", &[0, 1], 10);
    let error = one
        .learn_features(1, &classes, &(features * 1e10), &labels)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "training, epoch 2 of 20: training diverged: the loss is not finite; lower `training.lr` \
         (now 1000000000000000000000000000000), or set `normalise: unit`"
    );
    let mut one = strategy(json!({}));
    let (_, features, labels) = samples("train", &[0], 10);
    let error = one
        .learn_features(1, &classes, &features, &labels)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "class `class 1` has no training samples, so nothing can be drawn for it later; add some, or remove the class"
    );
}
