//! The metrics: each a formula over one of a run's accuracy matrices.
//!
//! [`formula`] has the formulas, where they come from, and the list of them all; here each becomes a [`Metric`] of the
//! plugin. A metric whose entries are not all there has no value, which is not the value 0.

pub mod formula;

use formula::{Accuracies, DEFINITIONS, Definition};
use harness_abi::{Error, Metric, MetricInfo, Result, Run};

/// Exports the formulas of these names. The names and lines for people stand here a second time because a manifest is
/// made of literals; a test compares them with [`DEFINITIONS`].
macro_rules! export {
    ($($name:literal => $summary:literal),* $(,)?) => {
        harness_abi::export_plugin! {
            runtime: none,
            backbones: {},
            strategies: {},
            metrics: { $($name: Formula::named($name) => $summary),* },
        }

        #[cfg(test)]
        const EXPORTED: &[(&str, &str)] = &[$(($name, $summary)),*];
    };
}

export! {
    "faa" => "final average accuracy: mean over the tasks of the accuracy after the last task",
    "average-incremental-accuracy" => "mean over the tasks of the mean accuracy on what was seen so far",
    "ci-transfer" => "class-incremental transfer: accuracy on tasks yet to come, among all classes",
    "zscl-transfer-task" => "ZSCL's Transfer: accuracy on tasks yet to come, among each task's own classes",
    "zscl-transfer-all" => "ZSCL's Transfer among all classes of the stream",
    "forgetting-seen" => "best accuracy before the last task minus the last one (Chaudhry), among seen classes",
    "forgetting-all" => "best accuracy before the last task minus the last one (Chaudhry), among all classes",
    "forgetting-with-last-seen" => "best accuracy, the last one included, minus the last one, among seen classes; never negative",
    "forgetting-with-last-all" => "best accuracy, the last one included, minus the last one, among all classes; never negative",
    "forgetting-first-minus-last-seen" => "accuracy just after learning minus the last one, among seen classes",
    "forgetting-first-minus-last-all" => "accuracy just after learning minus the last one, among all classes",
    "bwt-seen" => "backward transfer: last accuracy minus the one just after learning, among seen classes",
    "bwt-all" => "backward transfer: last accuracy minus the one just after learning, among all classes",
    "fwt" => "forward transfer: accuracy just before learning minus the one before the first task",
    "final-task-accuracy" => "task-incremental FAA: as faa, among each task's own classes",
}

/// A formula as a metric.
#[derive(Debug, Clone, Copy)]
pub struct Formula(&'static Definition);

impl Formula {
    /// The formula of that name.
    ///
    /// # Panics
    ///
    /// If [`DEFINITIONS`] has none.
    pub fn named(name: &str) -> Formula {
        let definition = DEFINITIONS
            .iter()
            .find(|definition| definition.name == name);
        Formula(definition.unwrap_or_else(|| panic!("there is no formula `{name}`")))
    }
}

impl Metric for Formula {
    fn info(&self) -> MetricInfo {
        let Definition {
            name,
            unit,
            higher_is_better,
            matrix,
            summary,
            ..
        } = *self.0;
        MetricInfo {
            name: name.into(),
            unit: unit.into(),
            higher_is_better,
            matrix: Some(matrix),
            summary: summary.into(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::Matrix;
    use serde_json::Value;

    #[test]
    fn every_formula_is_exported_under_its_name_and_summary() {
        let defined: Vec<_> = DEFINITIONS.iter().map(|d| (d.name, d.summary)).collect();
        assert_eq!(EXPORTED, defined);
        for definition in DEFINITIONS {
            let info = Formula::named(definition.name).info();
            assert_eq!(
                (info.name.as_str(), info.matrix),
                (definition.name, Some(definition.matrix))
            );
        }
    }

    /// A run's counts: the percentages of a matrix as so many of 100,000 samples.
    struct Counts {
        n: Vec<u64>,
        /// Every entry.
        whole: Vec<i64>,
        /// Those of tasks that were learned.
        seen: Vec<i64>,
    }

    impl Counts {
        fn of(case: &Value) -> Counts {
            const N: f64 = 100_000.0;
            let rows = case["matrix"].as_array().unwrap();
            let tasks = rows.len();
            let whole: Vec<i64> = std::iter::once(&case["random_baseline"])
                .chain(rows)
                .flat_map(|row| row.as_array().unwrap())
                .map(|percent| {
                    let count = percent.as_f64().unwrap() / 100.0 * N;
                    assert!(
                        (count - count.round()).abs() < 1e-6,
                        "{percent} % is not a count"
                    );
                    count.round() as i64
                })
                .collect();
            let seen = (0..whole.len())
                .map(|at| {
                    if at % tasks < at / tasks {
                        whole[at]
                    } else {
                        -1
                    }
                })
                .collect();
            Counts {
                n: vec![N as u64; tasks],
                whole,
                seen,
            }
        }

        fn run(&self) -> Run<'_> {
            Run::new(&self.n, &self.seen, &self.whole, &self.whole, b"{}")
        }
    }

    fn golden() -> Value {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/metrics/metrics.json"
        );
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn counts_give_the_values_of_the_reference_code() {
        let pairs = [
            ("faa", "final_average_accuracy"),
            (
                "average-incremental-accuracy",
                "average_incremental_accuracy",
            ),
            ("ci-transfer", "ci_transfer"),
            ("bwt-seen", "backward_transfer"),
            ("bwt-all", "backward_transfer"),
            ("fwt", "forward_transfer"),
            ("forgetting-with-last-seen", "forgetting"),
            (
                "forgetting-seen",
                "pitfall_forgetting_max_over_past_rows_only",
            ),
        ];
        let golden = golden();
        for (name, case) in golden.as_object().unwrap() {
            let counts = Counts::of(case);
            for (metric, key) in pairs {
                let value = Formula::named(metric)
                    .compute(&counts.run())
                    .unwrap()
                    .unwrap();
                let expected = case[key].as_f64().unwrap();
                assert!(
                    (value - expected).abs() < 1e-9,
                    "{name}: {metric} is {value}, {key} is {expected}"
                );
            }
        }
    }

    #[test]
    fn each_metric_reads_its_own_matrix() {
        let golden = golden();
        let counts = Counts::of(&golden["T3_hand"]);
        let none = vec![-1; counts.whole.len()];
        for definition in DEFINITIONS {
            let given = |matrix| {
                if definition.matrix == matrix {
                    &counts.whole
                } else {
                    &none
                }
            };
            let compute = |seen, all, task| {
                let run = Run::new(&counts.n, seen, all, task, b"{}");
                Formula::named(definition.name).compute(&run).unwrap()
            };
            let alone = compute(given(Matrix::Seen), given(Matrix::All), given(Matrix::Task));
            assert!(alone.is_some(), "{} needs another matrix", definition.name);
            assert_eq!(compute(&none, &none, &none), None, "{}", definition.name);
        }
    }

    #[test]
    fn a_task_without_test_samples_has_no_accuracy() {
        let faa = |n: &[u64]| {
            let counts = [-1, -1, 3, -1, 3, 1];
            let run = Run::new(n, &counts, &counts, &counts, b"{}");
            Formula::named("faa").compute(&run).unwrap()
        };
        assert_eq!(faa(&[4, 2]), Some(62.5));
        assert_eq!(faa(&[4, 0]), None);
    }
}
