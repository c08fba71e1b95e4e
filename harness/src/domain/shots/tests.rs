use super::*;
use crate::domain::source::{Digits, ImageFolder};
use crate::domain::{Domain, Source, Split, SplitFile, SplitList};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

fn shots(per_class: u32, draw: Draw) -> Shots {
    Shots {
        per_class: NonZeroU32::new(per_class).unwrap(),
        draw,
    }
}

/// A list of samples with these labels, named after their places.
fn listed(labels: impl IntoIterator<Item = u32>) -> Vec<Sample> {
    let sample = |(image, label): (usize, u32)| Sample {
        name: image.to_string(),
        label: Label(label),
        image,
    };
    labels.into_iter().enumerate().map(sample).collect()
}

fn places(samples: &[Sample]) -> Vec<u64> {
    samples.iter().map(|sample| sample.image as u64).collect()
}

/// The cases of one of the golden files, which the crate `harness-random` keeps.
fn golden(text: &str) -> (Value, Vec<Sample>) {
    let golden: Value = serde_json::from_str(text).unwrap();
    let what = include_str!("../../../random/fixtures/draws/dassl_fewshot.json");
    let what: Value = serde_json::from_str(what).unwrap();
    let (_, mixed) = what["what"]
        .as_str()
        .unwrap()
        .split_once("`mixed` labels: ")
        .unwrap();
    let mixed: Vec<u32> = serde_json::from_str(mixed).unwrap();
    (golden["cases"].clone(), listed(mixed))
}

/// Two lists, 1, 4 and 16 shots, seeds 1, 2, 3 and 42.
#[test]
fn coops_draw_is_dassls() {
    let (cases, mixed) = golden(include_str!(
        "../../../random/fixtures/draws/dassl_fewshot.json"
    ));
    let mut checked = 0;
    for case in cases.as_array().unwrap() {
        if case["repeat"] == true {
            continue;
        }
        let plain = case["labels"].as_str().unwrap().starts_with("plain");
        let (train, val) = match plain {
            true => (
                listed((0..500).map(|i| i / 100)),
                listed((0..50).map(|i| i / 10)),
            ),
            false => (mixed.clone(), Vec::new()),
        };
        let seed = case["seed"].as_u64().unwrap();
        let shots = shots(case["shots"].as_u64().unwrap() as u32, Draw::Coop(seed));
        let (train, val) = shots.draw(train, val);
        assert_eq!(json!(places(&train)), case["train"], "{shots:?}");
        if plain {
            assert_eq!(json!(places(&val)), case["val"], "{shots:?}");
        }
        checked += 1;
    }
    assert_eq!(checked, 24);
}

#[test]
fn numpys_draw_is_rails_and_repeated_samples_have_names_of_their_own() {
    let (cases, mixed) = golden(include_str!(
        "../../../random/fixtures/draws/numpy_fewshot.json"
    ));
    for case in cases.as_array().unwrap() {
        let seed = case["seed"].as_u64().unwrap() as u32;
        let shots = shots(case["shots"].as_u64().unwrap() as u32, Draw::Numpy(seed));
        let (train, val) = shots.draw(mixed.clone(), Vec::new());
        assert_eq!(json!(places(&train)), case["train"], "{shots:?}");
        let names: HashSet<&str> = train.iter().map(|sample| sample.name.as_str()).collect();
        assert_eq!(names.len(), train.len());
        // Label 6 has one sample, which comes last.
        assert_eq!(
            train.last().unwrap().name == "395#16",
            shots.per_class.get() == 16
        );
        assert!(
            val.iter()
                .all(|val| train.iter().all(|train| train.image != val.image))
        );
    }
}

