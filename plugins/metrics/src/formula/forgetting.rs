//! Forgetting. The literature uses three definitions under this one name; here each has its own.

use crate::accuracies::{Accuracies, mean};

/// 1/(T−1) Σ_{j=1..T−1} ( max_{t=j..T−1} A\[t\]\[j\] − A\[T\]\[j\] ). Negative if the accuracy is
/// highest after the last task.
///
/// Chaudhry et al., *Riemannian Walk for Incremental Learning* (ECCV 2018), with the maximum taken
/// from the task's own row on.
pub fn forgetting(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|j| Some(best(a, j, last - 1)? - a.get(last, j)?)))
}

/// 1/(T−1) Σ_{j=1..T−1} ( max_{t=j..T} A\[t\]\[j\] − A\[T\]\[j\] ): the maximum includes the last
/// row, so it is never negative.
///
/// The reference code of CGIL (mammoth, commit e75a491, `forgetting`).
pub fn forgetting_with_last(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|j| Some(best(a, j, last)? - a.get(last, j)?)))
}

/// 1/(T−1) Σ_{j=1..T−1} ( A\[j\]\[j\] − A\[T\]\[j\] ): negated backward transfer, which some papers
/// report as forgetting.
pub fn forgetting_first_minus_last(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|j| Some(a.get(j, j)? - a.get(last, j)?)))
}

/// The best accuracy on task j in rows j to `until`; `None` if one of them was not measured.
fn best(a: &Accuracies<'_>, j: usize, until: usize) -> Option<f64> {
    (j..=until)
        .map(|t| a.get(t, j))
        .reduce(|best, next| Some(best?.max(next?)))
        .flatten()
}
