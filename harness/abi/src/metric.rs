//! Metrics: pure functions of a run's accuracy matrices and costs.

use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A metric: a pure function of a run.
///
/// The host computes metrics when it makes tables, for every record, from one thread. A metric has
/// no parameters and no state.
///
/// # Example
///
/// Final average accuracy: the mean over tasks j of `seen[T][j]`.
///
/// ```
/// use harness_abi::{Matrix, Metric, MetricInfo, Result, Run};
///
/// struct FinalAverage;
///
/// impl Metric for FinalAverage {
///     fn info(&self) -> MetricInfo {
///         MetricInfo {
///             name: "final-average".into(),
///             unit: "%".into(),
///             higher_is_better: true,
///             matrix: Some(Matrix::Seen),
///             summary: "Mean accuracy over all tasks after the last one".into(),
///         }
///     }
///
///     fn compute(&self, run: &Run<'_>) -> Result<Option<f64>> {
///         let tasks = run.tasks();
///         let accuracies = (1..=tasks).map(|on| run.accuracy(Matrix::Seen, tasks, on));
///         // `None` if an entry is missing.
///         let sum: Option<f64> = accuracies.sum();
///         Ok(sum.map(|sum| sum / tasks as f64))
///     }
/// }
///
/// // Two tasks with 10 and 20 test samples. Row 0 is before the first task; -1 is a missing entry.
/// let seen = [
///     -1, -1, // before the first task
///     9, -1, //  after task 1
///     7, 18, //  after task 2
/// ];
/// let none = [-1; 6];
/// let run = Run::new(&[10, 20], &seen, &none, &seen, b"{}");
/// assert_eq!(FinalAverage.compute(&run), Ok(Some(80.0))); // (70 + 90) / 2
///
/// let interrupted = Run::new(&[10, 20], &none, &none, &none, b"{}");
/// assert_eq!(FinalAverage.compute(&interrupted), Ok(None));
/// ```
pub trait Metric: 'static {
    /// Describes the metric.
    fn info(&self) -> MetricInfo;

    /// Computes the value; `None` if the run lacks an entry that the metric needs.
    ///
    /// # Errors
    ///
    /// If the metric cannot read the run.
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
    /// The matrix that it reads; `None` if it reads costs only.
    pub matrix: Option<Matrix>,
    /// A one-line description.
    pub summary: String,
}

/// An accuracy matrix. The three differ in the candidates: the classes among which a sample's class
/// is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matrix {
    /// Candidates are the classes of the tasks learned so far. Only these tasks are measured, even
    /// if their classes come back later.
    Seen,
    /// Candidates are all classes of the stream. If the strategy cannot score unseen classes, only
    /// rows after which none is left are measured; the last row always is.
    All,
    /// Candidates are the classes of the sample's own task. If the strategy cannot score unseen
    /// classes, only tasks whose classes have all been seen are measured.
    Task,
}

impl Matrix {
    /// All matrices, in the order of the results' columns.
    pub const EACH: [Matrix; 3] = [Matrix::Seen, Matrix::All, Matrix::Task];

    /// The name in results.
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

/// A run's counts of correct predictions. Row t is "after task t", row 0 "before the first task";
/// column j is "on task j", from 1.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    pub(crate) n: &'a [u64],
    pub(crate) seen: &'a [i64],
    pub(crate) all: &'a [i64],
    pub(crate) task: &'a [i64],
    pub(crate) costs: &'a [u8],
}

impl<'a> Run<'a> {
    /// A run of `n.len()` tasks, where `n` has the number of test samples of each.
    ///
    /// Each matrix is row-major and has one row more than there are tasks. −1 is a missing entry.
    /// `costs` is a JSON object.
    ///
    /// # Panics
    ///
    /// If a matrix has another size.
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

    /// The number of tasks (T).
    pub fn tasks(&self) -> usize {
        self.n.len()
    }

    /// The number of test samples of task `on`, from 1.
    pub fn samples(&self, on: usize) -> Option<u64> {
        self.n.get(on.checked_sub(1)?).copied()
    }

    /// How many test samples of task `on` (from 1) are classified correctly after task `after` (0:
    /// before the first).
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

    /// The accuracy in percent, for the same entry as [`correct`](Self::correct).
    pub fn accuracy(&self, matrix: Matrix, after: usize, on: usize) -> Option<f64> {
        let n = self.samples(on).filter(|&n| n > 0)?;
        Some(100.0 * self.correct(matrix, after, on)? as f64 / n as f64)
    }

    /// The run's costs, as a JSON object: `wall_seconds`, `peak_memory_bytes`, `optimiser_steps`
    /// and `state_bytes`, as in a record.
    pub fn costs(&self) -> &'a [u8] {
        self.costs
    }
}
