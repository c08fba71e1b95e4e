//! Final average accuracy.

use crate::accuracies::{Accuracies, mean};

/// FAA = 1/T Σ_{j=1..T} A\[T\]\[j\], unweighted over tasks.
///
/// Lopez-Paz and Ranzato, *Gradient Episodic Memory* (NeurIPS 2017), section 2, as ACC; "final
/// average accuracy" in CGIL (arXiv 2407.15793).
pub fn final_average(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..=last).map(|j| a.get(last, j)))
}
