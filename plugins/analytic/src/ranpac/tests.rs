use super::*;
use clbench_torch::features::Output;
use harness_abi::ErrorCode;
use harness_abi::host::HostService;
use harness_abi::testkit::ToyBackbone;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const WIDTH: i64 = 16;

fn strategy(parameters: Parameters) -> RanPac {
    let setting = Setting {
        seed: 3,
        tasks: 3,
        classes: 6,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![ToyBackbone::handle()],
        host: Host::silent(),
    };
    RanPac::create(parameters, setting).unwrap()
}

/// Features around a mean per class, as (label, row).
fn samples(per_class: usize) -> Vec<(i64, Vec<f32>)> {
    let mut generator = Generator::new(9, "samples", 0);
    (0..6)
        .flat_map(|class| vec![class; per_class])
        .map(|class| {
            let row = (0..WIDTH).map(|at| {
                let mean = f64::from(u8::from(at == class || at == class + 6));
                (mean + 0.3 * generator.normal()) as f32
            });
            (class, row.collect())
        })
        .collect()
}

fn of(rows: &[(i64, Vec<f32>)]) -> Samples {
    let labels: Vec<i64> = rows.iter().map(|(label, _)| *label).collect();
    let flat: Vec<f32> = rows.iter().flat_map(|(_, row)| row.clone()).collect();
    Samples::new(Tensor::from_slice(&flat).view((-1, WIDTH)), &labels, 6).unwrap()
}

fn logits(strategy: &RanPac, samples: &Samples) -> Tensor {
    let ids = Tensor::from_slice(&[0_i64, 1, 2, 3, 4, 5]);
    let fitted = strategy.fitted.as_ref().unwrap();
    let projection = strategy.projection().unwrap();
    fitted
        .logits(projection, &samples.all().unwrap(), &ids)
        .unwrap()
}

fn fixed(projection_width: u32) -> Parameters {
    Parameters {
        projection_width,
        lambda: Some(1.0),
        ..Parameters::default()
    }
}

/// With a fixed λ it does not matter how the samples are split into tasks, or in which order they
/// come: class by class, mixed with classes that come back, or one sample at a time.
#[test]
fn order_and_split_do_not_matter() {
    let rows = samples(5);
    let everything = of(&rows);
    for width in [0, 40] {
        let mut jointly = strategy(fixed(width));
        jointly.add(1, &everything).unwrap();
        let expected = logits(&jointly, &everything);

        let mut by_class = strategy(fixed(width));
        for (task, class) in [4, 0, 5, 1, 3, 2].into_iter().enumerate() {
            let its: Vec<_> = rows
                .iter()
                .filter(|(label, _)| *label == class)
                .cloned()
                .collect();
            by_class.add(task as u32 + 1, &of(&its)).unwrap();
        }
        let mut mixed = strategy(fixed(width));
        let order = Generator::new(1, "mix", 0).permutation(rows.len());
        let shuffled: Vec<_> = order.iter().map(|&at| rows[at as usize].clone()).collect();
        for (task, its) in [&shuffled[..1], &shuffled[1..19], &shuffled[19..]]
            .iter()
            .enumerate()
        {
            mixed.add(task as u32 + 1, &of(its)).unwrap();
        }
        for other in [by_class, mixed] {
            let difference = (logits(&other, &everything) - &expected).abs().max();
            let scale = expected.abs().max().double_value(&[]);
            assert!(difference.double_value(&[]) < 1e-9 * scale, "{difference}");
        }
    }
}

#[test]
fn classes_without_samples_are_ruled_out_and_the_state_comes_back_bit_for_bit() {
    let rows = samples(8);
    let mut ours = strategy(Parameters {
        projection_width: 50,
        ..Parameters::default()
    });
    let before = ours.state().unwrap().to_bytes().unwrap();
    ours.restore(State::from_bytes(before).unwrap()).unwrap();
    let first: Vec<_> = rows
        .iter()
        .filter(|(label, _)| [1, 4].contains(label))
        .cloned()
        .collect();
    ours.add(1, &of(&first)).unwrap();
    let everything = of(&rows);
    let scores = logits(&ours, &everything);
    for class in 0..6 {
        let finite = scores.select(1, class).isfinite().all().int64_value(&[]) != 0;
        assert_eq!(finite, [1, 4].contains(&class));
    }
    let bytes = ours.state().unwrap().to_bytes().unwrap();
    let mut restored = strategy(ours.parameters.clone());
    restored
        .restore(State::from_bytes(bytes.clone()).unwrap())
        .unwrap();
    assert_eq!(restored.state().unwrap().to_bytes().unwrap(), bytes);
    assert_eq!(logits(&restored, &everything), scores);
}

