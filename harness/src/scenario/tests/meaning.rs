//! What a file means.

use super::{GOOD, parse, parse_with, shown};
use crate::id::Seed;
use crate::scenario::{
    ClassOrder, Convention, DomainUse, Provenance, Regime, Scenario, SeedRef, Selection, Tasks,
};
use crate::stream::{Augmentation, ClassIdentity, Cut};
use expect_test::expect;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Every key at once.
const FULL: &str = "\
# yaml-language-server: $schema=scenario.schema.json
format: 1
name: every_key-1
description: every key at once
seeds: [1997, 3]
threads: 2
device: cuda:1
stream:
  tasks: 5
  class_order: {numpy: seed}
backbones:
  wide: {use: pixels, plugin: ../x/libfoo.so, parameters: {size: 16}}
  pixels:
domains:
  zoo:
    source: image-folder
    path: ~/zoo
    stream: {task_sizes: [4, 3, 3], class_order: {python: 7}, augmentation: random-resized-crop-and-flip}
  drawings: {source: pictures, style: recoloured}
  clothes:
    source: idx
    path: /usr/share/clothes
    classes: [T-shirt, Trouser]
    templates: ['a photo of a {}, a kind of clothing']
strategies:
  linear:
    use: linear-head
    plugin: libheads.so
    backbone: wide
    parameters: &shared {epochs: 5, optimizer: {momentum: 0.9}}
    grid:
      optimizer.lr: [0.1, 1e-5]
      loss: [hinge, [1, 2]]
    provenance: tuned
    trials: 12
  upper: {use: linear-head, backbones: [pixels, wide], regime: joint, parameters: {<<: *shared, epochs: 9}}
  fixed: {backbones: [], provenance: published}
metrics: [faa, bwt]
";

/// A domain's source as it is sent to a cell, without absent keys.
fn source(domain: &DomainUse) -> Value {
    fn said(value: Value) -> Value {
        match value {
            Value::Object(keys) => {
                let said_keys = keys.into_iter().filter(|(_, value)| !value.is_null());
                said_keys.map(|(key, value)| (key, said(value))).collect()
            }
            other => other,
        }
    }
    said(serde_json::to_value(&domain.source).unwrap())
}

fn names(scenario: &Scenario) -> Vec<&str> {
    scenario
        .strategies
        .iter()
        .map(|row| row.name.as_str())
        .collect()
}

#[test]
fn what_is_left_out_has_its_default() {
    let scenario = parse(GOOD).unwrap();
    assert_eq!(scenario.name, "test");
    assert_eq!(scenario.threads.get(), 1);
    assert_eq!(scenario.device.as_str(), "cpu");
    assert_eq!(scenario.metrics, None);
    assert_eq!(scenario.backbones[0].use_, "pixels");
    assert_eq!(scenario.backbones[0].parameters, json!({}));
    let digits = &scenario.domains[0];
    assert_eq!(source(digits), json!({"digits": {}}));
    assert_eq!(digits.templates, ["a photo of a {}"]);
    let stream = &scenario.streams[0];
    assert_eq!(stream.key.to_string(), "stream");
    assert_eq!(stream.domains[0].cut.class_order, ClassOrder::Listed);
    assert_eq!(stream.augmentation, Augmentation::None);
    let row = &scenario.strategies[1];
    assert_eq!(
        (row.name.as_str(), row.use_.as_str()),
        ("nearest-class-mean", "nearest-class-mean")
    );
    assert_eq!(row.backbones, ["pixels"], "the only one there is");
    assert_eq!(
        (row.regime, row.provenance, row.trials),
        (Regime::Sequential, None, None)
    );
}

