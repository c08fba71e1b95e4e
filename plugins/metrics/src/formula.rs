//! The formulas: what each metric computes from an accuracy matrix, and who defined it.
//!
//! `A[t][j]` is the accuracy in percent on the test images of task j after task t; row t = 0 is before the first task, T is the number
//! of tasks. Three matrices differ in the classes that an image may be taken for ([`Matrix`]); every metric reads exactly one of them.
//! A formula that needs an entry which is missing has no value (`None`): a strategy that cannot score unseen classes has no
//! CI-Transfer, a joint run has no forgetting. Nothing is ever filled in with 0.
//!
//! Three definitions of forgetting are in use in the field under the one name; here each has a name of its own.

use harness_abi::Matrix;

/// One metric: its name and unit, how to read it, and its formula.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// In kebab case; ends in the matrix's name where the same formula is offered on more than one matrix.
    pub name: &'static str,
    /// `%` for a mean of accuracies, `points` for a difference of accuracies.
    pub unit: &'static str,
    /// Whether a larger value is a better one.
    pub higher_is_better: bool,
    /// The matrix that the formula is to be given.
    pub matrix: Matrix,
    /// One line for people.
    pub summary: &'static str,
    /// The value, where the entries that it needs are there.
    pub formula: fn(&Accuracies<'_>) -> Option<f64>,
}

/// An accuracy matrix in percent: rows t = 0..=T, columns j = 1..=T.
#[derive(Debug, Clone, Copy)]
pub struct Accuracies<'a> {
    tasks: usize,
    entries: &'a [Option<f64>],
}

impl<'a> Accuracies<'a> {
    /// Views `entries`, row after row: (T + 1) rows of T columns. `None` where the number of entries is another.
    pub fn new(tasks: usize, entries: &'a [Option<f64>]) -> Option<Self> {
        (entries.len() == (tasks + 1) * tasks).then_some(Self { tasks, entries })
    }

    /// T.
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// A\[t\]\[j\], t from 0 (before the first task), j from 1; `None` where it was not measured or lies outside.
    pub fn get(&self, t: usize, j: usize) -> Option<f64> {
        if t > self.tasks || j == 0 || j > self.tasks {
            return None;
        }
        self.entries[t * self.tasks + j - 1]
    }
}

/// All metrics, in the order in which tables show them.
pub const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "faa",
        unit: "%",
        higher_is_better: true,
        matrix: Matrix::Seen,
        summary: "final average accuracy: mean over the tasks of the accuracy after the last task",
        formula: final_average,
    },
    Definition {
        name: "average-incremental-accuracy",
        unit: "%",
        higher_is_better: true,
        matrix: Matrix::Seen,
        summary: "mean over the tasks of the mean accuracy on what was seen so far",
        formula: average_incremental,
    },
    Definition {
        name: "ci-transfer",
        unit: "%",
        higher_is_better: true,
        matrix: Matrix::All,
        summary: "class-incremental transfer: accuracy on tasks yet to come, among all classes",
        formula: transfer_by_row,
    },
    Definition {
        name: "zscl-transfer-task",
        unit: "%",
        higher_is_better: true,
        matrix: Matrix::Task,
        summary: "ZSCL's Transfer: accuracy on tasks yet to come, among each task's own classes",
        formula: transfer_by_column,
    },
    Definition {
        name: "zscl-transfer-all",
        unit: "%",
        higher_is_better: true,
        matrix: Matrix::All,
        summary: "ZSCL's Transfer among all classes of the stream",
        formula: transfer_by_column,
    },
    Definition {
        name: "forgetting-seen",
        unit: "points",
        higher_is_better: false,
        matrix: Matrix::Seen,
        summary: "best accuracy before the last task minus the last one (Chaudhry), among seen classes",
        formula: forgetting,
    },
    Definition {
        name: "forgetting-all",
        unit: "points",
        higher_is_better: false,
        matrix: Matrix::All,
        summary: "best accuracy before the last task minus the last one (Chaudhry), among all classes",
        formula: forgetting,
    },
    Definition {
        name: "forgetting-with-last-seen",
        unit: "points",
        higher_is_better: false,
        matrix: Matrix::Seen,
        summary: "best accuracy, the last one included, minus the last one, among seen classes; never negative",
        formula: forgetting_with_last,
    },
    Definition {
        name: "forgetting-with-last-all",
        unit: "points",
        higher_is_better: false,
        matrix: Matrix::All,
        summary: "best accuracy, the last one included, minus the last one, among all classes; never negative",
        formula: forgetting_with_last,
    },
    Definition {
        name: "forgetting-first-minus-last-seen",
        unit: "points",
        higher_is_better: false,
        matrix: Matrix::Seen,
        summary: "accuracy just after learning minus the last one, among seen classes",
        formula: forgetting_first_minus_last,
    },
    Definition {
        name: "forgetting-first-minus-last-all",
        unit: "points",
        higher_is_better: false,
        matrix: Matrix::All,
        summary: "accuracy just after learning minus the last one, among all classes",
        formula: forgetting_first_minus_last,
    },
    Definition {
        name: "bwt-seen",
        unit: "points",
        higher_is_better: true,
        matrix: Matrix::Seen,
        summary: "backward transfer: last accuracy minus the one just after learning, among seen classes",
        formula: backward_transfer,
    },
    Definition {
        name: "bwt-all",
        unit: "points",
        higher_is_better: true,
        matrix: Matrix::All,
        summary: "backward transfer: last accuracy minus the one just after learning, among all classes",
        formula: backward_transfer,
    },
    Definition {
        name: "fwt",
        unit: "points",
        higher_is_better: true,
        matrix: Matrix::All,
        summary: "forward transfer: accuracy just before learning minus the one before the first task",
        formula: forward_transfer,
    },
    Definition {
        name: "final-task-accuracy",
        unit: "%",
        higher_is_better: true,
        matrix: Matrix::Task,
        summary: "task-incremental FAA: as faa, among each task's own classes",
        formula: final_average,
    },
];

