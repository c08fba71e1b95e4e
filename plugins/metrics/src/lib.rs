//! The metrics: each a formula over one of a run's accuracy matrices.
//!
//! Three matrices differ in the classes that an image may be taken for ([`Matrix`]); every metric reads
//! exactly one of them. A new metric is a [`formula`] in a file of its own and a line in the list below.

pub mod accuracies;
#[cfg(test)]
mod tests;

pub mod formula {
    //! The formulas: what each metric computes from an accuracy matrix, and who defined it. One
    //! file each.
    //!
    //! `A[t][j]` is the accuracy in percent on the test images of task j after task t; row t = 0 is
    //! before the first task, T is the number of tasks. A formula that needs an entry which is
    //! missing has no value (`None`): a strategy that cannot score unseen classes has no
    //! CI-Transfer, a joint run has no forgetting. Nothing is ever filled in with 0.

    pub mod average_incremental;
    pub mod backward_transfer;
    pub mod final_average;
    pub mod forgetting;
    pub mod forward_transfer;
    pub mod transfer;
}

use accuracies::Accuracies;
use harness_abi::{Error, Matrix, Metric, MetricInfo, Result, Run};

/// What a value of a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A mean of accuracies, in percent.
    Accuracy,
    /// A difference of accuracies in points, larger for better.
    Gain,
    /// A difference of accuracies in points, smaller for better.
    Loss,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// In kebab case; ends in the matrix's name if the same formula is offered on more than one
    /// matrix.
    pub name: &'static str,
    /// What its value is.
    pub measure: Measure,
    /// The matrix that the formula is given.
    pub matrix: Matrix,
    /// The value, if the entries that it needs are there.
    pub formula: fn(&Accuracies<'_>) -> Option<f64>,
    /// One line for people.
    pub summary: &'static str,
}

/// Makes [`DEFINITIONS`] and the plugin's manifest, which is made of literals, from one list.
macro_rules! metrics {
    ($($name:literal: $measure:ident, $matrix:ident, $($formula:ident)::+ => $summary:literal;)*) => {
        /// All metrics, in the order in which they are listed.
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
        => "final average accuracy: mean over the tasks of the accuracy after the last task";
    "average-incremental-accuracy": Accuracy, Seen, average_incremental::average_incremental
        => "mean over the tasks of the mean accuracy on what was seen so far";
    "ci-transfer": Accuracy, All, transfer::transfer_by_row
        => "class-incremental transfer: accuracy on tasks yet to come, among all classes";
    "zscl-transfer-task": Accuracy, Task, transfer::transfer_by_column
        => "ZSCL's Transfer: accuracy on tasks yet to come, among each task's own classes";
    "zscl-transfer-all": Accuracy, All, transfer::transfer_by_column
        => "ZSCL's Transfer among all classes of the stream";
    "forgetting-seen": Loss, Seen, forgetting::forgetting
        => "best accuracy before the last task minus the last one (Chaudhry), among seen classes";
    "forgetting-all": Loss, All, forgetting::forgetting
        => "best accuracy before the last task minus the last one (Chaudhry), among all classes";
    "forgetting-with-last-seen": Loss, Seen, forgetting::forgetting_with_last
        => "best accuracy, the last one included, minus the last one, among seen classes; never negative";
    "forgetting-with-last-all": Loss, All, forgetting::forgetting_with_last
        => "best accuracy, the last one included, minus the last one, among all classes; never negative";
    "forgetting-first-minus-last-seen": Loss, Seen, forgetting::forgetting_first_minus_last
        => "accuracy just after learning minus the last one, among seen classes";
    "forgetting-first-minus-last-all": Loss, All, forgetting::forgetting_first_minus_last
        => "accuracy just after learning minus the last one, among all classes";
    "bwt-seen": Gain, Seen, backward_transfer::backward_transfer
        => "backward transfer: last accuracy minus the one just after learning, among seen classes";
    "bwt-all": Gain, All, backward_transfer::backward_transfer
        => "backward transfer: last accuracy minus the one just after learning, among all classes";
    "fwt": Gain, All, forward_transfer::forward_transfer
        => "forward transfer: accuracy just before learning minus the one before the first task";
    "final-task-accuracy": Accuracy, Task, final_average::final_average
        => "task-incremental FAA: as faa, among each task's own classes";
}

/// A definition as a metric.
#[derive(Debug, Clone, Copy)]
pub struct Formula(&'static Definition);

impl Formula {
    /// The metric of that name.
    ///
    /// # Panics
    ///
    /// If [`DEFINITIONS`] has none.
    pub fn named(name: &str) -> Formula {
        let definition = DEFINITIONS
            .iter()
            .find(|definition| definition.name == name);
        Formula(definition.unwrap_or_else(|| panic!("there is no metric `{name}`")))
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
        let tasks = run.tasks();
        let entries: Vec<Option<f64>> = (0..=tasks)
            .flat_map(|after| (1..=tasks).map(move |on| (after, on)))
            .map(|(after, on)| run.accuracy(self.0.matrix, after, on))
            .collect();
        let accuracies = Accuracies::new(tasks, &entries)
            .ok_or_else(|| Error::failed(format!("a run of {tasks} tasks has no such matrix")))?;
        Ok((self.0.formula)(&accuracies))
    }
}