#[test]
fn every_key_arrives_in_the_order_of_the_file() {
    let scenario = parse(FULL).unwrap();
    assert_eq!(scenario.name, "every_key-1");
    assert_eq!(scenario.description.as_deref(), Some("every key at once"));
    assert_eq!(scenario.seeds, [Seed(1997), Seed(3)]);
    assert_eq!(scenario.threads.get(), 2);
    assert_eq!(scenario.device.as_str(), "cuda:1");
    assert_eq!(
        scenario.metrics.as_deref(),
        Some(&["faa".to_owned(), "bwt".to_owned()][..])
    );

    let wide = &scenario.backbones[0];
    assert_eq!((wide.name.as_str(), wide.use_.as_str()), ("wide", "pixels"));
    assert_eq!(wide.plugin, Some(PathBuf::from("scenarios/../x/libfoo.so")));
    assert_eq!(wide.parameters, json!({"size": 16}));
    assert_eq!(scenario.backbones[1].name, "pixels");

    let [zoo, drawings, clothes] = &scenario.domains[..] else {
        panic!("three domains")
    };
    let home = std::env::home_dir().unwrap();
    assert_eq!(
        source(zoo),
        json!({"image-folder": {"path": home.join("zoo")}})
    );
    let [of_zoo, _, of_clothes] = &scenario.streams[..] else {
        panic!("three streams")
    };
    assert_eq!(of_zoo.key.to_string(), "domains.zoo.stream");
    assert_eq!(of_zoo.domains[0].cut.tasks, Tasks::Sizes(vec![4, 3, 3]));
    let (seed, convention) = (SeedRef::Fixed(7), Convention::NewToOld);
    assert_eq!(of_zoo.augmentation, Augmentation::RandomResizedCropAndFlip);
    assert_eq!(
        of_zoo.domains[0].cut.class_order,
        ClassOrder::Python { seed, convention }
    );
    assert_eq!(
        source(drawings),
        json!({"pictures": {"style": "recoloured"}})
    );
    assert_eq!(
        source(clothes),
        json!({"idx": {"path": "/usr/share/clothes", "classes": ["T-shirt", "Trouser"]}})
    );
    assert_eq!(clothes.templates, ["a photo of a {}, a kind of clothing"]);
    assert_eq!(of_clothes.domains[0].cut.tasks, Tasks::Count(5));
    let (seed, convention) = (SeedRef::CellSeed, Convention::OldToNew);
    assert_eq!(
        of_clothes.domains[0].cut.class_order,
        ClassOrder::Numpy { seed, convention }
    );

    let row = &scenario.strategies[0];
    assert_eq!(
        (row.base.as_str(), row.use_.as_str()),
        ("linear", "linear-head")
    );
    assert_eq!(row.plugin, Some(PathBuf::from("scenarios/libheads.so")));
    assert_eq!(row.backbones, ["wide"]);
    assert_eq!(
        (row.provenance, row.trials),
        (Some(Provenance::Tuned), Some(12))
    );
    let upper = &scenario.strategies[4];
    assert_eq!(
        (upper.name.as_str(), upper.regime),
        ("upper", Regime::Joint)
    );
    assert_eq!(upper.backbones, ["pixels", "wide"]);
    assert_eq!(
        upper.parameters,
        json!({"epochs": 9, "optimizer": {"momentum": 0.9}}),
        "merged"
    );
    let fixed = &scenario.strategies[5];
    assert!(fixed.backbones.is_empty());
    assert_eq!(
        (fixed.provenance, fixed.trials),
        (Some(Provenance::Published), None)
    );
}

#[test]
fn a_label_is_for_tables_and_a_grid_adds_its_choices() {
    let labelled = GOOD.replace(
        "    parameters: {lr: 0.1, epochs: 5}\n",
        "    label: ' Linear (ours)  '\n    grid: {lr: [0.1, 0.2]}\n",
    );
    let scenario = parse(&labelled).unwrap();
    let rows: Vec<(&str, &str)> = scenario
        .strategies
        .iter()
        .map(|row| (row.name.as_str(), row.title()))
        .collect();
    assert_eq!(
        rows,
        [
            ("linear[lr=0.1]", "Linear (ours) [lr=0.1]"),
            ("linear[lr=0.2]", "Linear (ours) [lr=0.2]"),
            ("nearest-class-mean", "nearest-class-mean"),
        ]
    );
    assert_eq!(scenario.strategies[2].label, None);
    // On the command line too.
    let set = parse_with(GOOD, &["strategies.linear.label=Ours"]).unwrap();
    assert_eq!(set.strategies[0].title(), "Ours");
}

#[test]
fn a_grid_makes_a_row_per_combination_the_first_key_slowest() {
    let scenario = parse(FULL).unwrap();
    assert_eq!(
        names(&scenario)[..4],
        [
            "linear[optimizer.lr=0.1,loss=hinge]",
            "linear[optimizer.lr=0.1,loss=[1,2]]",
            "linear[optimizer.lr=0.00001,loss=hinge]",
            "linear[optimizer.lr=0.00001,loss=[1,2]]",
        ]
    );
    let row = &scenario.strategies[2];
    let expected =
        json!({"epochs": 5, "loss": "hinge", "optimizer": {"lr": 1e-5, "momentum": 0.9}});
    assert_eq!(row.parameters, expected);
    assert_eq!(
        row.parameter_key("optimizer.lr").to_string(),
        "strategies.linear.grid.optimizer.lr[1]"
    );
    assert_eq!(
        row.parameter_key("epochs").to_string(),
        "strategies.linear.parameters.epochs"
    );
}

