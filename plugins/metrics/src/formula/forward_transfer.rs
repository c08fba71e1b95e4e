//! Forward transfer.

use crate::accuracies::{Accuracies, mean};

/// FWT = 1/(T−1) Σ_{j=2..T} ( A\[j−1\]\[j\] − A\[0\]\[j\] ), where row 0 stands in for the accuracy
/// of a randomly initialised model.
///
/// Lopez-Paz and Ranzato, *Gradient Episodic Memory* (NeurIPS 2017), section 2.
pub fn forward_transfer(a: &Accuracies<'_>) -> Option<f64> {
    mean((2..=a.tasks()).map(|j| Some(a.get(j - 1, j)? - a.get(0, j)?)))
}