/// FAA = 1/T Σ_{j=1..T} A\[T\]\[j\], unweighted over tasks.
///
/// Lopez-Paz and Ranzato, *Gradient Episodic Memory* (NeurIPS 2017), section 2, as ACC; "final average accuracy" in CGIL
/// (arXiv 2407.15793).
pub fn final_average(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..=last).map(|j| a.get(last, j)))
}

/// 1/T Σ_{t=1..T} ( 1/t Σ_{j=1..t} A\[t\]\[j\] ).
///
/// Rebuffi et al., *iCaRL* (CVPR 2017), section 4, "average incremental accuracy".
pub fn average_incremental(a: &Accuracies<'_>) -> Option<f64> {
    mean((1..=a.tasks()).map(|t| mean((1..=t).map(|j| a.get(t, j)))))
}

/// 1/(T−1) Σ_{t=1..T−1} ( 1/(T−t) Σ_{j=t+1..T} A\[t\]\[j\] ): each row's mean over the tasks yet to come, then the mean of the rows.
/// Not the flat mean of all those entries, which would weigh early rows more.
///
/// CI-Transfer of CGIL (arXiv 2407.15793), computed as its code does (mammoth, commit e75a491, "AVG Transfer").
pub fn transfer_by_row(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|t| mean((t + 1..=last).map(|j| a.get(t, j)))))
}

/// 1/(T−1) Σ_{j=2..T} ( 1/(j−1) Σ_{t=1..j−1} A\[t\]\[j\] ): each task's mean over the time before it was learned, then the mean of the
/// tasks.
///
/// Transfer of ZSCL (Zheng et al., *Preventing Zero-Shot Transfer Degradation in Continual Learning of Vision-Language Models*, ICCV
/// 2023, arXiv 2303.06628), there among each task's own classes.
pub fn transfer_by_column(a: &Accuracies<'_>) -> Option<f64> {
    mean((2..=a.tasks()).map(|j| mean((1..j).map(|t| a.get(t, j)))))
}

/// 1/(T−1) Σ_{j=1..T−1} ( max_{t=j..T−1} A\[t\]\[j\] − A\[T\]\[j\] ). Negative where the last task helped.
///
/// Chaudhry et al., *Riemannian Walk for Incremental Learning* (ECCV 2018), the best taken from the task's own row on.
pub fn forgetting(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|j| Some(best(a, j, last - 1)? - a.get(last, j)?)))
}

