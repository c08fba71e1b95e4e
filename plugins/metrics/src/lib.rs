//! The metrics: each a formula over one of a run's accuracy matrices.
//!
//! There are three matrices, which differ in their candidate classes ([`Matrix`]); every metric
//! reads exactly one of them. To add a metric, write a [`formula`] in its own file and add a line
//! to the list below.

pub mod accuracies;
#[cfg(test)]
mod tests;

pub mod formula {
    //! The formulas, one file each: what a metric computes from an accuracy matrix, and who defined
    //! it.
    //!
    //! `A[t][j]` is the accuracy in percent on the test images of task j after task t; row t = 0 is
    //! before the first task, T is the number of tasks. A formula that needs a missing entry has no
    //! value (`None`): a strategy that cannot score unseen classes has no CI-Transfer, a joint run
    //! has no forgetting. Missing entries never count as 0.

    pub mod average_incremental;
    pub mod backward_transfer;
    pub mod final_average;
    pub mod forgetting;
    pub mod forward_transfer;
    pub mod matrix_average;
    pub mod pooled;
    pub mod transfer;
}

use accuracies::Accuracies;
use harness_abi::{Matrix, Metric, MetricInfo, Result, Run};

/// What a metric's value measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A mean of accuracies, in percent.
    Accuracy,
    /// A difference of accuracies in percentage points; higher is better.
    Gain,
    /// A difference of accuracies in percentage points; lower is better.
    Loss,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// In kebab case; ends in the matrix's name if the same formula is available on more than one
    /// matrix.
    pub name: &'static str,
    /// What its value measures.
    pub measure: Measure,
    /// The matrix that the formula reads.
    pub matrix: Matrix,
    /// Computes the value; `None` if an entry that it needs is missing.
    pub formula: fn(&Accuracies<'_>) -> Option<f64>,
    /// One line for `clbench ls`.
    pub summary: &'static str,
}

/// Makes both [`DEFINITIONS`] and the plugin's manifest, which must consist of literals, from one
/// list.
macro_rules! metrics {
    ($($name:literal: $measure:ident, $matrix:ident, $($formula:ident)::+ => $summary:literal;)*) => {
        /// All metrics, in listing order.
        pub const DEFINITIONS: &[Definition] = &[$(Definition {
            name: $name,
            measure: Measure::$measure,
            matrix: Matrix::$matrix,
            formula: formula::$($formula)::+,
            summary: $summary,
        }),*];

        harness_abi::export_plugin! {
            runtime: none,
            backbones: {},
            strategies: {},
            metrics: { $($name: Formula::named($name) => $summary),* },
        }
    };
}

metrics! {
    "faa": Accuracy, Seen, final_average::final_average
        => "final average accuracy: mean accuracy over all tasks after the last task";
    "average-incremental-accuracy": Accuracy, Seen, average_incremental::average_incremental
        => "mean over time of the average accuracy on the tasks seen so far";
    "pooled-final": Accuracy, Seen, pooled::pooled_final
        => "PyCIL's and PILOT's A_B: accuracy on the images of all tasks together, after the last task";
    "pooled-average": Accuracy, Seen, pooled::pooled_average
        => "PyCIL's and PILOT's average accuracy: mean over time of the pooled accuracy on the tasks seen so far";
    "ci-transfer": Accuracy, All, transfer::transfer_by_row
        => "class-incremental transfer: mean accuracy on future tasks, among all classes";
    "zscl-transfer-task": Accuracy, Task, transfer::transfer_by_column
        => "ZSCL's Transfer: mean accuracy on future tasks, among each task's own classes";
    "zscl-transfer-all": Accuracy, All, transfer::transfer_by_column
        => "ZSCL's Transfer: mean accuracy on future tasks, among all classes";
    "zscl-average-task": Accuracy, Task, matrix_average::matrix_average
        => "ZSCL's Avg: mean accuracy over all tasks, learned or not, and over time, among each task's own classes";
    "zscl-average-all": Accuracy, All, matrix_average::matrix_average
        => "ZSCL's Avg: mean accuracy over all tasks, learned or not, and over time, among all classes";
    "forgetting-seen": Loss, Seen, forgetting::forgetting
        => "forgetting (Chaudhry et al.): best earlier accuracy minus final accuracy, among seen classes";
    "forgetting-all": Loss, All, forgetting::forgetting
        => "forgetting (Chaudhry et al.): best earlier accuracy minus final accuracy, among all classes";
    "forgetting-with-last-seen": Loss, Seen, forgetting::forgetting_with_last
        => "best accuracy, final one included, minus final accuracy, among seen classes; never negative";
    "forgetting-with-last-all": Loss, All, forgetting::forgetting_with_last
        => "best accuracy, final one included, minus final accuracy, among all classes; never negative";
    "forgetting-first-minus-last-seen": Loss, Seen, forgetting::forgetting_first_minus_last
        => "accuracy right after learning a task minus final accuracy, among seen classes";
    "forgetting-first-minus-last-all": Loss, All, forgetting::forgetting_first_minus_last
        => "accuracy right after learning a task minus final accuracy, among all classes";
    "bwt-seen": Gain, Seen, backward_transfer::backward_transfer
        => "backward transfer: final accuracy minus accuracy right after learning a task, among seen classes";
    "bwt-all": Gain, All, backward_transfer::backward_transfer
        => "backward transfer: final accuracy minus accuracy right after learning a task, among all classes";
    "fwt": Gain, All, forward_transfer::forward_transfer
        => "forward transfer: accuracy right before learning a task minus accuracy before the first task";
    "final-task-accuracy": Accuracy, Task, final_average::final_average
        => "task-incremental final average accuracy: faa among each task's own classes; ZSCL's Last";
}

/// Implements [`Metric`] for a [`Definition`].
#[derive(Debug, Clone, Copy)]
pub struct Formula(&'static Definition);

impl Formula {
    /// The metric called `name`.
    ///
    /// # Panics
    ///
    /// If [`DEFINITIONS`] has no such metric.
    pub fn named(name: &str) -> Formula {
        let definition = DEFINITIONS
            .iter()
            .find(|definition| definition.name == name);
        Formula(definition.unwrap_or_else(|| panic!("unknown metric `{name}`")))
    }
}

impl Metric for Formula {
    fn info(&self) -> MetricInfo {
        let definition = self.0;
        let (unit, higher_is_better) = match definition.measure {
            Measure::Accuracy => ("%", true),
            Measure::Gain => ("points", true),
            Measure::Loss => ("points", false),
        };
        MetricInfo {
            name: definition.name.into(),
            unit: unit.into(),
            higher_is_better,
            matrix: Some(definition.matrix),
            summary: definition.summary.into(),
        }
    }

    fn compute(&self, run: &Run<'_>) -> Result<Option<f64>> {
        let accuracies = Accuracies::new(*run, self.0.matrix);
        Ok((self.0.formula)(&accuracies))
    }
}
