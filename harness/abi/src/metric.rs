//! Metrics: pure functions of a run's accuracy matrices and costs.

use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A metric, as its author writes it.
pub trait Metric: 'static {
    /// What it is.
    fn info(&self) -> MetricInfo;

    /// Its value; none where the run lacks an entry that it needs.
    ///
    /// # Errors
    ///
    /// If the run is not one that it can read.
    fn compute(&self, run: &Run<'_>) -> Result<Option<f64>>;
}

/// What a metric is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricInfo {
    /// The name in a scenario and in the tables.
    pub name: String,
    /// The unit, such as `%`.
    pub unit: String,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Which matrix it reads; none for a metric of the costs alone.
    pub matrix: Option<Matrix>,
    /// One line for people.
    pub summary: String,
}

/// The accuracy matrices differ in the classes among which a sample's class is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matrix {
    /// Candidates are the classes of the tasks learned so far; measured on these tasks only.
    Seen,
    /// Candidates are all classes of the stream; absent if the strategy cannot score classes that it has not seen.
    All,
    /// Candidates are the classes of the sample's own task; of learned tasks only, if the strategy cannot score others.
    Task,
}

impl Matrix {
    /// In the order of the results' columns.
    pub const EACH: [Matrix; 3] = [Matrix::Seen, Matrix::All, Matrix::Task];

    /// The name that results carry.
    pub fn name(self) -> &'static str {
        match self {
            Matrix::Seen => "seen",
            Matrix::All => "all",
            Matrix::Task => "task",
        }
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A run's counts. Rows are "after task t", row 0 before the first task; columns are "on task j", from 1.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    pub(crate) n: &'a [u64],
    pub(crate) seen: &'a [i64],
    pub(crate) all: &'a [i64],
    pub(crate) task: &'a [i64],
    pub(crate) costs: &'a [u8],
}

impl<'a> Run<'a> {
    /// A run of `n.len()` tasks; each matrix is row-major, one row more than tasks, −1 where there is no entry.
    ///
    /// # Panics
    ///
    /// If a matrix is not of that size.
    pub fn new(
        n: &'a [u64],
        seen: &'a [i64],
        all: &'a [i64],
        task: &'a [i64],
        costs: &'a [u8],
    ) -> Run<'a> {
        for matrix in [seen, all, task] {
            assert_eq!(matrix.len(), (n.len() + 1) * n.len(), "rows × columns");
        }
        Run {
            n,
            seen,
            all,
            task,
            costs,
        }
    }

    /// How many tasks (T).
    pub fn tasks(&self) -> usize {
        self.n.len()
    }

    /// How many test samples task `on`, from 1, has.
    pub fn samples(&self, on: usize) -> Option<u64> {
        self.n.get(on.checked_sub(1)?).copied()
    }

    /// How many of task `on`'s samples (from 1) are right after task `after` (0: before the first).
    pub fn correct(&self, matrix: Matrix, after: usize, on: usize) -> Option<u64> {
        let counts = match matrix {
            Matrix::Seen => self.seen,
            Matrix::All => self.all,
            Matrix::Task => self.task,
        };
        if on == 0 || on > self.tasks() {
            return None;
        }
        let count = counts.get(after * self.tasks() + on - 1)?;
        u64::try_from(*count).ok()
    }

    /// The accuracy in percent.
    pub fn accuracy(&self, matrix: Matrix, after: usize, on: usize) -> Option<f64> {
        let n = self.samples(on).filter(|&n| n > 0)?;
        Some(100.0 * self.correct(matrix, after, on)? as f64 / n as f64)
    }

    /// The run's costs, as a JSON object.
    pub fn costs(&self) -> &'a [u8] {
        self.costs
    }
}