/// 1/(T−1) Σ_{j=1..T−1} ( max_{t=j..T} A\[t\]\[j\] − A\[T\]\[j\] ): the best may be the last one, so it is never negative.
///
/// The reference code of CGIL (mammoth, commit e75a491, `forgetting`).
pub fn forgetting_with_last(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|j| Some(best(a, j, last)? - a.get(last, j)?)))
}

/// 1/(T−1) Σ_{j=1..T−1} ( A\[j\]\[j\] − A\[T\]\[j\] ): backward transfer with its sign turned, which some papers print as forgetting.
pub fn forgetting_first_minus_last(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|j| Some(a.get(j, j)? - a.get(last, j)?)))
}

/// BWT = 1/(T−1) Σ_{j=1..T−1} ( A\[T\]\[j\] − A\[j\]\[j\] ).
///
/// Lopez-Paz and Ranzato, *Gradient Episodic Memory* (NeurIPS 2017), section 2.
pub fn backward_transfer(a: &Accuracies<'_>) -> Option<f64> {
    let last = a.tasks();
    mean((1..last).map(|j| Some(a.get(last, j)? - a.get(j, j)?)))
}

/// FWT = 1/(T−1) Σ_{j=2..T} ( A\[j−1\]\[j\] − A\[0\]\[j\] ), where row 0 takes the place of the accuracy of a random model.
///
/// Lopez-Paz and Ranzato, *Gradient Episodic Memory* (NeurIPS 2017), section 2.
pub fn forward_transfer(a: &Accuracies<'_>) -> Option<f64> {
    mean((2..=a.tasks()).map(|j| Some(a.get(j - 1, j)? - a.get(0, j)?)))
}

/// The best accuracy on task j in the rows from its own to `until`; every one of them must have been measured.
fn best(a: &Accuracies<'_>, j: usize, until: usize) -> Option<f64> {
    (j..=until)
        .map(|t| a.get(t, j))
        .reduce(|best, next| Some(best?.max(next?)))
        .flatten()
}

