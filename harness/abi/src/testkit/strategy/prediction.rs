//! Prediction changes nothing: a host predicts as often, and in what order, as it likes, and what a strategy picks up
//! from test samples would be test data learned from.

use super::learns::{Reference, candidates};
use super::snapshot::logits_difference;
use super::subject::Subject;
use crate::error::Result;
use crate::testkit::report::{Check, Report};

pub(super) fn check(
    subject: &Subject,
    reference: &mut Reference<'_>,
    report: &mut Report,
) -> Result<()> {
    for stage in &reference.stages {
        if let Some(difference) = stage.state.difference(&stage.state_after) {
            report.fail(
                Check::Prediction,
                format!(
                    "after {} task(s), the state before `predict` and the one behind it differ: {difference}",
                    stage.tasks
                ),
            );
            return Ok(());
        }
        let classes = candidates(subject, &reference.declaration, stage.tasks).len();
        if let Some(difference) = logits_difference(&stage.logits, &stage.again, classes) {
            report.fail(
                Check::Prediction,
                format!(
                    "after {} task(s), predicting the same batch twice gives two answers: {difference}",
                    stage.tasks
                ),
            );
            return Ok(());
        }
    }
    Ok(())
}