#[test]
fn the_other_convention_can_be_asked_for() {
    let order = "{tasks: 5, class_order: {numpy: 1993, convention: new-to-old}}";
    let scenario = parse(&super::changed("{tasks: 5}", order)).unwrap();
    let (seed, convention) = (SeedRef::Fixed(1993), Convention::NewToOld);
    let expected = ClassOrder::Numpy { seed, convention };
    assert_eq!(scenario.streams[0].domains[0].cut.class_order, expected);
}

#[test]
fn a_later_stage_reports_a_key_with_its_line() {
    let scenario = parse(FULL).unwrap();
    let key = scenario.streams[2].domains[0].tasks_key();
    let error = scenario.key_error(&key, "5 tasks need 5 classes, and `clothes` has 2");
    expect![[r#"
        scenarios/test.yaml:9: stream.tasks: 5 tasks need 5 classes, and `clothes` has 2
            9 |   tasks: 5
              |   ^^^^^
    "#]]
    .assert_eq(&shown(error));
    let key = scenario.strategies[2].parameter_key("optimizer.lr");
    let error = scenario.key_error(&key, "must be at least 0.001");
    expect![[r#"
        scenarios/test.yaml:32: strategies.linear.grid.optimizer.lr[1]: must be at least 0.001
           32 |       optimizer.lr: [0.1, 1e-5]
              |                           ^^^^
    "#]]
    .assert_eq(&shown(error));
    // Errors about omitted keys point at the key around them.
    let key = scenario.strategies[5].parameter_key("depth");
    let error = scenario.key_error(&key, "is required");
    expect![[r#"
        scenarios/test.yaml:37: strategies.fixed.parameters.depth: is required
           37 |   fixed: {backbones: [], provenance: published}
              |   ^^^^^
    "#]]
    .assert_eq(&shown(error));
}

#[test]
fn an_override_reaches_parameters_entries_and_the_top() {
    let sets = [
        "strategies.linear.lr=0.5",
        "strategies.linear.optimizer.name=sgd",
        "strategies.linear.regime=joint",
        "strategies.nearest-class-mean.parameters.use=it",
        "backbones.pixels.size=4",
        "domains.digits.stream.tasks=2",
        "threads=3",
        "threads=4",
        "metrics=[faa]",
    ];
    let scenario = parse_with(GOOD, &sets).unwrap();
    let expected = json!({"lr": 0.5, "epochs": 5, "optimizer": {"name": "sgd"}});
    assert_eq!(scenario.strategies[0].parameters, expected);
    assert_eq!(scenario.strategies[0].regime, Regime::Joint);
    assert_eq!(scenario.strategies[1].parameters, json!({"use": "it"}));
    assert_eq!(scenario.backbones[0].parameters, json!({"size": 4}));
    assert_eq!(scenario.streams[0].domains[0].cut.tasks, Tasks::Count(2));
    assert_eq!(scenario.threads.get(), 4, "the last one wins");
    assert_eq!(scenario.metrics, Some(vec!["faa".to_owned()]));
}

#[test]
fn an_override_finds_names_with_dots() {
    let text = super::changed("  linear:\n", "  vit-b.16: {}\n  vit-b:\n");
    let scenario = parse_with(
        &text,
        &["strategies.vit-b.16.lr=1", "strategies.vit-b.lr=2"],
    );
    let strategies = scenario.unwrap().strategies;
    assert_eq!(strategies[0].parameters, json!({"lr": 1}));
    assert_eq!(strategies[1].parameters, json!({"lr": 2, "epochs": 5}));
}

#[test]
fn a_selection_keeps_rows_by_their_own_or_their_strategys_name() {
    let scenario = parse(FULL).unwrap();
    let only = |only: &[&str]| Selection {
        only: only.iter().map(|&name| name.to_owned()).collect(),
        ..Selection::default()
    };
    let select = |selection: &Selection| scenario.select(selection).unwrap();
    assert_eq!(names(&select(&Selection::default())), names(&scenario));
    assert_eq!(names(&select(&only(&["linear"]))), names(&scenario)[..4]);
    let two = select(&only(&["fixed", "linear[optimizer.lr=0.1,loss=hinge]"]));
    assert_eq!(
        names(&two),
        ["linear[optimizer.lr=0.1,loss=hinge]", "fixed"],
        "the file's order"
    );
    let selected = select(&Selection {
        domains: vec!["clothes".to_owned()],
        seeds: vec![Seed(3)],
        ..Selection::default()
    });
    assert_eq!(selected.domains.len(), 1);
    assert_eq!(selected.domains[0].name, "clothes");
    assert_eq!(selected.seeds, [Seed(3)]);
}

#[test]
fn a_file_from_another_system_means_the_same() {
    let expected = parse(FULL).unwrap().strategies;
    assert_eq!(
        parse(&FULL.replace('\n', "\r\n")).unwrap().strategies,
        expected
    );
    assert_eq!(
        parse(&format!("\u{feff}{FULL}")).unwrap().strategies,
        expected
    );
}

#[test]
fn no_beginning_of_a_file_panics() {
    for end in 0..FULL.len() {
        let _ = parse(&FULL[..end]);
    }
}

#[test]
fn sources_in_short_and_in_long_form() {
    let source = |written: &str| {
        let text = GOOD.replace("{source: digits}", written);
        source(&parse(&text).unwrap().domains[0])
    };
    assert_eq!(
        source("{source: cub, path: cub}"),
        json!({"cub": {"path": "scenarios/cub"}})
    );
    assert_eq!(
        source("{source: cars, path: cars}"),
        json!({"cars": {"path": "scenarios/cars"}})
    );
    assert_eq!(
        source("{source: webdataset, path: d/*.tar}"),
        json!({"webdataset": {"path": "scenarios/d/*.tar"}})
    );
    let written = "
    path: {train: [a.parquet, b.parquet], test: t-*.parquet}
    source: parquet
    columns: {image: img, label: fine_label}";
    let files = json!({
        "train": ["scenarios/a.parquet", "scenarios/b.parquet"],
        "test": ["scenarios/t-*.parquet"],
    });
    assert_eq!(
        source(written),
        json!({"parquet": {"path": files, "columns": {"image": "img", "label": "fine_label"}}})
    );
    let written = "
    source: isic
    path: isic
    labels: {train: a.csv, test: b.csv}
    leave_out: [NV, 3]
    split: {file: s.csv, val: train}
    classes: classes.txt";
    assert_eq!(
        source(written),
        json!({"isic": {
            "path": "scenarios/isic",
            "labels": {"train": "scenarios/a.csv", "test": "scenarios/b.csv"},
            "leave_out": ["NV", 3],
            "split": {"file": "scenarios/s.csv", "val": "train"},
            "classes": "scenarios/classes.txt",
        }})
    );
    let written = "
    source: file-list
    path: r
    split: {train: a.yaml, test: b.yaml}
    classes: [{name: ladybug, key: n02165456}, {name: jeep, key: 7}, kite]";
    assert_eq!(
        source(written),
        json!({"file-list": {
            "path": "scenarios/r",
            "split": {"train": "scenarios/a.yaml", "test": "scenarios/b.yaml"},
            "classes": [{"name": "ladybug", "key": "n02165456"}, {"name": "jeep", "key": 7}, "kite"],
        }})
    );
    assert_eq!(
        source("{source: image-folder, path: r, split: s.json}"),
        json!({"image-folder": {"path": "scenarios/r", "split": {"file": "scenarios/s.json"}}})
    );
}

const STREAMS: &str = "\
seeds: [1, 2]
domains:
  digits: {source: digits, templates: ['the number {}']}
  plain: {source: pictures, style: plain}
  sketch: {source: pictures, style: sketch}
streams:
  near-to-far: {domains: [plain, sketch, digits], classes: by-name}
  mixed:
    domains:
      - digits
      - {domain: plain, tasks: 4, class_order: {numpy: seed}}
      - {domain: sketch, task_sizes: [30, 10]}
    templates: ['a {}']
strategies: {zero-shot: {backbones: []}}
";

#[test]
fn a_stream_has_whole_domains_and_domains_that_are_cut_further() {
    let scenario = parse(STREAMS).unwrap();
    let [near, mixed] = &scenario.streams[..] else {
        panic!("two streams")
    };
    assert_eq!(near.classes, ClassIdentity::ByName);
    assert_eq!(near.spec().cuts, vec![Cut::whole(); 3]);
    assert_eq!(scenario.templates_of(near)[2], ["the number {}"]);
    assert_eq!(mixed.classes, ClassIdentity::ByDomain);
    assert_eq!(scenario.templates_of(mixed)[0], ["a {}"]);
    let cuts: Vec<&Tasks> = mixed.domains.iter().map(|part| &part.cut.tasks).collect();
    let sizes = Tasks::Sizes(vec![30, 10]);
    assert_eq!(cuts, [&Tasks::Count(1), &Tasks::Count(4), &sizes]);
    let key = mixed.domains[2].tasks_key();
    assert_eq!(key.to_string(), "streams.mixed.domains[2].task_sizes");
    assert!(scenario.own_stream("digits").is_none());

    // Beside the streams of single domains.
    let both = STREAMS.replace(
        "domains:\n  digits",
        "stream: {tasks: 5}\ndomains:\n  digits",
    );
    let scenario = parse(&both).unwrap();
    let names: Vec<&str> = scenario
        .streams
        .iter()
        .map(|stream| &*stream.name)
        .collect();
    assert_eq!(names, ["digits", "plain", "sketch", "near-to-far", "mixed"]);
    let selected = |selection: Selection| -> Vec<String> {
        let selected = scenario.select(&selection).unwrap();
        let domains = selected.domains.iter().map(|domain| domain.name.clone());
        let streams = selected.streams.iter().map(|stream| stream.name.clone());
        streams.chain(domains).collect()
    };
    assert_eq!(
        selected(Selection {
            domains: ["plain", "sketch"].map(String::from).to_vec(),
            ..Selection::default()
        }),
        ["plain", "sketch", "plain", "sketch"]
    );
    assert_eq!(
        selected(Selection {
            streams: vec!["mixed".into()],
            ..Selection::default()
        }),
        ["mixed", "digits", "plain", "sketch"]
    );
}

/// A domain of a stream is cut with the same keys as one alone.
#[test]
fn a_domain_of_a_stream_may_have_increments_and_a_published_order() {
    let part = "{domain: plain, tasks: {base: 8, increment: 4}, class_order: pilot}";
    let text = STREAMS.replace(
        "{domain: plain, tasks: 4, class_order: {numpy: seed}}",
        part,
    );
    let scenario = parse(&text).unwrap();
    let cut = &scenario.streams[1].domains[1].cut;
    let (base, increment) = (8, 4);
    assert_eq!(cut.tasks, Tasks::Increments { base, increment });
    let (seed, convention) = (SeedRef::Fixed(1993), Convention::NewToOld);
    assert_eq!(cut.class_order, ClassOrder::Numpy { seed, convention });
}

/// A name changes no cell's id: the class order is the one that is spelled out.
#[test]
fn a_published_class_order_is_the_one_spelled_out() {
    let order = |written: &str| {
        let stream = format!("stream={{tasks: 5, class_order: {written}}}");
        let scenario = parse_with(GOOD, &[&stream]).unwrap();
        scenario.streams[0].domains[0].cut.class_order.clone()
    };
    assert_eq!(order("mammoth"), order("{numpy: seed}"));
    assert_eq!(order("coda-prompt"), order("{python: seed}"));
    let of_1993 = order("{numpy: 1993, convention: new-to-old}");
    assert_eq!(order("pycil"), of_1993);
    assert_eq!(order("pilot"), of_1993);
    let json = serde_json::to_value(order("[3, 0, 2, 1]")).unwrap();
    assert_eq!(json, json!([3, 0, 2, 1]));
    let json = serde_json::to_value(order("rapf-cub")).unwrap();
    assert_eq!(json.as_array().unwrap()[..4], [110, 54, 8, 122]);
}

#[test]
fn without_a_base_the_first_task_is_like_the_others() {
    let tasks = |written: &str| {
        let stream = format!("stream={{tasks: {written}}}");
        let scenario = parse_with(GOOD, &[&stream]).unwrap();
        scenario.streams[0].domains[0].cut.tasks.clone()
    };
    let even = Tasks::Increments {
        base: 10,
        increment: 10,
    };
    assert_eq!(tasks("{increment: 10}"), even);
    assert_eq!(tasks("{base: 0, increment: 10}"), even);
    assert_eq!(tasks("{base: 10, increment: 10}"), even);
    let (base, increment) = (50, 10);
    let b50 = Tasks::Increments { base, increment };
    assert_eq!(tasks("{base: 50, increment: 10}"), b50);
}
