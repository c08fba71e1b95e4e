//! Cells that follow a figure's protocol, and cells that do not.

use super::*;
use crate::id::Seed;
use crate::published::Figure;
use crate::results::fixture::record;
use crate::results::{CellDomain, LearnedDomain, LearnedStream};
use crate::scenario::{DomainUse, Scenario, StrategyRow};
use crate::stream::{Augmentation, ClassIdentity, ClassOrder, Cut, SeedRef, StreamSpec};
use expect_test::expect;
use serde_json::json;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

const FIGURES: &str = r#"
format: 1
datasets:
  digits:
    name: Digits
    splits:
      official: { train: 400, test: 200, by_counts: true }
      other: { hashes: [0123456789ab] }
      drawn: { train: 400, test: 200 }
      lost: { train: 400, test: 200, lost: true }
  letters: { name: Letters }
weights:
  small: { name: small, use: clip, models: [a/small] }
  large: { name: large, use: clip, models: [a/large] }
entries:
  - source: { in: its log }
    datasets: [digits]
    split: official
    tasks: 2
    class_order: listed
    templates: ["a {}"]
    augmentation: none
    weights: small
    preprocessing: { normalisation: imagenet, resize: 8 }
    output: class-token
    class_order_digests: [DIGEST]
    figures: [{ method: A, values: { faa: "85.0" } }]
"#;

/// A cell that follows the protocol of [`published`].
pub(crate) fn cell() -> CellRecord {
    let mut record = record("digits", "a", 1, [80, 80]);
    let backbone = &mut record.cell.backbones[0];
    backbone.use_ = "clip".into();
    backbone.parameters = json!({
        "model": "a/small", "preprocessing": { "normalisation": "imagenet", "resize": 8 }
    });
    record.cell.strategy.parameters = json!({ "output": "class-token" });
    record
}

/// A figure: 85.0 % faa of a method A.
pub(crate) fn published() -> Published {
    let digest = cell().proper_order_digest();
    let text = FIGURES.replace("DIGEST", &digest.as_str()[..12]);
    Published::parse(Path::new("figures.yaml"), &text).unwrap_or_else(|error| panic!("{error}"))
}

fn mark(entry: impl Fn(&mut Entry), cell_change: impl Fn(&mut CellRecord)) -> String {
    let mut published = published();
    entry(&mut published.entries[0]);
    let mut record = cell();
    cell_change(&mut record);
    let metric = Some(("faa", Matrix::Seen));
    compare(&published, &published.entries[0], &[&record], metric).to_string()
}

