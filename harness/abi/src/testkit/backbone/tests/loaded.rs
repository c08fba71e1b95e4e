//! A backbone of a loaded plugin, of which only the name is known, is checked like an author's
//! type.

use super::*;
use crate::testkit::{linked, loaded};

/// The report, which is the same both ways.
fn both_ways<F: Fault>() -> Report {
    let plugin = linked::backbone_plugin::<Faulty<F>>();
    let kit = loaded(plugin).backbone(linked::NAME);
    let named = kit.bad_parameters(json!({ "seed": -1 }), "seed").report();
    let typed = report::<F>();
    assert_eq!(named.subject, "backbone `subject`");
    let subject = typed.subject.clone();
    assert_eq!(Report { subject, ..named }, typed);
    typed
}

#[test]
fn faults_are_found_both_ways() {
    fault!(Sound {});
    let sound = both_ways::<Sound>();
    assert_eq!(sound.failures, []);
    assert_eq!(
        sound.checked,
        [
            Check::Parameters,
            Check::Info,
            Check::Encoding,
            Check::Gradients,
            Check::Pullbacks,
            Check::Rows,
            Check::Errors,
            Check::GlobalState,
        ]
    );
    fault!(Silent {
        fn forward(&self, toy: &ToyBackbone, call: &Call<'_>) -> Result<Forward> {
            let forward = toy.forward(call.inputs, call.sites, call.wanted)?;
            Ok(pulled(forward, |gradients| gradients[0].1.fill(0.0)))
        }
    });
    let silent = both_ways::<Silent>();
    assert!(
        silent
            .failures
            .iter()
            .all(|found| found.check == Check::Gradients),
        "{silent}"
    );
    assert!(!silent.failures.is_empty());
}
