//! The effects of the options of `run`, read from the files that it writes.

use crate::tables::{Row, files, rows};
use clbench_tests::{Dir, Outcome, nearest_class_mean};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Two domains (of the same digits), two strategies, two seeds; tasks of two classes.
fn prepared() -> Dir {
    let dir = Dir::new();
    let plugin = nearest_class_mean().display();
    dir.write(
        "s.yaml",
        format!(
            "\
seeds: [1992, 1996]
stream: {{tasks: 5, class_order: {{numpy: seed}}}}
domains:
  digits: {{source: digits}}
  again: {{source: digits}}
backbones:
  pixels: {{parameters: {{size: 8}}}}
strategies:
  mean: {{use: nearest-class-mean, plugin: {plugin}}}
  shrunk: {{use: nearest-class-mean, plugin: {plugin}, parameters: {{shrinkage: 100}}}}
"
        ),
    );
    dir
}

fn run(dir: &Dir, more: &[&str]) -> Outcome {
    dir.clbench([&["run", "s.yaml"], more].concat()).succeeds()
}

/// One domain, one strategy, one seed.
const ONE: [&str; 6] = ["--domain", "digits", "--only", "mean", "--seed", "1992"];

fn run_one(dir: &Dir, out: &str, more: &[&str]) {
    run(dir, &[&ONE[..], &["--out", out], more].concat());
}

/// The distinct combinations of values in some columns.
fn combinations<const N: usize>(rows: &[Row], columns: [&str; N]) -> BTreeSet<[String; N]> {
    rows.iter()
        .map(|row| columns.map(|column| row[column].clone()))
        .collect()
}

fn sum(rows: &[Row], column: &str) -> u64 {
    rows.iter()
        .map(|row| row[column].parse::<u64>().unwrap())
        .sum()
}

fn after_last(dir: &Dir, out: &str) -> Vec<Row> {
    let mut rows = rows(&dir.path(&format!("{out}/accuracy.csv")));
    rows.retain(|row| row["after_task"] == "5");
    rows
}

/// The records of a run folder, in order of their names.
fn records(dir: &Dir, out: &str) -> Vec<Value> {
    let cells = dir.path(&format!("{out}/cells"));
    files(&cells)
        .iter()
        .filter(|name| name.ends_with(".json"))
        .map(|name| serde_json::from_slice(&fs::read(cells.join(name)).unwrap()).unwrap())
        .collect()
}

#[test]
fn a_part_of_the_scenario() {
    let dir = prepared();
    let cells = |out: &str| {
        let rows = rows(&dir.path(&format!("{out}/accuracy.csv")));
        combinations(&rows, ["domain", "strategy", "seed"])
    };
    let part = ["--only", "shrunk", "--domain", "again", "--seed", "1996"];
    run(&dir, &[&part[..], &["--out", "elsewhere/part"]].concat());
    assert_eq!(
        cells("elsewhere/part"),
        BTreeSet::from([["again", "shrunk", "1996"].map(String::from)])
    );
    assert!(!dir.path("results").exists());

    let both = ["--only", "mean", "--only", "shrunk", "--domain", "digits"];
    run(&dir, &[&both[..], &["-j", "2"]].concat());
    assert_eq!(
        cells("results/runs/s"),
        [
            ("mean", 1992),
            ("mean", 1996),
            ("shrunk", 1992),
            ("shrunk", 1996)
        ]
        .map(|(strategy, seed)| ["digits".into(), strategy.into(), seed.to_string()])
        .into()
    );
    // A run of the whole scenario finds these four cells done.
    let whole = run(&dir, &["-j", "2"]);
    assert!(
        whole.stderr.starts_with("4 of 8 cells "),
        "{}",
        whole.stderr
    );
    assert_eq!(cells("results/runs/s").len(), 8);
}

