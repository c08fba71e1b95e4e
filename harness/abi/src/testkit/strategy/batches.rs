//! A sample's logits must not depend on the other samples of its batch. Otherwise results would
//! depend on the host's batch size, and predictions could use information about other test samples.
//!
//! The test samples are predicted one by one, and then in batches of 64, in order and shuffled. Two
//! logits of a sample agree if they differ by at most the tolerance times the sample's largest
//! finite logit.

use super::learns::{Reference, candidates};
use super::subject::{Live, Subject};
use crate::error::Result;
use crate::strategy::Class;
use crate::testkit::random::Random;
use crate::testkit::report::{Check, Report};

const BATCH: usize = 64;

pub(super) fn check(
    subject: &Subject,
    reference: &mut Reference<'_>,
    tolerance: f64,
    report: &mut Report,
) -> Result<()> {
    if reference.declaration.batch_dependent {
        report.skip(
            Check::Batches,
            "skipped: the strategy declares that it depends on the batch, which the leaderboard shows",
        );
        return Ok(());
    }
    let classes = candidates(subject, &reference.declaration, subject.stream.tasks());
    let live = &mut reference.live;
    let order: Vec<usize> = (0..subject.stream.test().len()).collect();
    let mut shuffled = order.clone();
    Random::new(subject.seed).shuffle(&mut shuffled);

    let alone = in_batches(subject, live, &order, 1, classes)?;
    for (rows, how) in [(&order, "in order"), (&shuffled, "shuffled")] {
        let together = in_batches(subject, live, rows, BATCH, classes)?;
        if let Some(difference) = difference(&alone, &together, classes.len(), tolerance) {
            report.fail(
                Check::Batches,
                format!(
                    "alone and in a batch of {BATCH} ({how}), {difference}; declare `batch_dependent` if this is \
                     intended"
                ),
            );
            return Ok(());
        }
    }
    Ok(())
}

/// The logits of all test samples in the stream's order, whatever the batches.
fn in_batches(
    subject: &Subject,
    live: &mut Live<'_>,
    order: &[usize],
    batch: usize,
    classes: &[Class],
) -> Result<Vec<f32>> {
    let mut logits = vec![0.0; order.len() * classes.len()];
    for rows in order.chunks(batch) {
        let batch = live.predict(&subject.stream.test().rows(rows), classes)?;
        for (&row, values) in rows.iter().zip(batch.chunks_exact(classes.len())) {
            logits[row * classes.len()..][..classes.len()].copy_from_slice(values);
        }
    }
    Ok(logits)
}

/// Where two lists of logits differ by more than the tolerance times the sample's largest finite
/// logit.
pub(super) fn difference(a: &[f32], b: &[f32], classes: usize, tolerance: f64) -> Option<String> {
    let rows = a.chunks_exact(classes).zip(b.chunks_exact(classes));
    for (sample, (a, b)) in rows.enumerate() {
        let largest = a
            .iter()
            .filter(|logit| logit.is_finite())
            .fold(0.0_f32, |largest, logit| largest.max(logit.abs()));
        let allowed = tolerance * f64::from(largest);
        for (class, (&a, &b)) in a.iter().zip(b).enumerate() {
            // A NaN on one side only must not count as agreement.
            let near = (f64::from(a) - f64::from(b)).abs() <= allowed;
            if !(near || a == b || (a.is_nan() && b.is_nan())) {
                return Some(format!(
                    "sample {sample} has the logits {a:e} and {b:e} for class {class}"
                ));
            }
        }
    }
    None
}