#[test]
fn a_cell_differs_in_what_is_different() {
    let of_cell = |change: fn(&mut CellRecord)| mark(|_| {}, change);
    let marks = [
        of_cell(|_| {}),
        of_cell(|cell| cell.cell.stream.limit = NonZeroUsize::new(5)),
        of_cell(|cell| cell.stream.domains[0].n_train = 399),
        of_cell(|cell| cell.cell.stream.domains[0].split_hash = "0123456789abcdef".into()),
        of_cell(|cell| {
            cell.stream.classes.swap(0, 3);
            let seed = SeedRef::Fixed(1993);
            let class_order = ClassOrder::numpy(seed);
            let tasks = crate::stream::Tasks::Count(2);
            let cut = Cut { tasks, class_order };
            cell.cell.stream.spec = StreamSpec::of_domain(cut, Augmentation::None);
        }),
        of_cell(|cell| cell.stream.task_sizes = vec![1, 3]),
        of_cell(|cell| cell.stream.classes[0] = "nought".into()),
        of_cell(|cell| cell.cell.backbones[0].parameters["model"] = "a/large".into()),
        of_cell(|cell| cell.cell.backbones[0].parameters["model"] = "b/small".into()),
        of_cell(|cell| cell.cell.backbones[0].use_ = "pixels".into()),
        of_cell(|cell| cell.cell.backbones.clear()),
        of_cell(|cell| {
            cell.cell.backbones[0].parameters["preprocessing"]["resize"] = 9.into();
        }),
        of_cell(|cell| {
            let backbone = cell.cell.backbones[0].parameters.as_object_mut().unwrap();
            backbone.remove("preprocessing");
            cell.cell.strategy.parameters = json!({});
        }),
        of_cell(|cell| cell.cell.stream.domains[0].templates = vec!["the {}".into()]),
        of_cell(|cell| {
            cell.cell.stream.spec.augmentation = Augmentation::RandomResizedCropAndFlip;
            cell.declaration.batch_dependent = true;
        }),
    ];
    expect![[r#"
        same protocol
        differs in split
        differs in split
        differs in split
        differs in class order
        differs in tasks
        differs in class names
        differs in weights
        unknown: weights
        differs in weights
        differs in weights, preprocessing
        differs in preprocessing
        differs in preprocessing, output
        differs in templates
        differs in augmentation, batches
    "#]]
    .assert_eq(&marks.map(|mark| mark + "\n").concat());
}

#[test]
fn what_an_entry_does_not_say_is_unknown() {
    let of_entry = |change: fn(&mut Entry)| mark(change, |_| {});
    let marks = [
        of_entry(|entry| entry.split = None),
        of_entry(|entry| entry.split = Some("drawn".into())),
        of_entry(|entry| entry.split = Some("lost".into())),
        // The digest covers both.
        of_entry(|entry| (entry.class_order, entry.tasks) = (None, None)),
        of_entry(|entry| {
            entry.class_order_digests.clear();
            entry.class_order = None;
        }),
        of_entry(|entry| {
            entry.class_order_digests.clear();
            entry.templates = Some(Templates::None);
        }),
        of_entry(|entry| {
            entry.class_order_digests.clear();
            (entry.weights, entry.preprocessing) = (None, None);
            (entry.output, entry.templates, entry.augmentation) = (None, None, None);
        }),
        of_entry(|entry| entry.shots = Shots::Most(16)),
        of_entry(|entry| entry.candidates = Some(Candidates::All)),
        of_entry(|entry| entry.candidates = Some(Candidates::Mixed)),
        // Tasks have equally many images.
        of_entry(|entry| entry.mean = Some(Mean::Images)),
    ];
    expect![[r#"
        unknown: split
        unknown: split
        differs in split
        same protocol
        unknown: class order, class names
        same protocol
        unknown: class names, weights, preprocessing, output, templates, augmentation
        differs in shots
        same protocol
        differs in candidates
        same protocol
    "#]]
    .assert_eq(&marks.map(|mark| mark + "\n").concat());
}

#[test]
fn a_stream_over_data_sets_has_their_order_and_each_is_a_task() {
    let published = published();
    let mut entry = published.entries[0].clone();
    entry.datasets = vec!["digits".into(), "letters".into()];
    (entry.split, entry.tasks, entry.class_order) = (None, None, None);
    entry.class_order_digests.clear();
    let stream = |domains: [&str; 2], task_domains: &[u32]| {
        let mut record = cell();
        let (stream, found) = (&mut record.cell.stream, &mut record.stream);
        stream.domains.push(stream.domains[0].clone());
        found.domains.push(found.domains[0].clone());
        for (domain, name) in stream.domains.iter_mut().zip(domains) {
            domain.name = name.into();
        }
        found.task_domains = task_domains.to_vec();
        found.task_sizes = vec![4 / task_domains.len() as u32; task_domains.len()];
        compare(&published, &entry, &[&record], Some(("faa", Matrix::Seen))).to_string()
    };
    assert_eq!(
        stream(["digits", "letters"], &[0, 1]),
        "unknown: split, class names"
    );
    assert_eq!(
        stream(["letters", "digits"], &[0, 1]),
        "differs in class order"
    );
    assert_eq!(
        stream(["digits", "letters"], &[0, 0, 1, 1]),
        "differs in tasks"
    );
    let mut by_name = cell();
    by_name.cell.stream.spec.classes = ClassIdentity::ByName;
    let mark = compare(&published, &entry, &[&by_name], None);
    assert!(mark.differs.contains(&Aspect::ClassIdentity));
}

/// The scenarios that repeat published figures follow their protocol, as far as it is known.
#[test]
fn the_scenarios_of_published_figures_follow_the_protocol() {
    let published = Published::built_in().unwrap();
    let readme = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scenarios/published/README.md"
    );
    let readme = fs::read_to_string(readme).unwrap();
    let mut lines = String::new();
    for (name, classes) in [
        ("ranpac-cifar-100", "paper/classes/{}"),
        ("ranpac-cars-196", "paper/classes/{}"),
        ("pilot-cifar-100", "paper/classes/{}"),
        ("pilot-cub-200", "paper/classes/{}"),
        ("imagenet-r-rapf", "published/classes/imagenet-r-rapf"),
    ] {
        let scenario = scenario(&format!("published/{name}"));
        for row in &scenario.strategies {
            let record = planned(&scenario, row, classes);
            let is = |figure: &&Figure| {
                let set =
                    |(name, value): (&String, &Value)| row.parameters.get(name) == Some(value);
                figure.strategy.as_ref() == Some(&row.use_) && figure.parameters.iter().all(set)
            };
            let domain = &record.cell.stream.domains[0];
            let dataset = published.dataset(&domain.name, &domain.split_hash).unwrap();
            let entries = published.entries.iter();
            for entry in entries.filter(|entry| entry.datasets == [dataset]) {
                for figure in entry.figures.iter().filter(is) {
                    for (metric, value) in &figure.values {
                        let read = Some((metric.as_str(), Matrix::Seen));
                        let mark = compare(&published, entry, &[&record], read);
                        if mark.differs.len() > 1 {
                            continue;
                        }
                        let value = &value.text;
                        let told = !mark.differs.is_empty() || readme.contains(value);
                        assert!(told, "README.md does not have {value}");
                        let row = &row.name;
                        lines += &format!("{name} {row}: {metric} {value}, {mark}\n");
                    }
                }
            }
        }
    }
    expect![[r#"
        ranpac-cifar-100 nearest-class-mean: faa 77.1, same protocol
        ranpac-cifar-100 no-projection: faa 80.9, same protocol
        ranpac-cifar-100 ranpac: faa 85.0, same protocol
        ranpac-cars-196 nearest-class-mean: faa 85.6, unknown: class order
        ranpac-cars-196 no-projection: faa 85.8, unknown: class order
        ranpac-cars-196 ranpac: faa 90.4, unknown: class order
        pilot-cifar-100 simplecil-in21k: faa 83.4, differs in preprocessing
        pilot-cifar-100 simplecil-in21k: pooled-average 87.57, differs in tasks
        pilot-cifar-100 simplecil-in21k: pooled-final 81.28, differs in tasks
        pilot-cifar-100 rapf: pooled-average 85.97, differs in templates
        pilot-cifar-100 rapf: pooled-final 78.85, differs in templates
        pilot-cub-200 simplecil: faa 85.1, differs in tasks
        pilot-cub-200 simplecil: pooled-average 92.24, differs in weights
        pilot-cub-200 simplecil: pooled-final 86.77, differs in weights
        pilot-cub-200 simplecil-in21k: pooled-average 92.24, same protocol
        pilot-cub-200 simplecil-in21k: pooled-final 86.77, same protocol
        imagenet-r-rapf rapf: pooled-average 85.58, differs in class names
        imagenet-r-rapf rapf: pooled-final 80.28, differs in class names
    "#]]
    .assert_eq(&lines);
}

/// ZSCL's zero-shot row on its own streams differs in SUN397's split, which nobody can have again,
/// and in nothing else.
#[test]
fn mtil_follows_zscls_protocol_but_for_one_split() {
    let published = Published::built_in().unwrap();
    let mut lines = String::new();
    for name in ["order-1", "order-2"] {
        let scenario = scenario(&format!("mtil/{name}"));
        let mut rows = scenario.strategies.iter();
        let row = rows.find(|row| row.use_ == "zero-shot").unwrap();
        let record = planned(&scenario, row, "mtil/classes/{}");
        lines += &format!("{name} {}\n", &record.stream.class_order_digest[..12]);
        for entry in published
            .entries
            .iter()
            .filter(|entry| entry.datasets.len() == 11)
        {
            let metric = Some(("zscl-transfer-task", Matrix::Task));
            let mark = compare(&published, entry, &[&record], metric);
            let Mark { differs, unknown } = &mark;
            let method = &entry.figures[0].method;
            lines += &format!("  {method}: {differs:?}, unknown {unknown:?}\n");
        }
    }
    expect![[r#"
        order-1 1c8c70612d40
          zero-shot CLIP: [Split], unknown []
          fine-tuning in sequence: [Split], unknown [Preprocessing, Output, Augmentation]
          zero-shot CLIP: [Split, ClassOrder], unknown [ClassNames, Templates]
          fine-tuning in sequence: [Split, ClassOrder], unknown [ClassNames, Preprocessing, Output, Templates, Augmentation]
          CMAP: [], unknown [Split, ClassNames, Weights, Preprocessing, Output, Templates, Augmentation]
        order-2 0bde03f6e6e3
          zero-shot CLIP: [Split, ClassOrder], unknown [ClassNames, Templates]
          fine-tuning in sequence: [Split, ClassOrder], unknown [ClassNames, Preprocessing, Output, Templates, Augmentation]
          zero-shot CLIP: [Split], unknown []
          fine-tuning in sequence: [Split], unknown [Preprocessing, Output, Augmentation]
          CMAP: [ClassOrder], unknown [Split, ClassNames, Weights, Preprocessing, Output, Templates, Augmentation]
    "#]].assert_eq(&lines);
}

fn scenario(name: &str) -> Scenario {
    let file = format!("{}/../scenarios/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    Scenario::load(Path::new(&file), &[], &[]).unwrap()
}

/// The record of a row's first cell, as far as the scenario says what it would be.
fn planned(scenario: &Scenario, row: &StrategyRow, classes: &str) -> CellRecord {
    let use_ = &scenario.streams[0];
    let domain = |name: &String| scenario.domains.iter().find(|domain| domain.name == *name);
    let domains: Vec<&DomainUse> = (use_.domains.iter())
        .map(|part| domain(&part.domain).unwrap())
        .collect();
    let names: Vec<Vec<String>> = domains
        .iter()
        .map(|domain| class_names(&classes.replace("{}", &domain.name)))
        .collect();
    let names: Vec<&[String]> = names.iter().map(Vec::as_slice).collect();
    let templates: Vec<&[String]> = domains.iter().map(|domain| &*domain.templates).collect();
    let mut record = record(&use_.name, &row.name, 1, [80, 80]);
    let stream = Stream::new(&use_.spec(), &names, Seed(1)).unwrap();
    let found = record.stream.domains.remove(0);
    let found = domains.iter().map(|domain| LearnedDomain {
        n_train: domain.expect.train.unwrap(),
        n_test: domain.expect.test.unwrap(),
        ..found.clone()
    });
    record.stream = LearnedStream::of(&stream, found.collect(), &templates);
    let cell = &mut record.cell;
    cell.stream.spec = use_.spec();
    let planned = domains.iter().map(|domain| CellDomain {
        name: domain.name.clone(),
        split_hash: domain.expect.split.clone().unwrap_or_default(),
        templates: domain.templates.clone(),
        shots: None,
    });
    cell.stream.domains = planned.collect();
    cell.strategy.use_ = row.use_.clone();
    cell.strategy.parameters = row.parameters.clone();
    let mut backbones = scenario.backbones.iter();
    let backbone = backbones.find(|backbone| row.backbones.contains(&backbone.name));
    cell.backbones[0].use_ = backbone.unwrap().use_.clone();
    cell.backbones[0].parameters = backbone.unwrap().parameters.clone();
    record
}

fn class_names(file: &str) -> Vec<String> {
    let file = format!("{}/../scenarios/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
    let classes: Vec<Value> = serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let name = |class: &Value| {
        class
            .get("name")
            .unwrap_or(class)
            .as_str()
            .map(str::to_owned)
    };
    classes.iter().map(|class| name(class).unwrap()).collect()
}
