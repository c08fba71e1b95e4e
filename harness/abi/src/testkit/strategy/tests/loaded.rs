//! A strategy of a loaded plugin, of which only the name is known, is checked like an author's
//! type.

use super::*;
use crate::testkit::{linked, loaded};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

fn configured<S>(kit: StrategyKit<S>) -> StrategyKit<S> {
    kit.bad_parameters(json!({ "jitter": -1.0 }), "jitter")
        .expect_accuracy_above(0.9)
}

/// The report, which is the same both ways.
fn both_ways<F: Fault>() -> Report {
    let plugin = linked::strategy_plugin::<Faulty<F>>();
    let named = configured(loaded(plugin).strategy(linked::NAME)).report();
    let typed = configured(strategy::<Faulty<F>>()).report();
    assert_eq!(named.subject, "strategy `subject`");
    let subject = typed.subject.clone();
    assert_eq!(Report { subject, ..named }, typed);
    typed
}

#[test]
fn a_sound_strategy_passes_both_ways() {
    let report = both_ways::<Sound>();
    assert_eq!(report.failures, []);
    assert_eq!(
        report.checked,
        [
            Check::Parameters,
            Check::Learns,
            Check::Prediction,
            Check::Batches,
            Check::SameBits,
            Check::RoundTrip,
            Check::Returns,
            Check::Errors,
            Check::GlobalState,
        ]
    );
}

#[test]
fn faults_are_found_both_ways() {
    fault!(Reseeding {
        fn restored(&mut self, means: &mut Means) {
            means.memory.draws = 7;
        }
    });
    fault!(Trusting {
        fn check(_: &Parameters) -> Result<()> {
            Ok(())
        }
    });
    fault!(Declared {
        fn declaration(declaration: Declaration) -> Declaration {
            Declaration { batch_dependent: true, ..declaration }
        }
    });
    fault!(Panicking {
        fn learned(&mut self, _: &mut Means) {
            panic!("on purpose");
        }
    });
    let found = |report: Report| -> Vec<Check> {
        let failures = report.failures.iter();
        failures.map(|finding| finding.check).collect()
    };
    assert_eq!(found(both_ways::<Reseeding>()), [Check::RoundTrip]);
    assert_eq!(found(both_ways::<Trusting>()), [Check::Parameters]);
    assert_eq!(found(both_ways::<Panicking>()), [Check::Learns]);
    // What is skipped did not run, and says why.
    let skipped = both_ways::<Declared>();
    assert!(!skipped.checked.contains(&Check::Batches), "{skipped:?}");
    assert_eq!(skipped.notes[0].check, Check::Batches);

    static GLOBAL: AtomicU64 = AtomicU64::new(0);
    fault!(Global {
        fn learned(&mut self, means: &mut Means) {
            means.memory.draws += GLOBAL.fetch_add(1, Ordering::Relaxed);
        }
    });
    let plugin = linked::strategy_plugin::<Faulty<Global>>();
    let report = loaded(plugin).strategy(linked::NAME).report();
    assert_eq!(found(report), [Check::SameBits]);
}

#[test]
fn each_check_is_announced_before_it_runs() {
    let begun = Rc::new(RefCell::new(Vec::new()));
    let list = begun.clone();
    let kit = kit::<Sound>().before_each(move |check| list.borrow_mut().push(check));
    assert_eq!(kit.report().checked, *begun.borrow());
}
