//! The state is everything that a strategy remembers. After every task a host takes the state,
//! drops the strategy, creates it again and restores the state. The new strategy must equal the old
//! one, and continue as if it had never been dropped.

use super::learns::{Reference, candidates};
use super::snapshot::{Snapshot, logits_difference};
use super::subject::Subject;
use crate::error::Result;
use crate::testkit::report::{Check, Report};

pub(super) fn check(
    subject: &Subject,
    reference: &Reference<'_>,
    report: &mut Report,
) -> Result<()> {
    if !reference.repeats {
        report.skip(
            Check::RoundTrip,
            "skipped, because two runs differ anyway (see above)",
        );
        return Ok(());
    }
    let test = subject.stream.test();
    let mut live = subject.create()?;
    for stage in &reference.stages {
        if stage.tasks > 0 {
            live.learn(stage.tasks - 1)?;
        }
        let classes = candidates(subject, &reference.declaration, stage.tasks);
        let state = live.state()?;
        let before = Snapshot::of(&state)?;
        if let Some(difference) = stage.state.difference(&before) {
            report.fail(
                Check::RoundTrip,
                format!(
                    "after {} task(s), a strategy that was never dropped and one that was restored after every task \
                     have different states: {difference}; something that it remembers is missing from its state",
                    stage.tasks
                ),
            );
            return Ok(());
        }
        let logits = live.predict(&test, classes)?;
        drop(live);
        live = subject.create()?;
        live.restore(state)?;
        let problem = before
            .difference(&live.snapshot()?)
            .map(|difference| format!("has a different state: {difference}"))
            .or(
                logits_difference(&logits, &live.predict(&test, classes)?, classes.len())
                    .map(|difference| format!("predicts differently: {difference}")),
            );
        if let Some(problem) = problem {
            report.fail(
                Check::RoundTrip,
                format!(
                    "after {} task(s), a strategy that was created again and restored {problem}; `restore` must restore \
                     everything in `state`",
                    stage.tasks
                ),
            );
            return Ok(());
        }
    }
    Ok(())
}
