//! Each check catches a fault that no other check catches. The correct strategy passes them all.

use super::*;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn a_sound_strategy_passes() {
    let report = kit::<Sound>().report();
    assert_eq!(report.failures, []);
    assert_eq!(report.notes, []);
    // Without randomness another seed changes only the generator, which is part of the state.
    let report = kit::<Sound>().parameters(json!({ "jitter": 0.0 })).report();
    assert_eq!(report.failures, []);
}

#[test]
fn a_stream_and_backbones_of_ones_own() {
    let other = crate::testkit::backbone_handle::<ToyBackbone>(&json!({ "seed": 9 })).unwrap();
    kit::<Sound>()
        .backbone(other)
        .stream(SyntheticStream {
            classes_per_task: vec![5, 1, 4, 4],
            seed: 3,
            ..SyntheticStream::default()
        })
        .check();
}

#[test]
fn predictions_that_a_host_cannot_use_are_caught() {
    fault!(NotANumber {
        fn predicted(&mut self, _: &mut Means, _: &Batch<'_>, logits: &mut Vec<f32>) {
            logits[0] = f32::NAN;
        }
    });
    let report = strategy::<Faulty<NotANumber>>().report();
    assert_eq!(
        report.failures[0].message,
        "after 0 task(s): the logit of sample 0 for class 0 is NaN"
    );
    assert_eq!(report.failures[0].check, Check::Learns);

    fault!(Hopeless {
        fn predicted(&mut self, _: &mut Means, _: &Batch<'_>, logits: &mut Vec<f32>) {
            logits.fill(f32::NEG_INFINITY);
        }
    });
    let report = strategy::<Faulty<Hopeless>>().report();
    assert_eq!(
        report.to_string().lines().skip(1).collect::<Vec<_>>(),
        ["  learns: after 0 task(s): no class has a finite logit for sample 0"]
    );

    fault!(Forgetful {
        fn learned(&mut self, means: &mut Means) {
            if means.memory.taught == 7 {
                means.means[..5 * means.width].fill(9.0);
            }
        }
    });
    let report = kit::<Forgetful>().report();
    assert_eq!(report.failures.len(), 1, "{report}");
    assert!(
        report.failures[0].message.ends_with(
            "the accuracy after the last task is 0.286 (24 of 84 test samples), expected more than 0.9"
        ),
        "{report}"
    );

    fault!(Flat {
        fn predicted(&mut self, _: &mut Means, _: &Batch<'_>, logits: &mut Vec<f32>) {
            logits.truncate(1);
        }
    });
    caught::<Flat>(
        Check::Learns,
        "`predict`: a tensor of shape [84, 7] has 588 elements, but 1 were given",
    );
}

#[test]
fn randomness_that_no_seed_decides_is_caught() {
    static GLOBAL: AtomicU64 = AtomicU64::new(0);
    fault!(Global {
        fn learned(&mut self, means: &mut Means) {
            means.memory.draws += GLOBAL.fetch_add(1, Ordering::Relaxed);
        }
    });
    caught::<Global>(
        Check::SameBits,
        "two strategies with seed 7 differ in their states: JSON {\"draws\":",
    );
}

#[test]
fn a_state_that_is_not_all_is_caught() {
    // The generator is reseeded, so the next task repeats earlier draws.
    fault!(Reseeding {
        fn restored(&mut self, means: &mut Means) {
            means.memory.draws = 7;
        }
    });
    caught::<Reseeding>(
        Check::RoundTrip,
        "after 1 task(s), a strategy that was created again and restored has a different state: JSON",
    );
    // Memory outside the state shows only in the next task.
    #[derive(Default)]
    struct Beside(u64);
    impl Fault for Beside {
        fn learned(&mut self, means: &mut Means) {
            self.0 += 1;
            means.memory.draws += self.0;
        }
    }
    caught::<Beside>(
        Check::RoundTrip,
        "after 2 task(s), a strategy that was never dropped and one that was restored after every task have different \
         states: JSON",
    );
    // The state is complete, but prediction uses something else.
    #[derive(Default)]
    struct Cached(Option<f32>);
    impl Fault for Cached {
        fn learned(&mut self, _: &mut Means) {
            self.0 = Some(0.5);
        }
        fn predicted(&mut self, _: &mut Means, _: &Batch<'_>, logits: &mut Vec<f32>) {
            let shift = self.0.unwrap_or(0.0);
            logits.iter_mut().for_each(|logit| *logit += shift);
        }
    }
    caught::<Cached>(
        Check::RoundTrip,
        "after 1 task(s), a strategy that was created again and restored predicts differently: sample 0, class 0",
    );
}

