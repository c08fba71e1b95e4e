//! The accuracy matrix that a formula reads.

/// An accuracy matrix in percent: rows t = 0..=T, columns j = 1..=T.
#[derive(Debug, Clone, Copy)]
pub struct Accuracies<'a> {
    tasks: usize,
    entries: &'a [Option<f64>],
}

impl<'a> Accuracies<'a> {
    /// Views `entries`, (T + 1) rows of T columns in row-major order. `None` if the number of
    /// entries does not match.
    pub fn new(tasks: usize, entries: &'a [Option<f64>]) -> Option<Self> {
        (entries.len() == (tasks + 1) * tasks).then_some(Self { tasks, entries })
    }

    /// T.
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// A\[t\]\[j\], t from 0 (before the first task), j from 1; `None` if it was not measured or is
    /// out of range.
    pub fn get(&self, t: usize, j: usize) -> Option<f64> {
        if t > self.tasks || j == 0 || j > self.tasks {
            return None;
        }
        self.entries[t * self.tasks + j - 1]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_do_not_fit_the_matrix_are_rejected() {
        assert!(Accuracies::new(3, &[None; 9]).is_none());
    }
}
