//! Streams over several domains: what a run counts is computed again here, from its predictions
//! and by the definitions of the manual's page on protocols.

use crate::tables::{Row, rows};
use clbench_tests::{Dir, Outcome, root};
use expect_test::expect;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Streams of every kind over three domains, two of which share 16 names. In `cut` the tasks have
/// 40, 4, 3, 3 and 40 classes.
fn prepared() -> Dir {
    let dir = Dir::new();
    let weights = root().join("plugins/clip/weights/small");
    dir.write(
        "s.yaml",
        format!(
            "\
seeds: [7]
domains:
  recoloured: {{source: pictures, style: recoloured}}
  sketch: {{source: pictures, style: sketch, shots: 4}}
  digits: {{source: digits, templates: ['the number {{}}']}}
streams:
  one-way: {{domains: [recoloured, digits, sketch]}}
  other-way: {{domains: [sketch, digits, recoloured]}}
  by-name: {{domains: [recoloured, digits, sketch], classes: by-name}}
  cut:
    domains:
      - recoloured
      - {{domain: digits, task_sizes: [4, 3, 3], class_order: {{numpy: seed}}}}
      - sketch
    classes: by-name
backbones:
  clip: {{parameters: {{path: {}}}}}
strategies:
  zero-shot: {{}}
  nearest-class-mean: {{}}
",
            weights.display()
        ),
    );
    dir
}

fn run(dir: &Dir, more: &[&str]) -> Outcome {
    let args = ["run", "s.yaml", "--out", "out", "--limit", "4", "-j", "2"];
    dir.clbench([&args, more].concat()).succeeds()
}

/// One row of a predictions file: the sample's task and class, and the logits of the classes that
/// were scored.
struct Prediction {
    after: usize,
    domain: String,
    task: usize,
    class: usize,
    logits: Vec<f64>,
}

fn predictions(dir: &Dir, id: &str) -> Vec<Prediction> {
    let path = dir.path(&format!("out/cells/{id}.predictions.csv"));
    let number = |row: &Row, column: &str| row[column].parse::<usize>().unwrap();
    let logits = |row: &Row| {
        let logits = (0..).map(|class| row.get(&format!("logit_{class}")));
        let logits = logits.map_while(|logit| logit?.parse().ok());
        logits.collect()
    };
    let prediction = |row: &Row| Prediction {
        after: number(row, "after_task"),
        domain: row["domain"].clone(),
        task: number(row, "task"),
        class: number(row, "class"),
        logits: logits(row),
    };
    rows(&path).iter().map(prediction).collect()
}

/// The first of the highest logits among some classes.
fn answer(logits: &[f64], candidates: &BTreeSet<usize>) -> Option<usize> {
    let mut best: Option<usize> = None;
    for &class in candidates {
        if best.is_none_or(|best| logits[class] > logits[best]) {
            best = Some(class);
        }
    }
    best
}

/// The entries of `seen`, `all` and `task`, by row and column: correct answers, or empty.
fn counted(
    predictions: &[Prediction],
    tasks: &[BTreeSet<usize>],
    scores_unseen: bool,
) -> BTreeMap<(usize, usize), [String; 3]> {
    let all: BTreeSet<usize> = tasks.iter().flatten().copied().collect();
    let mut entries = BTreeMap::new();
    for after in 0..=tasks.len() {
        let seen: BTreeSet<usize> = tasks[..after].iter().flatten().copied().collect();
        for on in 1..=tasks.len() {
            let own = &tasks[on - 1];
            let has = [
                on <= after,
                scores_unseen || seen == all,
                scores_unseen || own.is_subset(&seen),
            ];
            let candidates = [&seen, &all, own];
            let entry = [0, 1, 2].map(|matrix| {
                let mut correct = 0;
                let rows = predictions.iter();
                for row in rows.filter(|row| (row.after, row.task) == (after, on)) {
                    if has[matrix] {
                        let answer = answer(&row.logits, candidates[matrix]);
                        correct += usize::from(answer == Some(row.class));
                    }
                }
                match has[matrix] {
                    true => correct.to_string(),
                    false => String::new(),
                }
            });
            entries.insert((after, on), entry);
        }
    }
    entries
}

/// The classes of each task, as a record says: their ids, lowest first.
fn classes_of_tasks(record: &Value) -> Vec<BTreeSet<usize>> {
    let stream = &record["stream"];
    let numbers = |value: &Value| -> Vec<usize> {
        let numbers = value.as_array().unwrap().iter();
        numbers.map(|n| n.as_u64().unwrap() as usize).collect()
    };
    if let Some(tasks) = stream["task_classes"].as_array() {
        return tasks
            .iter()
            .map(|task| numbers(task).into_iter().collect())
            .collect();
    }
    let mut next = 0;
    let sizes = numbers(&stream["task_sizes"]).into_iter();
    sizes
        .map(|size| {
            next += size;
            (next - size..next).collect()
        })
        .collect()
}