#[test]
fn less_data_gives_another_split() {
    let dir = prepared();
    run_one(&dir, "whole", &[]);
    run_one(&dir, "limit", &["--limit", "3"]);
    run_one(&dir, "validation", &["--validation", "0.25"]);
    run_one(&dir, "both", &["--validation", "0.25", "--limit", "3"]);
    let names = ["whole", "limit", "validation", "both"];
    let tested = names.map(|out| sum(&after_last(&dir, out), "n"));
    // 599 test images; 3 of each of 10 classes; a quarter of each class's share of 1,198 training
    // images.
    assert_eq!(tested, [599, 30, 300, 30]);
    let learned = names.map(|out| records(&dir, out)[0]["stream"]["domains"][0]["n_train"].clone());
    assert_eq!(learned, [1198, 30, 898, 30].map(Value::from));
    let splits: BTreeSet<_> = names
        .iter()
        .flat_map(|out| combinations(&after_last(&dir, out), ["split_hash"]))
        .collect();
    assert_eq!(splits.len(), 4);

    let restrictions = names.map(|out| {
        let rows = rows(&dir.path(&format!("{out}/leaderboard.csv")));
        let found = combinations(&rows, ["limit", "validation"]);
        assert_eq!(found.len(), 1);
        found.first().unwrap().join("/")
    });
    assert_eq!(restrictions, ["/", "3/", "/0.25", "3/0.25"]);
}

#[test]
fn parameters_and_other_keys() {
    let dir = prepared();
    run_one(&dir, "plain", &[]);
    run_one(
        &dir,
        "set",
        &[
            "--set",
            "strategies.mean.shrinkage=100",
            "--set",
            "stream.tasks=2",
        ],
    );
    let record = &records(&dir, "set")[0];
    assert_eq!(record["cell"]["strategy"]["parameters"]["shrinkage"], 100);
    assert_eq!(record["stream"]["task_sizes"], Value::from([5, 5]));
    let settings = |out: &str| {
        let rows = rows(&dir.path(&format!("{out}/metrics.csv")));
        combinations(&rows, ["settings"])
    };
    assert_ne!(settings("plain"), settings("set"));
    // `--set` equals the same key in the file: the strategy `shrunk` has that parameter.
    run(
        &dir,
        &[
            "--only",
            "shrunk",
            "--domain",
            "digits",
            "--seed",
            "1992",
            "--set",
            "stream.tasks=2",
        ],
    );
    let said = &records(&dir, "results/runs/s")[0];
    assert_eq!(record["matrices"], said["matrices"]);
    assert_ne!(record["matrices"], records(&dir, "plain")[0]["matrices"]);
}

#[test]
fn saved_predictions_reproduce_the_accuracies() {
    let dir = prepared();
    run_one(&dir, "out", &[]);
    // An existing record without predictions is not enough.
    run_one(&dir, "out", &["--save-predictions"]);
    let cells = files(&dir.path("out/cells"));
    let name = cells.iter().find(|name| name.ends_with(".predictions.csv"));
    let predictions = rows(&dir.path("out/cells").join(name.unwrap()));
    assert_eq!(predictions.len(), 5 * 599);
    let samples: BTreeSet<_> = predictions.iter().map(|row| &row["sample"]).collect();
    assert_eq!(samples.len(), 599);

    // Class ids follow the stream, so task t has the classes 2 (t − 1) and 2 (t − 1) + 1.
    let mut correct: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for row in &predictions {
        let after: u32 = row["after_task"].parse().unwrap();
        let class: u32 = row["class"].parse().unwrap();
        let logits: Vec<f32> = (0..10)
            .map(|class| &row[&format!("logit_{class}")])
            .take_while(|logit| !logit.is_empty())
            .map(|logit| logit.parse().unwrap())
            .collect();
        assert_eq!(logits.len() as u32, 2 * after, "it scores what it has seen");
        // The first of equal ones.
        let best = (0..logits.len())
            .rev()
            .max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        if class < 2 * after {
            let hit = best == Some(class as usize);
            *correct.entry((after, class / 2 + 1)).or_default() += u64::from(hit);
        }
    }
    let counted: BTreeMap<(u32, u32), u64> = rows(&dir.path("out/accuracy.csv"))
        .iter()
        .filter(|row| !row["seen_correct"].is_empty())
        .map(|row| {
            let task = |column: &str| row[column].parse().unwrap();
            (
                (task("after_task"), task("on_task")),
                row["seen_correct"].parse().unwrap(),
            )
        })
        .collect();
    assert_eq!(correct.len(), 15);
    assert_eq!(correct, counted);
}

