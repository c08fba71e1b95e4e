//! A strategy learns the stream and predicts after every task, as in a host's run. The other checks
//! compare with this run.

use super::snapshot::Snapshot;
use super::subject::{Live, Subject};
use crate::error::Result;
use crate::strategy::{Class, Declaration};
use crate::testkit::report::{Check, Report};

/// The run, and the strategy at its end.
pub(super) struct Reference<'s> {
    pub(super) declaration: Declaration,
    pub(super) live: Live<'s>,
    /// Before the first task if unseen classes can be scored, then after each task.
    pub(super) stages: Vec<Stage>,
    /// Whether a second run had the same bits.
    pub(super) repeats: bool,
}

/// What was recorded after a task.
pub(super) struct Stage {
    /// The number of tasks learned.
    pub(super) tasks: usize,
    /// The state before the prediction.
    pub(super) state: Snapshot,
    /// Of all test samples in one batch, for the classes of [`candidates`].
    pub(super) logits: Vec<f32>,
    /// Predicted again.
    pub(super) again: Vec<f32>,
    /// The state after both predictions.
    pub(super) state_after: Snapshot,
}

/// The classes that a host asks for after this many tasks.
pub(super) fn candidates<'s>(
    subject: &'s Subject,
    declaration: &Declaration,
    tasks: usize,
) -> &'s [Class] {
    match declaration.scores_unseen {
        true => &subject.stream.classes,
        false => subject.stream.seen(tasks),
    }
}

/// Runs a new strategy through the stream. Like a host, it predicts before the first task only if
/// unseen classes can be scored.
pub(super) fn run<'s>(
    subject: &'s Subject,
    declaration: &Declaration,
    seed: u64,
) -> Result<(Live<'s>, Vec<Stage>)> {
    let test = subject.stream.test();
    let mut live = subject.create_with(seed, subject.stream.backbones())?;
    let mut stages = Vec::new();
    for tasks in 0..=subject.stream.tasks() {
        if tasks > 0 {
            live.learn(tasks - 1)?;
        } else if !declaration.scores_unseen {
            continue;
        }
        let classes = candidates(subject, declaration, tasks);
        let state = live.snapshot()?;
        stages.push(Stage {
            tasks,
            state,
            logits: live.predict(&test, classes)?,
            again: live.predict(&test, classes)?,
            state_after: live.snapshot()?,
        });
    }
    Ok((live, stages))
}

pub(super) fn check<'s>(
    subject: &'s Subject,
    accuracy: Option<f64>,
    report: &mut Report,
) -> Result<Reference<'s>> {
    let declaration = subject.check(&subject.parameters)?;
    let (live, stages) = run(subject, &declaration, subject.seed)?;
    for stage in &stages {
        let classes = candidates(subject, &declaration, stage.tasks).len();
        if let Some(message) = unusable(&stage.logits, classes) {
            report.fail(
                Check::Learns,
                format!("after {} task(s): {message}", stage.tasks),
            );
            break;
        }
    }
    if let Some(expected) = accuracy {
        let classes = subject.stream.classes.len();
        let last = stages.last().map_or(&[][..], |stage| &stage.logits);
        let labels = subject.stream.test().labels();
        let right = labels
            .iter()
            .zip(last.chunks_exact(classes))
            .filter(|(label, row)| best(row) == Some(**label as usize))
            .count();
        let share = right as f64 / labels.len() as f64;
        if share <= expected {
            report.fail(
                Check::Learns,
                format!(
                    "the accuracy after the last task is {share:.3} ({right} of {} test samples), expected more than \
                     {expected}",
                    labels.len()
                ),
            );
        }
    }
    Ok(Reference {
        declaration,
        live,
        stages,
        repeats: true,
    })
}

/// The class with the highest logit, the first of equal ones.
fn best(row: &[f32]) -> Option<usize> {
    (0..row.len()).reduce(|best, class| if row[class] > row[best] { class } else { best })
}

/// Why a host could not rank the classes. −∞ is valid: it rules a class out.
pub(super) fn unusable(logits: &[f32], classes: usize) -> Option<String> {
    for (sample, row) in logits.chunks_exact(classes).enumerate() {
        for (class, &logit) in row.iter().enumerate() {
            if logit.is_nan() || logit == f32::INFINITY {
                return Some(format!(
                    "the logit of sample {sample} for class {class} is {logit}"
                ));
            }
        }
        if row.iter().all(|logit| logit.is_infinite()) {
            return Some(format!("no class has a finite logit for sample {sample}"));
        }
    }
    None
}