/// Streams that a real data set can have: one sample, one sample per class, features that are all
/// the same, features that are zero, very large features.
#[test]
fn small_and_degenerate_tasks_give_finite_logits() {
    let rows = samples(1);
    let constant: Vec<_> = rows
        .iter()
        .map(|(label, _)| (*label, vec![1.0; 16]))
        .collect();
    let zero: Vec<_> = rows
        .iter()
        .map(|(label, _)| (*label, vec![0.0; 16]))
        .collect();
    let large: Vec<_> = rows
        .iter()
        .map(|(label, row)| (*label, row.iter().map(|x| x * 1e15).collect()))
        .collect();
    let everything = of(&rows);
    for rule in [RidgeRule::WithinOnePercent, RidgeRule::Published] {
        for width in [0, 30] {
            for tasks in [
                vec![&rows[..1], &rows[1..]],
                vec![&rows[..]],
                vec![&constant[..]],
                vec![&zero[..]],
                vec![&large[..]],
            ] {
                let mut ours = strategy(Parameters {
                    projection_width: width,
                    ridge_rule: rule,
                    ..Parameters::default()
                });
                for (task, rows) in tasks.into_iter().enumerate() {
                    ours.add(task as u32 + 1, &of(rows)).unwrap();
                }
                let scores = logits(&ours, &everything);
                assert!(scores.isfinite().all().int64_value(&[]) != 0, "{scores}");
            }
        }
    }
}

/// A host that stops the run when it is asked for the `stop`-th time, and records scalars and log
/// lines.
#[derive(Default)]
struct Notes {
    stop: Option<usize>,
    asked: AtomicUsize,
    scalars: Mutex<Vec<(String, u64, f64)>>,
    lines: Mutex<Vec<(Level, String)>>,
}

impl HostService for Notes {
    fn cancelled(&self) -> bool {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        self.stop.is_some_and(|stop| before >= stop)
    }

    fn scalar(&self, name: &str, step: u64, value: f64) {
        let mut scalars = self.scalars.lock().unwrap();
        scalars.push((name.into(), step, value));
    }

    fn log(&self, level: Level, message: &str) {
        self.lines.lock().unwrap().push((level, message.into()));
    }
}

#[test]
fn a_run_can_be_cancelled_at_every_stage() {
    let samples = of(&samples(5));
    let small = || Parameters {
        projection_width: 10,
        ..Parameters::default()
    };
    let with = |parameters, stop| {
        let notes = Arc::new(Notes {
            stop,
            ..Notes::default()
        });
        let mut ours = strategy(parameters);
        ours.host = Host::serving(notes.clone());
        (ours.add(7, &samples), notes)
    };
    let chosen = || Parameters {
        lambda: None,
        ..fixed(50)
    };
    for parameters in [small as fn() -> _, || fixed(50), chosen] {
        let (done, notes) = with(parameters(), None);
        done.unwrap();
        let asked = notes.asked.load(Ordering::SeqCst);
        assert!(asked >= 2);
        for stop in 0..asked {
            let error = with(parameters(), Some(stop)).0.unwrap_err();
            assert_eq!(error.code(), ErrorCode::CANCELLED);
        }
    }
}

#[test]
fn lambda_is_recorded_and_a_raised_one_is_logged() {
    let rows: Vec<_> = samples(1)
        .into_iter()
        .map(|(label, row)| (label, row.iter().map(|x| x * 1e6).collect()))
        .collect();
    let notes = Arc::new(Notes::default());
    let mut ours = strategy(Parameters {
        lambda: Some(1e-8),
        ..fixed(60)
    });
    ours.host = Host::serving(notes.clone());
    ours.add(2, &of(&rows)).unwrap();
    let scalars = notes.scalars.lock().unwrap();
    let [(name, step, used)] = &scalars[..] else {
        panic!("{scalars:?}");
    };
    assert_eq!((name.as_str(), *step), ("lambda", 2));
    assert!(*used > 1e-8, "{used}");
    let lines = notes.lines.lock().unwrap();
    let (level, last) = lines.last().unwrap();
    assert_eq!(*level, Level::Warning);
    assert!(last.ends_with(&format!("trying λ = {used:e}")), "{last}");
}

#[test]
fn the_declaration_has_the_output_and_the_memory_of_the_sums() {
    let outline = Outline {
        tasks: 3,
        classes: 100,
        samples: 6000,
        task_samples: 2000,
        device: "cpu".into(),
        backbones: vec![ToyBackbone::handle().info().clone()],
        ..Outline::default()
    };
    let parameters = Parameters {
        output: Output::ClassToken,
        ..Parameters::default()
    };
    let declared = RanPac::check(&parameters, &outline).unwrap();
    assert_eq!(declared.reads, ["class_token"]);
    assert_eq!(declared.keeps, [Keeps::Statistics]);
    // G and its factor are 1.6 GB, and the choice of λ takes a system of the 2,000 samples.
    let bytes = declared.memory_bytes.unwrap();
    assert!((1_800_000_000..2_100_000_000).contains(&bytes), "{bytes}");
}