#[test]
fn prediction_that_leaves_a_trace_is_caught() {
    fault!(Counting {
        fn predicted(&mut self, means: &mut Means, _: &Batch<'_>, _: &mut Vec<f32>) {
            means.memory.predictions += 1;
        }
    });
    let report = kit::<Counting>().report();
    assert_eq!(report.failures[0].check, Check::Prediction);
    assert!(
        report.failures[0]
            .message
            .starts_with("after 0 task(s), `predict` changed the state: JSON"),
        "{report}"
    );
    #[derive(Default)]
    struct Drifting(u16);
    impl Fault for Drifting {
        fn predicted(&mut self, _: &mut Means, _: &Batch<'_>, logits: &mut Vec<f32>) {
            // Below any tolerance.
            self.0 += 1;
            logits[0] += f32::from(self.0) * 1e-6;
        }
    }
    let report = kit::<Drifting>().report();
    assert!(
        report.failures[0].message.starts_with(
            "after 0 task(s), predicting the same batch twice gives different logits: sample 0, class 0"
        ),
        "{report}"
    );
}

#[test]
fn logits_that_depend_on_the_batch_are_caught_or_declared() {
    fn centred(batch: &Batch<'_>, logits: &mut [f32]) {
        let mean = logits.iter().sum::<f32>() / batch.len() as f32;
        logits.iter_mut().for_each(|logit| *logit -= mean);
    }
    fault!(Centred {
        fn predicted(&mut self, _: &mut Means, batch: &Batch<'_>, logits: &mut Vec<f32>) {
            centred(batch, logits);
        }
    });
    caught::<Centred>(
        Check::Batches,
        "alone and in a batch of 64 (in order), sample 0 has the logits",
    );
    // Depends on a sample's position in the batch, so it shows only if samples are shuffled.
    fault!(Placed {
        fn predicted(&mut self, _: &mut Means, batch: &Batch<'_>, logits: &mut Vec<f32>) {
            let n = batch.classes().len();
            if batch.len() > 1 && logits[..n].iter().sum::<f32>() < logits[n..2 * n].iter().sum() {
                logits[0] += 0.01;
            }
        }
    });
    caught::<Placed>(Check::Batches, "alone and in a batch of 64");

    fault!(Declared {
        fn declaration(declaration: Declaration) -> Declaration {
            Declaration { batch_dependent: true, ..declaration }
        }
        fn predicted(&mut self, _: &mut Means, batch: &Batch<'_>, logits: &mut Vec<f32>) {
            centred(batch, logits);
        }
    });
    let report = kit::<Declared>().report();
    assert_eq!(report.failures, []);
    assert_eq!(
        report.to_string().lines().last().unwrap(),
        "  (note) independent of the batch: skipped: the strategy declares that it depends on the batch, which the \
         leaderboard shows"
    );
}

#[test]
fn parameters_that_slip_through_are_caught() {
    fault!(Trusting {
        fn check(_: &Parameters) -> Result<()> {
            Ok(())
        }
    });
    caught::<Trusting>(
        Check::Parameters,
        r#"{"jitter":-1.0}, which is invalid at `jitter`, was accepted; reject it with `Error::parameter`"#,
    );
    fault!(Pathless {
        fn check(parameters: &Parameters) -> Result<()> {
            match parameters.jitter >= 0.0 {
                true => Ok(()),
                false => Err(Error::parameter("", "jitter must be at least 0")),
            }
        }
    });
    caught::<Pathless>(
        Check::Parameters,
        "gave an error that does not name the key: jitter must be at least 0",
    );
    fault!(Coded {
        fn check(parameters: &Parameters) -> Result<()> {
            match parameters.jitter >= 0.0 {
                true => Ok(()),
                false => Err(Error::failed("jitter must be at least 0")),
            }
        }
    });
    caught::<Coded>(
        Check::Parameters,
        "gave an error with another code than `PARAMETER`: jitter must be at least 0",
    );
}

