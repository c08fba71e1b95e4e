//! Average incremental accuracy.

use crate::accuracies::{Accuracies, mean};

/// 1/T Σ_{t=1..T} ( 1/t Σ_{j=1..t} A\[t\]\[j\] ).
///
/// Rebuffi et al., *iCaRL* (CVPR 2017), section 4, "average incremental accuracy".
pub fn average_incremental(a: &Accuracies<'_>) -> Option<f64> {
    mean((1..=a.tasks()).map(|t| mean((1..=t).map(|j| a.get(t, j)))))
}
