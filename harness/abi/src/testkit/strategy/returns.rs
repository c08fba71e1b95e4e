//! A class can come back: a later task then brings new samples of it. In streams over domains that
//! is the rule.
//!
//! The strategy learns the stream once more, with one difference: every other training sample of
//! the first class arrives with the last task. Nothing is said about accuracy, which depends on the
//! method, unless the strategy is [order-free](super::StrategyKit::order_free): then the logits
//! after the last task are those of the undivided stream.

use super::batches;
use super::learns::{self, Reference, candidates};
use super::subject::Subject;
use crate::error::Result;
use crate::testkit::report::{Check, Report};

pub(super) fn check(
    subject: &Subject,
    reference: &Reference<'_>,
    order_free: Option<f64>,
    report: &mut Report,
) -> Result<()> {
    let (stream, tasks) = (&subject.stream, subject.stream.tasks());
    if tasks < 2 {
        return Ok(());
    }
    let classes = candidates(subject, &reference.declaration, tasks);
    let mut live = subject.create()?;
    for task in 0..tasks {
        let (classes, samples) = stream.train_divided(task);
        live.learn_samples(task, &classes, &samples)?;
    }
    let logits = live.predict(&stream.test(), classes)?;
    if let Some(message) = learns::unusable(&logits, classes.len()) {
        report.fail(
            Check::Returns,
            format!("after a task that brings a known class again, {message}"),
        );
        return Ok(());
    }

    let state = live.state()?;
    drop(live);
    let mut live = subject.create()?;
    live.restore(state)?;
    if live.predict(&stream.test(), classes)? != logits {
        report.fail(
            Check::Returns,
            "after a task that brings a known class again, a strategy that was created again and restored predicts \
             differently",
        );
    }

    let undivided = reference.stages.last().map(|stage| &stage.logits);
    if let (Some(tolerance), Some(undivided)) = (order_free, undivided)
        && let Some(difference) = batches::difference(undivided, &logits, classes.len(), tolerance)
    {
        report.fail(
            Check::Returns,
            format!(
                "with all samples of a class in the first task, and with half of them in the last, {difference}; what \
                 is kept of a class must add up when it comes back"
            ),
        );
    }
    Ok(())
}
