//! Backward transfer.

use crate::accuracies::{Accuracies, mean};

/// BWT = 1/(T−1) Σ_{j=1..T−1} ( A\[T\]\[j\] − A\[j\]\[j\] ).
///
/// Lopez-Paz and Ranzato, *Gradient Episodic Memory* (NeurIPS 2017), section 2.
pub fn backward_transfer(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|j| Some(a.get(last, j)? - a.get(j, j)?)))
}
