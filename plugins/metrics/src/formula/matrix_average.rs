//! The average of the whole accuracy matrix.

use crate::accuracies::{Accuracies, mean};

/// 1/T² Σ_{t=1..T} Σ_{j=1..T} A\[t\]\[j\]: the mean of all entries after a task, on learned and on
/// future tasks. Row 0 does not count.
///
/// Avg. of ZSCL (Zheng et al., ICCV 2023, arXiv 2303.06628), where candidates are each task's own
/// classes. Its Last is `final-task-accuracy`; among all classes, as in X-TAIL, it is `faa`.
pub fn matrix_average(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..=last).flat_map(|t| (1..=last).map(move |j| a.get(t, j))))
}