/// The draw of a list is in the order of the list, with the classes in the order in which they
/// first occur, and its validation part is what a validation run tests on.
#[test]
fn shots_of_a_split_list() {
    let folder = TempDir::new().unwrap();
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    // `b` comes first in the list, but has the higher label.
    for (class, label) in [("b", 1), ("a", 0)] {
        fs::create_dir_all(folder.path().join(class)).unwrap();
        for number in 0..9 {
            let name = format!("{class}/{number}.png");
            image::GrayImage::new(2, 2)
                .save(folder.path().join(&name))
                .unwrap();
            parts[number / 3].push((name, label, class));
        }
    }
    let file = folder.path().join("split.json");
    let [train, val, test] = &parts;
    let list = json!({"train": train, "val": val, "test": test});
    fs::write(&file, list.to_string()).unwrap();
    let mut source = ImageFolder::at(folder.path());
    source.split = Some(SplitList::One(SplitFile { file, val: None }));
    let open = || Domain::open(&Source::from(source.clone())).unwrap();
    let names = |domain: &Domain, split| -> Vec<String> {
        domain
            .samples(split)
            .iter()
            .map(|sample| sample.name.clone())
            .collect()
    };

    let two = shots(2, Draw::Coop(2));
    let drawn = open().with_shots(&two).unwrap();
    // random.seed(2); [sample(range(3), 2) for _ in "ba"], then the same for the validation part.
    assert_eq!(
        names(&drawn, Split::Train),
        ["b/0.png", "b/2.png", "a/0.png", "a/1.png"]
    );
    assert_eq!(names(&drawn, Split::Test), names(&open(), Split::Test));
    assert_ne!(drawn.split_hash(), open().split_hash());
    let validation = drawn.validation(0.2, 0).unwrap();
    assert_eq!(names(&validation, Split::Train).len(), 4);
    assert_eq!(
        names(&validation, Split::Test),
        ["b/3.png", "b/4.png", "a/4.png", "a/3.png"]
    );
    let limited = validation.limited(std::num::NonZeroUsize::MIN);
    assert_eq!(names(&limited, Split::Test), ["b/3.png", "a/4.png"]);

    // Without shots, nobody asks for the validation part.
    fs::remove_file(folder.path().join("a/4.png")).unwrap();
    let error = open().with_shots(&two).unwrap_err().to_string();
    assert!(
        error.contains("split.json: val[4]: image `a/4.png` not found below"),
        "{error}"
    );
}

#[test]
fn without_a_list_validation_takes_what_the_shots_leave() {
    let open = || Domain::open(&Digits {}.into()).unwrap();
    let whole: HashSet<String> = open()
        .samples(Split::Train)
        .iter()
        .map(|sample| sample.name.clone())
        .collect();
    for draw in [Draw::Coop(1), Draw::Numpy(1)] {
        let validation = open()
            .with_shots(&shots(16, draw))
            .unwrap()
            .validation(0.2, 0)
            .unwrap();
        let count = |split| validation.samples(split).len();
        assert_eq!((count(Split::Train), count(Split::Test)), (160, 40));
        let both = [Split::Train, Split::Test].map(|split| validation.samples(split));
        let names: HashSet<String> = both
            .concat()
            .into_iter()
            .map(|sample| sample.name)
            .collect();
        assert_eq!(names.len(), 200);
        assert!(names.is_subset(&whole));
    }
    let all = open().with_shots(&shots(1000, Draw::default())).unwrap();
    assert_eq!(all.samples(Split::Train).len(), whole.len());
    assert_eq!(
        all.validation(0.2, 0).unwrap_err().to_string(),
        "class `zero` has no validation sample: after 1000 shots, nothing is left of it; lower \
         `shots`, use a split list with a validation part for it, or run without a validation split"
    );
}

#[test]
fn shots_are_json_in_records() {
    let shots = shots(16, Draw::Numpy(7));
    let json = json!({"per-class": 16, "draw": {"numpy": 7}});
    assert_eq!(serde_json::to_value(shots).unwrap(), json);
    assert_eq!(serde_json::from_value::<Shots>(json).unwrap(), shots);
}