#[test]
fn errors_that_are_lost_or_panic_are_caught() {
    fault!(Swallowing {
        fn features(width: usize, features: Result<Tensor>) -> Result<Vec<f32>> {
            match features {
                Ok(features) => Sound::features(width, Ok(features)),
                Err(_) => Ok(vec![0.0; 4 * width]),
            }
        }
    });
    caught::<Swallowing>(
        Check::Errors,
        "`learn` succeeded although its samples could not be read",
    );
    fault!(Hiding {
        fn features(width: usize, features: Result<Tensor>) -> Result<Vec<f32>> {
            Sound::features(width, features).map_err(|_| Error::failed("something is wrong"))
        }
    });
    caught::<Hiding>(
        Check::Errors,
        "`learn` hides why its samples could not be read; its error is: learning task 1: `learn`: something is wrong",
    );
    fault!(Unwrapping {
        fn features(width: usize, features: Result<Tensor>) -> Result<Vec<f32>> {
            Sound::features(width, Ok(features.expect("features are there")))
        }
    });
    caught::<Unwrapping>(
        Check::Errors,
        "samples that cannot be read make `learn` panic; pass the error on: learning task 1: `learn`: the plugin \
         panicked in `learn`: features are there",
    );
    fault!(Indexing {
        fn features(_: usize, features: Result<Tensor>) -> Result<Vec<f32>> {
            let features = features?.view().to_vec::<f32>()?;
            assert!(features[0].is_finite());
            Ok(features)
        }
    });
    caught::<Indexing>(
        Check::Errors,
        "features and images of width 0 make `learn` panic; check them with `expect_shape`",
    );
    fault!(Blind {
        fn outline(_: &Outline) -> Result<()> {
            Ok(())
        }
    });
    caught::<Blind>(
        Check::Errors,
        "`check` accepts 0 backbones, but `create` does not: this strategy works on one backbone, but was given 0",
    );
    fault!(Presuming {
        fn outline(outline: &Outline) -> Result<()> {
            assert!(outline.backbones[0].embedding_width > 0);
            outline.backbone().map(drop)
        }
    });
    caught::<Presuming>(
        Check::Errors,
        "0 backbones make `check` panic; use `Outline::backbone`",
    );
    fault!(Clumsy {
        fn dropped(&self) {
            panic!("the means fell");
        }
    });
    caught::<Clumsy>(
        Check::Errors,
        "the strategy panicked when it was dropped: the means fell",
    );
}

#[test]
fn global_state_that_changes_is_caught() {
    thread_local! {
        /// Stands in for a framework's default element type.
        static DTYPE: Cell<&'static str> = const { Cell::new("f32") };
    }
    fault!(Leaking {
        fn learned(&mut self, _: &mut Means) {
            DTYPE.set("f64");
        }
    });
    let report = kit::<Leaking>()
        .global_state("the default element type", || DTYPE.get())
        .report();
    assert_eq!(
        report.to_string().lines().skip(1).collect::<Vec<_>>(),
        [
            "  global state left alone: `learn` changed the default element type from \"f32\" to \"f64\"; restore it \
             before returning"
        ]
    );
}

#[test]
#[should_panic(expected = "the testkit found 1 failure(s)\n  parameters: {\"jitter\":-1.0}")]
fn check_panics_with_the_report() {
    fault!(Trusting {
        fn check(_: &Parameters) -> Result<()> {
            Ok(())
        }
    });
    kit::<Trusting>().check();
}

#[test]
fn a_strategy_that_takes_every_class_for_a_new_one_is_caught() {
    fault!(NewOnly {
        fn learned(&mut self, means: &mut Means) {
            // The eighth class taught is the first one again.
            if means.memory.taught == 8 {
                means.means[..means.width].fill(f32::NAN);
            }
        }
    });
    caught::<NewOnly>(
        Check::Returns,
        "after a task that brings a known class again, the logit of sample 0 for class 0 is NaN",
    );
}

#[test]
fn a_mean_that_is_overwritten_is_not_order_free() {
    let still = || kit::<Sound>().parameters(json!({ "jitter": 0.0 }));
    still().check();
    let report = still().order_free(1e-5).report();
    let [finding] = &report.failures[..] else {
        panic!("{report}");
    };
    assert_eq!(finding.check, Check::Returns);
    assert!(
        finding.message.starts_with(
            "with all samples of a class in the first task, and with half of them in the last, sample 0 has the logits "
        ),
        "{report}"
    );
}
