//! Compares the metrics with the reference code, and checks properties that they share.

use super::*;
use serde_json::Value;

/// The number of test samples of each task where a test gives accuracies.
const SAMPLES: u64 = 100_000;

/// The value of the metric called `name`, where its matrix has these accuracies in percent and the
/// others are empty.
fn value(name: &str, tasks: usize, entries: &[Option<f64>]) -> Option<f64> {
    let counts: Vec<i64> = entries
        .iter()
        .map(|entry| {
            entry.map_or(-1, |percent| {
                let count = percent / 100.0 * SAMPLES as f64;
                assert!((count - count.round()).abs() < 1e-6, "{percent} %");
                count.round() as i64
            })
        })
        .collect();
    compute(name, &vec![SAMPLES; tasks], &counts)
}

/// The value of the metric called `name`, where its matrix has these counts and the others are
/// empty.
fn compute(name: &str, n: &[u64], counts: &[i64]) -> Option<f64> {
    let metric = Formula::named(name);
    let none = vec![-1; counts.len()];
    let given = |matrix| match metric.info().matrix == Some(matrix) {
        true => counts,
        false => &none,
    };
    let [seen, all, task] = Matrix::EACH.map(given);
    metric
        .compute(&Run::new(n, seen, all, task, b"{}"))
        .unwrap()
}

fn fixture(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/metrics");
    serde_json::from_slice(&std::fs::read(format!("{folder}/{name}")).unwrap()).unwrap()
}

fn numbers(list: &Value) -> Vec<f64> {
    let list = list.as_array().unwrap().iter();
    list.map(|number| number.as_f64().unwrap()).collect()
}