#[test]
fn every_image_counts_for_its_task_among_three_sets_of_candidates() {
    let dir = prepared();
    run(&dir, &["--save-predictions"]);
    let accuracy = rows(&dir.path("out/accuracy.csv"));
    let run_file: Value =
        serde_json::from_slice(&fs::read(dir.path("out/run.json")).unwrap()).unwrap();
    let cells = run_file["plans"][0]["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 8);
    let mut returning = 0;
    for cell in cells {
        let id = cell["id"].as_str().unwrap();
        let record = fs::read(dir.path(&format!("out/cells/{id}.json"))).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        let tasks = classes_of_tasks(&record);
        let classes = record["stream"]["classes"].as_array().unwrap().len();
        returning += usize::from(tasks.iter().map(BTreeSet::len).sum::<usize>() > classes);
        let predictions = predictions(&dir, id);
        let scores_unseen = record["declaration"]["scores_unseen"] == true;
        let expected = counted(&predictions, &tasks, scores_unseen);
        let domain_of: BTreeMap<usize, &String> = (predictions.iter())
            .map(|row| (row.task, &row.domain))
            .collect();
        let of_cell = accuracy
            .iter()
            .filter(|row| row["stream"] == cell["stream"] && row["strategy"] == cell["row"]);
        let mut found = BTreeMap::new();
        for row in of_cell {
            let number = |column: &str| row[column].parse::<usize>().unwrap();
            let on = number("on_task");
            assert_eq!(row["domain"], *domain_of[&on], "{id}");
            let correct = ["seen_correct", "all_correct", "task_correct"];
            let correct = correct.map(|column| row[column].clone());
            found.insert((number("after_task"), on), correct);
        }
        assert_eq!(found, expected, "{id}");
    }
    assert_eq!(returning, 4, "two streams by name, two strategies");
}

#[test]
fn two_orders_share_features_and_agree_on_what_never_changes() {
    let dir = prepared();
    let outcome = run(&dir, &["--stream", "one-way", "--stream", "other-way"]);
    let features = outcome.stderr.matches(" · features of clip").count();
    assert_eq!(features, 3, "one for each domain:\n{}", outcome.stderr);
    let scores = rows(&dir.path("out/domains.csv"));
    let zero_shot = |stream: &str, measure: &str| -> BTreeMap<[String; 2], String> {
        let rows = scores.iter().filter(|row| {
            row["stream"] == stream && row["strategy"] == "zero-shot" && row["measure"] == measure
        });
        rows.map(|row| {
            let key = ["domain", "matrix"].map(|column| row[column].clone());
            (key, row["mean"].clone())
        })
        .collect()
    };
    for measure in ["average", "last"] {
        let one_way = zero_shot("one-way", measure);
        assert_eq!(one_way.len(), 6);
        // Among all classes, 16 texts tie, and a tie goes to the class that arrived first.
        let same = |[domain, matrix]: &[String; 2]| matrix == "task" || domain == "digits";
        for (key, mean) in one_way.iter().filter(|(key, _)| same(key)) {
            assert_eq!(*mean, zero_shot("other-way", measure)[key], "{key:?}");
        }
    }
    // A mean over two views of the same images would say nothing.
    assert!(!outcome.stdout.contains("overall"), "{}", outcome.stdout);
    let tables = [
        "leaderboard",
        "out",
        "--per-domain",
        "task",
        "--format",
        "markdown",
    ];
    let tables = dir.clbench(tables).succeeds().stdout;
    let titles = tables
        .lines()
        .filter(|line| line.starts_with("**") && !line.contains("Bold"));
    expect![[r#"
        **one-way: transfer on each domain, among the classes of each task**
        **one-way: average on each domain, among the classes of each task**
        **one-way: last on each domain, among the classes of each task**
        **other-way: transfer on each domain, among the classes of each task**
        **other-way: average on each domain, among the classes of each task**
        **other-way: last on each domain, among the classes of each task**
    "#]]
    .assert_eq(&titles.map(|line| format!("{line}\n")).collect::<String>());
}

#[test]
fn what_is_only_known_with_the_images_is_checked_by_validate() {
    let dir = prepared();
    let validated = dir.clbench(["validate", "s.yaml"]).succeeds();
    let streams = validated
        .stdout
        .lines()
        .filter(|line| line.contains("stream "));
    expect![[r#"
        stream one-way: 3 domains, 3 tasks, 90 classes (by-domain)
        stream other-way: 3 domains, 3 tasks, 90 classes (by-domain)
        stream by-name: 3 domains, 3 tasks, 74 classes (by-name)
        stream cut: 3 domains, 5 tasks, 74 classes (by-name)
    "#]]
    .assert_eq(
        &streams
            .map(|line| format!("{}\n", line.trim()))
            .collect::<String>(),
    );
    expect![[r#"
        warning: s.yaml:7: streams.one-way: class `red checkered arrow` (and 15 other names) is in `recoloured`, `sketch`, with the same templates, so the texts of both classes are the same: their scores tie, and the later class can never be predicted from text alone. If they are one class, write `classes: by-name`; otherwise give the domains different templates
        warning: s.yaml:8: streams.other-way: class `red checkered arrow` (and 15 other names) is in `sketch`, `recoloured`, with the same templates, so the texts of both classes are the same: their scores tie, and the later class can never be predicted from text alone. If they are one class, write `classes: by-name`; otherwise give the domains different templates
    "#]].assert_eq(&validated.stderr);
    let templates = "domains.sketch.templates=[\"a sketch of a {}\"]";
    let refused = dir
        .clbench(["validate", "s.yaml", "--set", templates])
        .outcome();
    assert_eq!(refused.code, 2);
    expect![[r#"
        error: s.yaml:9: streams.by-name: class `red checkered arrow` is in domains `recoloured` and `sketch`, whose templates differ, so it has no text of its own; give both domains the same `templates`, or write `templates` here
            9 |   by-name: {domains: [recoloured, digits, sketch], classes: by-name}
              |   ^^^^^^^
    "#]].assert_eq(&refused.stderr);
}
