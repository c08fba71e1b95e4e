//! The accuracy matrices: how many test images of every task were predicted correctly, after every
//! task.
//!
//! After each task t, and before the first one (row 0), every test image is predicted once. One
//! prediction gives three accuracies, which differ in the candidate classes ([`Matrix`]):
//! class-incremental accuracy considers the classes *seen* so far, CI-Transfer *all* classes of the
//! stream, and task-incremental accuracy only the *task*'s own classes. Entries are counts, not
//! percentages, and include the upper triangle (future tasks). A missing entry (the strategy cannot
//! score unseen classes, or the row was not evaluated) is absent, never 0.

use crate::id::TaskId;
use harness_abi::Matrix;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A row of an accuracy matrix: the number of tasks learned before the evaluation.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AfterTask(pub u32);

impl AfterTask {
    /// Row 0: before the first task.
    pub const START: Self = Self(0);

    /// Whether `task` had been learned by then.
    pub fn has_seen(self, task: TaskId) -> bool {
        task.0 <= self.0
    }

    /// The index into a list of rows.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<TaskId> for AfterTask {
    fn from(task: TaskId) -> Self {
        Self(task.0)
    }
}

impl fmt::Display for AfterTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why the counts in a file are not valid accuracy matrices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("accuracy matrix: {0}")]
pub struct MatrixError(String);

/// Correct predictions for one set of candidates: rows t = 0..=T, columns j = 1..=T.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccuracyMatrix {
    correct: Vec<Vec<Option<u64>>>,
}

impl AccuracyMatrix {
    fn empty(tasks: usize) -> Self {
        Self {
            correct: vec![vec![None; tasks]; tasks + 1],
        }
    }

    fn get(&self, after: AfterTask, on: TaskId) -> Option<u64> {
        *self.correct.get(after.index())?.get(on.index())?
    }
}

/// The three accuracy matrices of a cell, as counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AsWritten")]
pub struct AccuracyMatrices {
    n: Vec<u64>,
    seen: AccuracyMatrix,
    all: AccuracyMatrix,
    task: AccuracyMatrix,
}

/// The matrices as written in a file, before their shapes are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    n: Vec<u64>,
    seen: AccuracyMatrix,
    all: AccuracyMatrix,
    task: AccuracyMatrix,
}

impl TryFrom<AsWritten> for AccuracyMatrices {
    type Error = MatrixError;

    fn try_from(written: AsWritten) -> Result<Self, MatrixError> {
        let AsWritten { n, seen, all, task } = written;
        let tasks = n.len();
        for (name, matrix) in [("seen", &seen), ("all", &all), ("task", &task)] {
            let rows = matrix.correct.len();
            if rows != tasks + 1 || matrix.correct.iter().any(|row| row.len() != tasks) {
                return Err(MatrixError(format!(
                    "`{name}` must have {} rows of {tasks} entries to match `n`",
                    tasks + 1
                )));
            }
            for (t, row) in matrix.correct.iter().enumerate() {
                for (j, (&correct, &n)) in row.iter().zip(&n).enumerate() {
                    if let Some(correct) = correct.filter(|&correct| correct > n || n == 0) {
                        return Err(MatrixError(format!(
                            "`{name}` counts {correct} correct of {n} after task {t} on task {}",
                            j + 1
                        )));
                    }
                }
            }
        }
        Ok(Self { n, seen, all, task })
    }
}

impl AccuracyMatrices {
    /// Empty matrices for tasks with these numbers of test samples.
    pub fn new(n: Vec<u64>) -> Self {
        let empty = AccuracyMatrix::empty(n.len());
        Self {
            n,
            seen: empty.clone(),
            all: empty.clone(),
            task: empty,
        }
    }

    /// The columns: tasks 1..=T.
    pub fn tasks(&self) -> impl DoubleEndedIterator<Item = TaskId> + ExactSizeIterator + use<> {
        (0..self.n.len() as u32).map(|index| TaskId(index + 1))
    }

    /// The rows: before the first task and after each.
    pub fn rows(&self) -> impl Iterator<Item = AfterTask> + use<> {
        (0..=self.n.len() as u32).map(AfterTask)
    }

    /// The number of a task's test samples; `None` if the stream does not have the task.
    pub fn n(&self, on: TaskId) -> Option<u64> {
        self.n.get(on.index()).copied()
    }

    /// How many of a task's test samples were predicted correctly; `None` if not measured.
    pub fn correct(&self, candidates: Matrix, after: AfterTask, on: TaskId) -> Option<u64> {
        self.matrix(candidates).get(after, on)
    }

    /// The same in percent.
    pub fn accuracy(&self, candidates: Matrix, after: AfterTask, on: TaskId) -> Option<f64> {
        let correct = self.correct(candidates, after, on)?;
        Some(100.0 * correct as f64 / self.n(on)? as f64)
    }

    /// Sets an entry: how many of the task's test samples were predicted correctly, or `None` if
    /// not measured.
    ///
    /// # Panics
    ///
    /// If the entry does not exist, or `correct` is greater than the number of test samples.
    pub fn set(&mut self, candidates: Matrix, after: AfterTask, on: TaskId, correct: Option<u64>) {
        let n = self.n[on.index()];
        assert!(correct.is_none_or(|correct| correct <= n));
        let matrix = match candidates {
            Matrix::Seen => &mut self.seen,
            Matrix::All => &mut self.all,
            Matrix::Task => &mut self.task,
        };
        matrix.correct[after.index()][on.index()] = correct;
    }

    /// After the last task all classes have been seen, so `all` is what `seen` is. Records of
    /// earlier versions left it out for strategies that cannot score unseen classes.
    pub(super) fn complete_last_row(&mut self) {
        if let (Some(all), Some(seen)) = (self.all.correct.last_mut(), self.seen.correct.last())
            && all.iter().all(Option::is_none)
        {
            all.clone_from(seen);
        }
    }

    fn matrix(&self, candidates: Matrix) -> &AccuracyMatrix {
        match candidates {
            Matrix::Seen => &self.seen,
            Matrix::All => &self.all,
            Matrix::Task => &self.task,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_impossible_counts_is_refused() {
        let read = |json: &str| {
            serde_json::from_str::<AccuracyMatrices>(json)
                .unwrap_err()
                .to_string()
        };
        let ragged = r#"{"n":[1],"seen":[[null],[1]],"all":[[null]],"task":[[null],[null]]}"#;
        assert!(read(ragged).starts_with("accuracy matrix: `all` must have 2 rows of 1 entries"));
        let more = r#"{"n":[1],"seen":[[null],[2]],"all":[[null],[1]],"task":[[null],[null]]}"#;
        assert!(
            read(more).starts_with(
                "accuracy matrix: `seen` counts 2 correct of 1 after task 1 on task 1"
            )
        );
    }
}