/// Row 0, then the reference's rows: whole (`all`, `task`) or up to the diagonal (`seen`, as its
/// training loop keeps them).
fn entries(case: &Value, matrix: Matrix) -> (usize, Vec<Option<f64>>) {
    let rows = case["matrix"].as_array().unwrap();
    let mut all = vec![numbers(&case["random_baseline"])];
    all.extend(rows.iter().map(numbers));
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
    let cases = fixture("metrics.json");
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

#[test]
fn each_metric_reads_its_own_matrix() {
    let matrix = [3, 7, 19, 61, 11, 29, 80, 90, 41, 47, 95, 99];
    let none = [-1; 12];
    for definition in DEFINITIONS {
        let own = compute(definition.name, &[100; 3], &matrix);
        assert!(own.is_some(), "{} needs another matrix", definition.name);
        assert_eq!(compute(definition.name, &[100; 3], &none), None);
    }
}

#[test]
fn a_task_without_test_samples_has_no_accuracy() {
    let value = |name, n: &[u64]| compute(name, n, &[-1, -1, 3, -1, 3, 1]);
    assert_eq!(value("faa", &[4, 2]), Some(62.5));
    assert_eq!(value("faa", &[4, 0]), None);
    assert_eq!(value("pooled-final", &[4, 2]), Some(66.67));
    assert_eq!(value("pooled-final", &[0, 0]), None);
}

/// ZSCL's three means on `task`, in the order of its tables.
const ZSCL: [(&str, &str); 3] = [
    ("zscl-transfer-task", "transfer"),
    ("zscl-average-task", "avg"),
    ("final-task-accuracy", "last"),
];

/// Its 14 published matrices have no row 0; any numbers may stand there, since none of its means
/// counts that row. What its tables print, to one decimal: fine-tuning in order I and ZSCL.
#[test]
fn zscls_matrices_give_zscls_tables() {
    let fixture = fixture("zscl.json");
    let matrices = fixture["matrices"].as_array().unwrap();
    assert_eq!(matrices.len(), 14);
    let mut printed = Vec::new();
    for case in matrices {
        let n: Vec<u64> = numbers(&case["n_test"]).iter().map(|&n| n as u64).collect();
        let counts = |learned_only: bool, row_0: i64| -> Vec<i64> {
            let rows = case["correct"].as_array().unwrap().iter().enumerate();
            let row = |(t, row)| {
                let row = numbers(row).into_iter().enumerate();
                row.map(move |(j, count)| match learned_only && j > t {
                    true => -1,
                    false => count as i64,
                })
            };
            vec![row_0; n.len()]
                .into_iter()
                .chain(rows.flat_map(row))
                .collect()
        };
        let expect = |name: &str, key: &str, counts: &[i64]| -> f64 {
            let found = compute(name, &n, counts).unwrap();
            let expected = case[key].as_f64().unwrap();
            let of = (&case["order"], &case["row"]);
            assert!((found - expected).abs() < 1e-9, "{of:?}: {name} is {found}");
            found
        };
        for row_0 in [-1, 0, 1000] {
            let means = ZSCL.map(|(name, key)| expect(name, key, &counts(false, row_0)));
            if row_0 == 0 {
                let row = case["row"].as_str().unwrap();
                let means = means.map(|mean| format!("{mean:.1}")).join(" / ");
                printed.push(format!("{} {row}: {means}", case["order"]));
            }
        }
        for name in ["zscl-transfer-all", "zscl-average-all"] {
            let on_task = compute(&name.replace("all", "task"), &n, &counts(false, -1));
            assert_eq!(compute(name, &n, &counts(false, -1)), on_task);
        }
        expect("pooled-final", "pooled_final", &counts(true, -1));
        expect("pooled-average", "pooled_average", &counts(true, -1));
        assert_eq!(compute("zscl-average-task", &n, &counts(true, -1)), None);
    }
    assert_eq!(
        printed,
        [
            "1 Continual learning: 44.6 / 55.9 / 77.3",
            "1 LwF: 56.9 / 64.7 / 74.6",
            "1 iCaRL: 50.4 / 65.7 / 80.1",
            "1 LwF-VR: 57.2 / 65.1 / 76.6",
            "1 WiSE-FT: 52.3 / 60.7 / 77.7",
            "1 ZSCL*: 62.2 / 72.6 / 84.5",
            "1 ZSCL: 68.1 / 75.4 / 83.6",
            "2 CL: 46.6 / 56.2 / 67.4",
            "2 LwF: 53.2 / 62.2 / 71.9",
            "2 iCaRL: 50.9 / 56.9 / 71.6",
            "2 LwF-VR: 53.1 / 60.6 / 68.3",
            "2 WiSE-FT: 51.0 / 61.5 / 72.2",
            "2 ZSCL*: 59.8 / 71.8 / 83.3",
            "2 ZSCL: 64.2 / 74.5 / 83.4",
        ]
    );
}

#[test]
fn zscls_zero_shot_rows_give_zscls_tables() {
    let fixture = fixture("zscl.json");
    let tables = [[69.39, 65.29, 65.29], [65.35, 65.29, 65.29]];
    for (case, table) in fixture["zero_shot"].as_array().unwrap().iter().zip(tables) {
        let row = numbers(&case["per_set"]);
        let entries: Vec<_> = vec![row; 12].into_iter().flatten().map(Some).collect();
        for ((name, key), printed) in ZSCL.into_iter().zip(table) {
            let found = value(name, 11, &entries).unwrap();
            assert!((found - case[key].as_f64().unwrap()).abs() < 1e-9);
            assert!((found - printed).abs() < 0.005, "{name} is {found}");
        }
    }
}

#[test]
fn pooled_accuracies_are_rounded_as_numpy_rounds() {
    for case in fixture("zscl.json")["rounding"].as_array().unwrap() {
        let [correct, n, rounded] = numbers(case)[..] else {
            panic!("{case} is not correct, n, rounded");
        };
        let found = compute("pooled-final", &[n as u64], &[-1, correct as i64]);
        assert_eq!(found, Some(rounded), "{correct} of {n}");
    }
}

#[test]
fn pooled_accuracy_counts_images_and_faa_counts_tasks() {
    let counts = [-1, -1, 90, -1, 60, 10];
    let value = |name| compute(name, &[100, 10], &counts);
    assert_eq!(value("faa"), Some(80.0));
    assert_eq!(value("pooled-final"), Some(63.64));
    assert_eq!(value("pooled-average"), Some((90.0 + 63.64) / 2.0));
}
