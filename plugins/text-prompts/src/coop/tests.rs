//! CoOp on a stream of tasks, compared with training by hand.

use super::*;
use clbench_torch::prompting::cosine::unit_rows;
use harness_abi::ErrorCode;
use harness_abi::host::HostService;
use harness_abi::testkit::ToyBackbone;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const NAMES: [&str; 6] = ["grey_seal", "tern", "crab", "shore lark", "otter", "kelp"];

/// A host that records what it is told, and cancels once it was asked `patience` times whether to.
struct Notes {
    losses: Mutex<Vec<f64>>,
    progress: Mutex<Vec<(String, u64, u64)>>,
    patience: AtomicU64,
}

impl Notes {
    fn patient(questions: u64) -> Arc<Notes> {
        Arc::new(Notes {
            losses: Mutex::default(),
            progress: Mutex::default(),
            patience: AtomicU64::new(questions),
        })
    }
}

impl HostService for Notes {
    fn progress(&self, phase: &str, done: u64, total: u64) {
        let mut progress = self.progress.lock().unwrap();
        progress.push((phase.into(), done, total));
    }

    fn scalar(&self, name: &str, step: u64, value: f64) {
        let mut losses = self.losses.lock().unwrap();
        losses.push(value);
        assert_eq!((name, step), ("loss", losses.len() as u64));
    }

    fn cancelled(&self) -> bool {
        self.patience.fetch_sub(1, Ordering::SeqCst) == 0
    }
}

/// Few context tokens and a high learning rate.
fn quick() -> Parameters {
    Parameters {
        context_tokens: 4,
        epochs: 4,
        batch_size: 7,
        lr: 0.2,
        ..Parameters::default()
    }
}

fn coop_with(parameters: Parameters, host: Host) -> CoOp {
    let setting = Setting {
        seed: 1,
        tasks: 3,
        classes: 6,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![ToyBackbone::handle()],
        host,
    };
    CoOp::create(parameters, setting).unwrap()
}

fn coop(parameters: Parameters) -> CoOp {
    coop_with(parameters, Host::silent())
}

fn class(id: u32) -> Class {
    Class {
        id,
        name: NAMES[id as usize].into(),
        templates: Vec::new(),
    }
}

/// The two classes of a task; tasks count from 1.
fn own(task: u32) -> Seen {
    let ids = 2 * task - 2..2 * task;
    ids.map(|id| (id, NAMES[id as usize].to_owned())).collect()
}

/// Ten samples per class of a task, with labels as positions among the candidates.
fn samples(task: u32, candidates: &Seen) -> TrainingSamples {
    let labels: Vec<i64> = own(task)
        .keys()
        .flat_map(|&id| [i64::from(id); 10])
        .collect();
    let mut generator = Generator::new(3, "samples", task);
    let features: Vec<f32> = labels
        .iter()
        .flat_map(|&label| (0..16).map(move |at| f64::from(u8::from(at == label))))
        .map(|mean| (mean + 0.1 * generator.normal()) as f32)
        .collect();
    let features = unit_rows(&Tensor::from_slice(&features).view((-1, 16))).unwrap();
    labelled(features, &labels, candidates).unwrap()
}

