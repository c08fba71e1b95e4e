//! The accuracy matrices: how many test images of every task were predicted correctly, after every
//! task.
//!
//! After each task t, and before the first one (row 0), every test image is predicted once. One
//! prediction gives three accuracies, which differ in the classes that the image may be taken for,
//! its candidates ([`Matrix`]): the field's class-incremental accuracy picks among what was *seen*,
//! CI-Transfer among *all* classes of the stream, task-incremental numbers among the *task*'s own.
//! Entries are counts, never only percentages, with the upper triangle (tasks yet to come)
//! included. An entry that cannot be had (a strategy that cannot score unseen classes, a row that
//! was not evaluated) is absent, never 0.

use crate::id::TaskId;
use harness_abi::Matrix;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A row of an accuracy matrix: after how many tasks it was measured, 0 being before the first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AfterTask(pub u32);

impl AfterTask {
    /// Row 0: before the first task.
    pub const START: Self = Self(0);

    /// Whether `task` has been learned by then.
    pub fn has_seen(self, task: TaskId) -> bool {
        task.0 <= self.0
    }

    /// As an index into a list of rows.
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

/// Why the counts of a file cannot be accuracy matrices.
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

/// The matrices as a file holds them, before their shapes are checked against each other.
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
                    "`{name}` is not {} rows of {tasks} entries, as `n` asks for",
                    tasks + 1
                )));
            }
            for (t, row) in matrix.correct.iter().enumerate() {
                for (j, (&correct, &n)) in row.iter().zip(&n).enumerate() {
                    if let Some(correct) = correct.filter(|&correct| correct > n || n == 0) {
                        return Err(MatrixError(format!(
                            "`{name}` has {correct} correct of {n} after task {t} on task {}",
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
    /// Matrices without any entry, for tasks with these numbers of test samples.
    pub fn new(n: Vec<u64>) -> Self {
        let empty = AccuracyMatrix::empty(n.len());
        Self {
            n,
            seen: empty.clone(),
            all: empty.clone(),
            task: empty,
        }
    }

    /// The tasks, 1..=T: the columns.
    pub fn tasks(&self) -> impl DoubleEndedIterator<Item = TaskId> + ExactSizeIterator + use<> {
        (0..self.n.len() as u32).map(|index| TaskId(index + 1))
    }

    /// Before the first task and after each: the rows.
    pub fn rows(&self) -> impl Iterator<Item = AfterTask> + use<> {
        (0..=self.n.len() as u32).map(AfterTask)
    }

    /// The test samples of a task; `None` for a task that the stream does not have.
    pub fn n(&self, on: TaskId) -> Option<u64> {
        self.n.get(on.index()).copied()
    }

    /// How many of a task's test samples were predicted correctly; `None` where that was not
    /// measured.
    pub fn correct(&self, candidates: Matrix, after: AfterTask, on: TaskId) -> Option<u64> {
        self.matrix(candidates).get(after, on)
    }

    /// The same in percent.
    pub fn accuracy(&self, candidates: Matrix, after: AfterTask, on: TaskId) -> Option<f64> {
        let correct = self.correct(candidates, after, on)?;
        Some(100.0 * correct as f64 / self.n(on)? as f64)
    }

    /// Sets an entry: so many of the task's test samples were predicted correctly, or that was not
    /// measured.
    ///
    /// # Panics
    ///
    /// If there is no such entry, or the task has fewer test samples.
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
        assert!(read(ragged).starts_with("accuracy matrix: `all` is not 2 rows of 1 entries"));
        let more = r#"{"n":[1],"seen":[[null],[2]],"all":[[null],[1]],"task":[[null],[null]]}"#;
        assert!(
            read(more)
                .starts_with("accuracy matrix: `seen` has 2 correct of 1 after task 1 on task 1")
        );
    }
}
