use super::*;
use crate::prompts::LEARNED;
use clbench_torch::Generator;
use clbench_torch::tch::Kind;
use harness_abi::testkit::ToyBackbone;

const NAMES: [&str; 4] = ["tern", "grey seal", "crab", "kelp"];

fn classes(ids: &[u32]) -> Vec<Class> {
    ids.iter()
        .map(|&id| Class {
            id,
            name: NAMES[id as usize].into(),
            templates: Vec::new(),
        })
        .collect()
}

fn classifier(train: Trains) -> Classifier {
    let prompting = Prompting {
        context: Context::PerClass,
        learned_tokens: Some(6),
        init_std: 0.5,
        train,
        ..Prompting::default()
    };
    let setting = Setting {
        seed: 3,
        tasks: 3,
        classes: 4,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![ToyBackbone::handle()],
        host: Host::silent(),
    };
    Classifier::new(prompting, Precision::F32, Unseen::Unit, setting).unwrap()
}

/// Samples of all four classes: one direction each.
fn samples() -> TrainingSamples {
    let mut generator = Generator::new(7, "samples", 0);
    let centres = generator.normal_tensor(&[4, 16], 1.0, Device::Cpu).unwrap();
    let noise = generator
        .normal_tensor(&[40, 16], 0.1, Device::Cpu)
        .unwrap();
    let labels: Vec<i64> = (0..40).map(|row| row % 4).collect();
    let targets = Tensor::from_slice(&labels);
    TrainingSamples {
        features: unit_rows(&(centres.index_select(0, &targets) + noise)).unwrap(),
        targets,
    }
}

fn tune(classifier: &mut Classifier, own: &[u32]) {
    let training = Training {
        epochs: 100,
        lr: 0.2,
        ..Training::default()
    };
    classifier
        .tune(&classes(own), &training, "training", |_| Ok(samples()))
        .unwrap();
}

fn learned(classifier: &Classifier) -> Tensor {
    classifier.prompts.tensor(LEARNED).unwrap().copy()
}

/// The share of the samples of classes 1 and 3 whose class has the most similar text key.
fn accuracy(classifier: &mut Classifier) -> f64 {
    let _mode = GradientMode::off();
    let keys = classifier.keys(&classes(&[0, 1, 2, 3])).unwrap();
    let odd = Tensor::arange_start_step(1, 40, 2, (Kind::Int64, Device::Cpu));
    let samples = samples().rows(&odd).unwrap();
    let predicted = samples.features.matmul(&keys.tr()).argmax(1, false);
    let right = predicted.eq_tensor(&samples.targets);
    right
        .to_kind(Kind::Double)
        .mean(Kind::Double)
        .double_value(&[])
}

#[test]
fn with_train_task_the_prompts_of_a_returning_class_are_trained_and_the_others_stay() {
    let mut one = classifier(Trains::Task);
    one.arrive(&classes(&[0, 1, 2])).unwrap();
    let first = learned(&one);
    // Class 1 comes back beside a new class; classes 0 and 2 are frozen.
    one.arrive(&classes(&[1, 3])).unwrap();
    let before = learned(&one);
    assert_eq!(before.narrow(0, 0, 3), first);
    let guessed = accuracy(&mut one);
    tune(&mut one, &[1, 3]);
    let after = learned(&one);
    for class in 0..4 {
        let is_frozen = [0, 2].contains(&class);
        assert_eq!(after.get(class) == before.get(class), is_frozen, "{class}");
    }
    // The targets belong to the classes that were trained, whatever their order in training.
    let trained = accuracy(&mut one);
    assert!(trained > guessed.max(0.7), "{trained}, before {guessed}");

    let mut state = State::default();
    one.put(&mut state).unwrap();
    let bytes = state.to_bytes().unwrap();
    let mut other = classifier(Trains::Task);
    other.take(&mut state).unwrap();
    other.put(&mut state).unwrap();
    assert_eq!(state.to_bytes().unwrap(), bytes);
}

#[test]
fn with_train_seen_it_does_not_matter_which_classes_a_task_has() {
    let trained = |own: &[u32]| {
        let mut one = classifier(Trains::Seen);
        one.arrive(&classes(&[0, 1, 2, 3])).unwrap();
        tune(&mut one, own);
        learned(&one)
    };
    assert_eq!(trained(&[3]), trained(&[0, 2]));
}

#[test]
fn a_class_keeps_its_name_and_ids_follow_the_order_of_arrival() {
    let mut one = classifier(Trains::Seen);
    one.arrive(&classes(&[1, 0])).unwrap();
    let mut renamed = classes(&[0]);
    renamed[0].name = "gull".into();
    assert_eq!(
        one.arrive(&renamed).unwrap_err().to_string(),
        "class 0 is `gull` now, but was `tern` in an earlier task; a class keeps its name"
    );
    assert_eq!(
        one.arrive(&classes(&[3])).unwrap_err().to_string(),
        "class 3 arrived after 2 classes; class ids must follow the order of arrival"
    );
}
