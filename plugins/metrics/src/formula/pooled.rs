//! Accuracy pooled over the images of all tasks seen so far.

use crate::accuracies::{Accuracies, mean};

/// A_T, where A_t = Σ_{j=1..t} correct\[t\]\[j\] / Σ_{j=1..t} n\[j\], in percent, rounded to two
/// decimals. Each image counts the same; in final average accuracy each task does. The two agree if
/// all tasks have equally many test images.
///
/// The last value of the "top1 curve" of PyCIL and LAMDA-PILOT, A_B in their papers. Rounded as
/// NumPy's `around` does, which is part of the published figures: ties go to the even digit.
pub fn pooled_final(a: &Accuracies<'_>) -> Option<f64> {
    stage(a, a.tasks())
}

/// Ā = 1/T Σ_{t=1..T} A_t, the mean of the curve whose last value is `pooled-final`. Each A_t is
/// rounded to two decimals first.
///
/// "Average accuracy" in the logs of PyCIL and LAMDA-PILOT.
pub fn pooled_average(a: &Accuracies<'_>) -> Option<f64> {
    mean((1..=a.tasks()).map(|t| stage(a, t)))
}

/// A_t.
fn stage(a: &Accuracies<'_>, t: usize) -> Option<f64> {
    let accuracy = a.pooled(t, 1..=t)?;
    Some((accuracy * 100.0).round_ties_even() / 100.0)
}