#[test]
fn a_confusion_matrix_is_kept_if_it_is_asked_for() {
    let dir = prepared();
    run_one(&dir, "out", &[]);
    assert_eq!(rows(&dir.path("out/confusion.csv")), []);
    // An existing record without one is not enough.
    run_one(&dir, "out", &["--confusion"]);
    let confusion = rows(&dir.path("out/confusion.csv"));
    let count = |row: &Row| row["count"].parse::<u64>().unwrap();
    assert_eq!(confusion.iter().map(count).sum::<u64>(), 599);
    let classes = rows(&dir.path("out/classes.csv"));
    let last: Vec<_> = classes
        .iter()
        .filter(|row| row["after_task"] == "5")
        .collect();
    assert_eq!(last.len(), 10);
    for class in last {
        let mut right = confusion
            .iter()
            .filter(|row| row["class"] == row["predicted"]);
        let right = right
            .find(|row| row["class"] == class["class"])
            .map_or(0, count);
        assert_eq!(right.to_string(), class["seen_correct"]);
    }
    // A record with one is enough for a run that does not ask for it.
    run_one(&dir, "out", &[]);
    assert_eq!(rows(&dir.path("out/confusion.csv")), confusion);
}

#[test]
fn a_grid_gives_a_row_for_each_value() {
    let dir = prepared();
    let grid = "strategies.mean.grid={shrinkage: [0, 5], normalise: [false, true]}";
    let domain = ["--domain", "digits", "--set", grid];
    let outcome = run(
        &dir,
        &[&domain[..], &["--only", "mean", "-j", "2"]].concat(),
    );
    let rows = rows(&dir.path("results/runs/s/leaderboard.csv"));
    let names: Vec<_> = combinations(&rows, ["strategy"])
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(
        names,
        [
            "mean[shrinkage=0,normalise=false]",
            "mean[shrinkage=0,normalise=true]",
            "mean[shrinkage=5,normalise=false]",
            "mean[shrinkage=5,normalise=true]",
        ]
    );
    assert_eq!(combinations(&rows, ["settings"]).len(), 4);
    assert!(
        outcome.stderr.contains("\n[8/8] digits · mean["),
        "{}",
        outcome.stderr
    );
    // One row by its name.
    let one = ["--only", "mean[shrinkage=5,normalise=true]", "--out", "one"];
    run(&dir, &[&domain[..], &one].concat());
    assert_eq!(records(&dir, "one").len(), 2);
}

/// The class order, as class numbers.
fn order(dir: &Dir, class_order: &str, seed: &str) -> Vec<usize> {
    let out = format!("{class_order} {seed}");
    let set = format!("stream.class_order={class_order}");
    let part = ["--domain", "digits", "--only", "mean", "--seed", seed];
    run(dir, &[&part[..], &["--out", &out, "--set", &set]].concat());
    let names = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    let record = records(dir, &out).remove(0);
    let classes = record["stream"]["classes"].as_array().unwrap();
    classes
        .iter()
        .map(|class| names.iter().position(|name| class == name).unwrap())
        .collect()
}

#[test]
fn class_orders() {
    let dir = prepared();
    let order = |class_order, seed| order(&dir, class_order, seed);
    assert_eq!(order("listed", "1992"), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let old_to_new = order("{numpy: seed}", "1992");
    assert_eq!(old_to_new, [2, 7, 3, 6, 0, 5, 1, 9, 8, 4]);
    assert_eq!(
        order("{numpy: seed}", "1996"),
        [0, 9, 8, 6, 3, 7, 4, 1, 2, 5]
    );
    // The other convention reads the same permutation inverted.
    let new_to_old = order("{numpy: seed, convention: new-to-old}", "1992");
    assert!(
        (0..10).all(|class| old_to_new[new_to_old[class]] == class),
        "{new_to_old:?}"
    );
    assert_eq!(order("{numpy: 1992}", "1996"), old_to_new);
    assert_eq!(
        order("{python: seed}", "1992"),
        [4, 1, 2, 7, 0, 6, 3, 8, 5, 9]
    );
    // Results with another order are kept apart.
    let digests: BTreeSet<_> = ["listed 1992", "{numpy: seed} 1992", "{python: seed} 1992"]
        .iter()
        .flat_map(|out| combinations(&after_last(&dir, out), ["class_order_digest"]))
        .collect();
    assert_eq!(digests.len(), 3);
}
