//! The same seed must give the same bits: a second strategy that learns the same tasks has the same
//! states and predictions. A third one with another seed may also be the same, which is noted.

use super::learns::{Reference, Stage, candidates, run};
use super::snapshot::logits_difference;
use super::subject::Subject;
use crate::error::Result;
use crate::testkit::report::{Check, Report};

pub(super) fn check(
    subject: &Subject,
    reference: &mut Reference<'_>,
    report: &mut Report,
) -> Result<()> {
    let declaration = &reference.declaration;
    let classes = |stage: &Stage| candidates(subject, declaration, stage.tasks).len();
    let (_, twin) = run(subject, declaration, subject.seed)?;
    for (first, second) in reference.stages.iter().zip(&twin) {
        let difference = first
            .state
            .difference(&second.state)
            .map(|difference| format!("states: {difference}"))
            .or_else(|| {
                logits_difference(&first.logits, &second.logits, classes(first))
                    .map(|difference| format!("logits: {difference}"))
            });
        if let Some(difference) = difference {
            reference.repeats = false;
            report.fail(
                Check::SameBits,
                format!(
                    "after {} task(s), two strategies with seed {} differ in their {difference}; \
                     draw all randomness from generators seeded with `Setting::seed`",
                    first.tasks, subject.seed
                ),
            );
            return Ok(());
        }
    }
    let (_, other) = run(subject, declaration, subject.seed + 1)?;
    let differs = reference.stages.iter().zip(&other).any(|(first, second)| {
        first.state.difference(&second.state).is_some()
            || logits_difference(&first.logits, &second.logits, classes(first)).is_some()
    });
    if !differs {
        report.note(
            Check::SameBits,
            "another seed gives the same bits, so the strategy does not use randomness",
        );
    }
    Ok(())
}
