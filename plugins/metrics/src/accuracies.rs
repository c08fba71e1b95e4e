//! The accuracy matrix that a formula reads.

use harness_abi::{Matrix, Run};

/// One of a run's accuracy matrices: rows t = 0..=T, columns j = 1..=T.
#[derive(Debug, Clone, Copy)]
pub struct Accuracies<'a> {
    run: Run<'a>,
    matrix: Matrix,
}

impl<'a> Accuracies<'a> {
    /// Views one matrix of `run`.
    pub fn new(run: Run<'a>, matrix: Matrix) -> Self {
        Self { run, matrix }
    }

    /// T.
    pub fn tasks(&self) -> usize {
        self.run.tasks()
    }

    /// A\[t\]\[j\] in percent, t from 0 (before the first task), j from 1; `None` if it was not
    /// measured or is out of range.
    pub fn get(&self, t: usize, j: usize) -> Option<f64> {
        self.run.accuracy(self.matrix, t, j)
    }

    /// The accuracy in percent after task t on the test images of all `tasks` together: Σ correct /
    /// Σ n, so that each image counts the same. `None` if an entry is missing or there are no
    /// images.
    pub fn pooled(&self, t: usize, tasks: impl Iterator<Item = usize>) -> Option<f64> {
        let (mut correct, mut images) = (0, 0);
        for j in tasks {
            correct += self.run.correct(self.matrix, t, j)?;
            images += self.run.samples(j)?;
        }
        (images > 0).then(|| 100.0 * correct as f64 / images as f64)
    }
}

/// The mean of `values`; `None` if there are none or one of them is missing.
pub(crate) fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut sum = 0.0;
    let mut count = 0_u32;
    for value in values {
        sum += value?;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}
