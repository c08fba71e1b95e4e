//! Prediction must not change the state: a host predicts as often and in whatever order it likes,
//! and a strategy must not learn from test samples.

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
                    "after {} task(s), `predict` changed the state: {difference}",
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
                    "after {} task(s), predicting the same batch twice gives different logits: {difference}",
                    stage.tasks
                ),
            );
            return Ok(());
        }
    }
    Ok(())
}
