//! Compares the metrics with the reference code, and checks properties that they share.

use super::*;
use crate::accuracies::Accuracies;
use harness_abi::Matrix;
use serde_json::Value;

/// The value of the metric called `name`.
fn value(name: &str, tasks: usize, entries: &[Option<f64>]) -> Option<f64> {
    let definition = DEFINITIONS.iter().find(|d| d.name == name).expect(name);
    (definition.formula)(&Accuracies::new(tasks, entries).expect("a matrix of the right size"))
}

/// Row 0, then the reference's rows: whole (`all`, `task`) or up to the diagonal (`seen`, as its
/// training loop keeps them).
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
fn values_match_the_reference_code() {
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
fn zscl_transfer_averages_by_column_first() {
    // Rows 0..=3; task 2 was 20 before it was learned, task 3 was 10 and then 30: (20 + (10 + 30) /
    // 2) / 2.
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
        .filter(|d| d.matrix == Matrix::All && d.measure != Measure::Accuracy);
    for d in differences {
        let found = value(d.name, 3, &entries).unwrap();
        assert_eq!(found.to_bits(), 0.0_f64.to_bits(), "{}", d.name);
    }
}

#[test]
fn a_joint_run_has_final_accuracies_and_nothing_that_compares_rows() {
    let mut entries = vec![None; 12];
    entries[9..].copy_from_slice(&[Some(50.0), Some(60.0), Some(70.0)]);
    assert_eq!(value("faa", 3, &entries), Some(60.0));
    assert_eq!(value("final-task-accuracy", 3, &entries), Some(60.0));
    let compares = |d: &&Definition| d.measure != Measure::Accuracy || d.name.contains("transfer");
    for d in DEFINITIONS.iter().filter(compares) {
        assert_eq!(value(d.name, 3, &entries), None, "{}", d.name);
    }
}

#[test]
fn a_missing_entry_makes_the_metric_undefined() {
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
fn names_are_unique_and_a_matrix_suffix_names_the_matrix() {
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

/// A run's counts: a matrix of percentages as counts out of 100,000 samples.
struct Counts {
    n: Vec<u64>,
    /// Every entry.
    whole: Vec<i64>,
    /// The entries of tasks learned so far; −1 elsewhere.
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
fn metrics_computed_from_counts_match_the_reference_code() {
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