/// The mean, where there is something to take it of and nothing of it is missing.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
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
    use serde_json::Value;

    /// The value of the metric called `name`.
    fn value(name: &str, tasks: usize, entries: &[Option<f64>]) -> Option<f64> {
        let definition = DEFINITIONS.iter().find(|d| d.name == name).expect(name);
        (definition.formula)(&Accuracies::new(tasks, entries).expect("a matrix of the right size"))
    }

    /// Row 0, then the reference's rows: whole (`all`, `task`) or up to the diagonal (`seen`, as its training loop keeps them).
    fn entries(case: &Value, matrix: Matrix) -> (usize, Vec<Option<f64>>) {
        let rows = case["matrix"].as_array().unwrap();
        let row = |row: &Value| -> Vec<f64> {
            row.as_array()
                .unwrap()
                .iter()
                .map(|x| x.as_f64().unwrap())
                .collect()
        };
        let mut all = vec![row(&case["random_baseline"])];
        all.extend(rows.iter().map(row));
        let keep = |t: usize, j: usize| matrix != Matrix::Seen || j <= t;
        let entries = all.iter().enumerate().flat_map(|(t, row)| {
            row.iter()
                .enumerate()
                .map(move |(j, &x)| keep(t, j + 1).then_some(x))
        });
        (rows.len(), entries.collect())
    }

    #[test]
    fn the_reference_code_agrees() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/metrics/metrics.json"
        );
        let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let pairs = [
            ("final_average_accuracy", "faa", 1.0),
            (
                "average_incremental_accuracy",
                "average-incremental-accuracy",
                1.0,
            ),
            ("ci_transfer", "ci-transfer", 1.0),
            ("backward_transfer", "bwt-seen", 1.0),
            ("backward_transfer", "bwt-all", 1.0),
            (
                "backward_transfer",
                "forgetting-first-minus-last-seen",
                -1.0,
            ),
            ("forward_transfer", "fwt", 1.0),
            ("forgetting", "forgetting-with-last-seen", 1.0),
            (
                "pitfall_forgetting_max_over_past_rows_only",
                "forgetting-seen",
                1.0,
            ),
        ];
        let cases = cases.as_object().unwrap();
        assert_eq!(cases.len(), 3);
        for (case_name, case) in cases {
            for (key, name, sign) in pairs {
                let matrix = DEFINITIONS.iter().find(|d| d.name == name).unwrap().matrix;
                let (tasks, entries) = entries(case, matrix);
                let expected = sign * case[key].as_f64().unwrap();
                let found = value(name, tasks, &entries).unwrap();
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{case_name}: {name} is {found}, the reference's {key} {expected}"
                );
            }
            let (tasks, entries) = entries(case, Matrix::All);
            let flat = case["pitfall_flat_mean_of_all_future_entries"]
                .as_f64()
                .unwrap();
            assert!((value("ci-transfer", tasks, &entries).unwrap() - flat).abs() > 1.0);
        }
    }

    #[test]
    fn zscl_transfer_goes_column_first() {
        // Rows 0..=3; task 2 was 20 before it was learned, task 3 was 10 and then 30: (20 + (10 + 30) / 2) / 2.
        let rows = [
            [0.0, 0.0, 0.0],
            [90.0, 20.0, 10.0],
            [80.0, 85.0, 30.0],
            [70.0, 88.0, 95.0],
        ];
        let entries: Vec<_> = rows.iter().flatten().copied().map(Some).collect();
        assert_eq!(value("zscl-transfer-task", 3, &entries), Some(20.0));
        assert_eq!(value("zscl-transfer-all", 3, &entries), Some(20.0));
        // Row first: ((20 + 10) / 2 + 30) / 2.
        assert_eq!(value("ci-transfer", 3, &entries), Some(22.5));
    }

    #[test]
    fn a_frozen_model_neither_forgets_nor_gains_among_all_classes() {
        let row = [31.25, 62.5, 99.9];
        let entries: Vec<_> = [row; 4].iter().flatten().copied().map(Some).collect();
        let differences = DEFINITIONS
            .iter()
            .filter(|d| d.matrix == Matrix::All && d.unit == "points");
        for d in differences {
            let found = value(d.name, 3, &entries).unwrap();
            assert_eq!(found.to_bits(), 0.0_f64.to_bits(), "{}", d.name);
        }
    }

    #[test]
    fn a_joint_run_has_final_accuracies_and_nothing_else() {
        let mut entries = vec![None; 12];
        entries[9..].copy_from_slice(&[Some(50.0), Some(60.0), Some(70.0)]);
        let defined: Vec<_> = DEFINITIONS
            .iter()
            .filter(|d| value(d.name, 3, &entries).is_some())
            .map(|d| d.name)
            .collect();
        assert_eq!(defined, ["faa", "final-task-accuracy"]);
        assert_eq!(value("faa", 3, &entries), Some(60.0));
    }

    #[test]
    fn one_missing_entry_leaves_the_metric_without_a_value() {
        let mut entries = vec![Some(50.0); 12];
        entries[2 * 3 + 2] = None; // A[2][3]
        assert_eq!(value("ci-transfer", 3, &entries), None);
        assert_eq!(value("fwt", 3, &entries), None);
        assert_eq!(value("forgetting-all", 3, &entries), Some(0.0));
    }

    #[test]
    fn one_task_has_neither_transfer_nor_forgetting() {
        let entries = [Some(10.0), Some(90.0)];
        assert_eq!(value("faa", 1, &entries), Some(90.0));
        assert_eq!(
            value("average-incremental-accuracy", 1, &entries),
            Some(90.0)
        );
        for name in [
            "ci-transfer",
            "zscl-transfer-task",
            "forgetting-seen",
            "bwt-all",
            "fwt",
        ] {
            assert_eq!(value(name, 1, &entries), None, "{name}");
        }
    }

    #[test]
    fn names_are_unique_and_say_the_matrix_where_two_are_offered() {
        let mut names: Vec<_> = DEFINITIONS.iter().map(|d| d.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DEFINITIONS.len());
        for d in DEFINITIONS {
            for matrix in [Matrix::Seen, Matrix::All, Matrix::Task] {
                let suffix = format!("-{matrix:?}").to_lowercase();
                if d.name.ends_with(&suffix) {
                    assert_eq!(d.matrix, matrix, "{}", d.name);
                }
            }
        }
    }

    #[test]
    fn a_matrix_of_another_size_is_refused() {
        assert!(Accuracies::new(3, &[None; 9]).is_none());
    }
}
