//! Retained zero-shot ability: accuracy on future tasks.

use crate::accuracies::{Accuracies, mean};

/// 1/(T−1) Σ_{t=1..T−1} ( 1/(T−t) Σ_{j=t+1..T} A\[t\]\[j\] ): the mean of each row over its future
/// tasks, then the mean of the rows. Not the flat mean of all these entries, which would give early
/// rows more weight.
///
/// CI-Transfer of CGIL (arXiv 2407.15793), computed as its code does (mammoth, commit e75a491, "AVG
/// Transfer").
pub fn transfer_by_row(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|t| mean((t + 1..=last).map(|j| a.get(t, j)))))
}

/// 1/(T−1) Σ_{j=2..T} ( 1/(j−1) Σ_{t=1..j−1} A\[t\]\[j\] ): the mean of each column over the rows
/// before its task was learned, then the mean of the columns.
///
/// Transfer of ZSCL (Zheng et al., *Preventing Zero-Shot Transfer Degradation in Continual Learning
/// of Vision-Language Models*, ICCV 2023, arXiv 2303.06628), where candidates are each task's own
/// classes.
pub fn transfer_by_column(a: &Accuracies<'_>) -> Option<f64> {
    mean((2..=a.tasks()).map(|j| mean((1..j).map(|t| a.get(t, j)))))
}