fn learn(strategy: &mut CoOp, task: u32) -> Result<Learned> {
    let candidates = strategy.candidates(&own(task));
    let learned = strategy.train(task, &candidates, &samples(task, &candidates))?;
    strategy.seen.extend(own(task));
    Ok(learned)
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let values = Vec::<f32>::try_from(tensor.reshape([-1])).unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

/// By hand: each task starts with a new optimiser, a restarted schedule and the previous context.
#[test]
fn every_task_starts_with_a_new_optimiser_and_schedule() {
    let mut strategy = coop(quick());
    let mut context = strategy.context.copy();
    for task in [1, 2] {
        assert_eq!(learn(&mut strategy, task).unwrap().optimiser_steps, 4 * 3);
        let names: Vec<String> = own(task).into_values().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let toy = ToyBackbone::handle();
        let prompt = Prompt::new(&toy, &names, &context, harness_abi::Place::Front).unwrap();
        let mut optimiser = prompt.sgd(0.2, 0.9, 5e-4).unwrap();
        let mut generator = Generator::new(1, "order", task);
        let samples = samples(task, &own(task));
        let cosine = |part: f64| 0.1 * (1.0 + cosine_of(part));
        for lr in [1e-5, 0.2, cosine(0.25), cosine(0.5)] {
            optimiser.set_lr(lr);
            for rows in generator.permutation(20).chunks(7) {
                let batch = samples.rows(&Tensor::from_slice(rows)).unwrap();
                let _ = prompt.step(&mut optimiser, &batch).unwrap();
            }
        }
        context = prompt.context().detach().copy();
        let off = (&strategy.context - &context).abs().max().double_value(&[]);
        assert!(off < 1e-7, "task {task}: off by {off}");
    }
}

/// cos(π · part).
fn cosine_of(part: f64) -> f64 {
    (std::f64::consts::PI * part).cos()
}

#[test]
fn candidates_are_the_tasks_classes_or_all_classes_seen() {
    for (train_on, expected) in [
        (TrainOn::Task, vec![2, 3]),
        (TrainOn::Seen, vec![0, 1, 2, 3]),
    ] {
        let mut strategy = coop(Parameters {
            train_on,
            ..quick()
        });
        learn(&mut strategy, 1).unwrap();
        let candidates = strategy.candidates(&own(2));
        assert!(candidates.keys().eq(&expected), "{candidates:?}");
        // The candidates survive when the host drops and restores the strategy.
        let state = strategy.state().unwrap();
        let mut again = coop(strategy.parameters.clone());
        again.restore(state).unwrap();
        assert_eq!(again.candidates(&own(2)), candidates);
        // A label is a position among the candidates.
        let first = samples(2, &candidates).targets.int64_value(&[0]);
        assert_eq!(first, expected.len() as i64 - 2);
    }
    let error = labelled(Tensor::from_slice(&[1.0_f32]), &[4], &own(1));
    assert_eq!(
        error.unwrap_err().to_string(),
        "a sample has class 4, which is not among the candidates"
    );
}

#[test]
fn a_shared_context_scores_every_class_and_is_the_whole_state() {
    let mut strategy = coop(quick());
    let before = strategy.context.copy();
    learn(&mut strategy, 1).unwrap();
    assert_ne!(bits(&before), bits(&strategy.context));
    let classes: Vec<Class> = (0..6).map(class).collect();
    strategy.refuse_unseen(&classes).unwrap();

    let state = strategy.state().unwrap();
    assert_eq!(state.size(), 4 * 8 * 4 + "null".len() as u64);
    let mut again = coop(quick());
    again.restore(state).unwrap();
    assert_eq!(bits(&again.context), bits(&strategy.context));
    let toy = ToyBackbone::handle();
    let all: Vec<&Class> = classes.iter().collect();
    let features = encoded(&quick(), &toy, &again.context, &all).unwrap();
    assert_eq!(features.size(), [6, 16]);
    // An unseen class uses the learned context too.
    let by_hand = text_features(&toy, &["kelp"], &strategy.context, quick().context).unwrap();
    assert_eq!(bits(&features.get(5)), bits(&by_hand));
}

#[test]
fn a_per_class_context_is_trained_by_its_task_and_scores_no_other_class() {
    for train_on in [TrainOn::Task, TrainOn::Seen] {
        let parameters = Parameters {
            per_class: true,
            train_on,
            ..quick()
        };
        let mut strategy = coop(parameters.clone());
        let contexts = |strategy: &CoOp| -> Vec<Vec<u32>> {
            (0..6).map(|id| bits(&strategy.context.get(id))).collect()
        };
        let first = contexts(&strategy);
        learn(&mut strategy, 1).unwrap();
        let second = contexts(&strategy);
        learn(&mut strategy, 2).unwrap();
        let third = contexts(&strategy);
        let moved = |before: &[Vec<u32>], after: &[Vec<u32>]| -> Vec<usize> {
            (0..6).filter(|&id| before[id] != after[id]).collect()
        };
        assert_eq!(moved(&first, &second), [0, 1]);
        let expected: &[usize] = match train_on {
            TrainOn::Task => &[2, 3],
            TrainOn::Seen => &[0, 1, 2, 3],
        };
        assert_eq!(moved(&second, &third), expected);

        let mut again = coop(parameters.clone());
        again.restore(strategy.state().unwrap()).unwrap();
        again.refuse_unseen(&[class(3), class(0)]).unwrap();
        assert_eq!(
            again
                .refuse_unseen(&[class(0), class(4)])
                .unwrap_err()
                .to_string(),
            "class `otter` has not been learned yet, so with `per_class: true` its context is untrained and cannot score it; score seen classes only, or set `per_class: false`"
        );
        // Each class is encoded with its own context.
        let toy = ToyBackbone::handle();
        let classes = [class(3), class(0)];
        let classes: Vec<&Class> = classes.iter().collect();
        let features = encoded(&parameters, &toy, &again.context, &classes).unwrap();
        for (row, id) in [(0, 3), (1, 0)] {
            let context = again.context.get(id);
            let names = [NAMES[id as usize]];
            let by_hand = text_features(&toy, &names, &context, parameters.context).unwrap();
            assert_eq!(bits(&features.get(row)), bits(&by_hand));
        }
    }
}

#[test]
fn declarations_follow_from_the_parameters() {
    let outline = Outline {
        tasks: 3,
        classes: 6,
        device: "cpu".into(),
        folder: ".".into(),
        backbones: vec![ToyBackbone::handle().info().clone()],
        ..Outline::default()
    };
    let declared = |per_class| {
        let parameters = Parameters {
            per_class,
            ..quick()
        };
        let declared = CoOp::check(&parameters, &outline).unwrap();
        assert_eq!((declared.keeps.len(), declared.batch_dependent), (0, false));
        (declared.scores_unseen, declared.trainable_parameters)
    };
    assert_eq!(declared(false), (true, 4 * 8));
    assert_eq!(declared(true), (false, 6 * 4 * 8));

    let long = Parameters {
        context_tokens: 22,
        ..quick()
    };
    assert_eq!(
        CoOp::check(&long, &outline).unwrap_err().to_string(),
        "parameter `context_tokens`: must be at most 20, got 22: backbone `toy` takes 24 tokens, of which start, end, class name and full stop need at least 4"
    );
}

#[test]
fn a_class_name_that_is_too_long_is_an_error() {
    let name = ["word"; 9].join("_");
    let parameters = Parameters {
        context_tokens: 16,
        ..quick()
    };
    let mut strategy = coop(parameters);
    let candidates = Seen::from([(0, "tern".into()), (1, name.clone())]);
    let error = strategy.train(1, &candidates, &samples(1, &own(1)));
    assert_eq!(
        error.unwrap_err().to_string(),
        format!(
            "epoch 1 of 4: encoding texts with a learned context: `{}` has 9 tokens and 16 of context; the toy takes 24",
            name.replace('_', " ")
        )
    );
}

#[test]
fn every_epoch_is_reported_and_the_host_can_cancel_between_steps() {
    let notes = Notes::patient(12);
    let mut strategy = coop_with(quick(), Host::serving(notes.clone()));
    learn(&mut strategy, 1).unwrap();
    let epochs: Vec<_> = (1..=4)
        .map(|epoch| ("epoch".to_owned(), epoch, 4))
        .collect();
    assert_eq!(*notes.progress.lock().unwrap(), epochs);
    let losses = notes.losses.lock().unwrap().clone();
    assert!(losses[3] < 0.9 * losses[0], "{losses:?}");

    // An epoch has three steps.
    let notes = Notes::patient(4);
    let mut strategy = coop_with(quick(), Host::serving(notes.clone()));
    let error = learn(&mut strategy, 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CANCELLED);
    assert_eq!(notes.losses.lock().unwrap().len(), 1);
}

#[test]
fn divergence_is_an_error() {
    let mut strategy = coop(Parameters {
        lr: 1e38,
        weight_decay: 1e4,
        ..quick()
    });
    assert_eq!(
        learn(&mut strategy, 1).unwrap_err().to_string(),
        "epoch 2 of 4: training diverged: the loss is not finite; lower `lr` (now 100000000000000000000000000000000000000)"
    );
}
