//! The keys of draws: `shots` and `draw`, and a random `split`.

use super::{change, changed, parse};
use crate::domain::{Draw, Shots};
use expect_test::expect;
use serde_json::json;
use std::num::NonZeroU32;

#[test]
fn shots_and_their_draw() {
    let shots = |keys: &str| {
        let text = changed("source: digits", &format!("source: digits, {keys}"));
        parse(&text).unwrap().domains.remove(0).shots
    };
    assert_eq!(shots("trust: inode"), None);
    for (keys, draw) in [
        ("shots: 16", Draw::Coop(1)),
        ("shots: 16, draw: coop", Draw::Coop(1)),
        ("shots: 16, draw: {coop: 2}", Draw::Coop(2)),
        ("draw: numpy, shots: 16", Draw::Numpy(1)),
        ("shots: 16, draw: {numpy: 7}", Draw::Numpy(7)),
    ] {
        let per_class = NonZeroU32::new(16).unwrap();
        assert_eq!(shots(keys), Some(Shots { per_class, draw }), "{keys}");
    }
}

#[test]
fn mistakes_in_shots() {
    change(
        "source: digits",
        "source: digits, draw: coop",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.draw: there is nothing to draw without `shots`; add `shots: 16`, say, or remove `draw`
                6 |   digits: {source: digits, draw: coop}
                  |                            ^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, shots: 0",
        expect![[r#"
        scenarios/test.yaml:6: domains.digits.shots: must be at least 1, got 0
            6 |   digits: {source: digits, shots: 0}
              |                            ^^^^^
    "#]],
    );
    change(
        "source: digits",
        "source: digits, shots: 4, draw: python",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.draw: unknown value `python`; the choices are `coop`, `numpy`
                6 |   digits: {source: digits, shots: 4, draw: python}
                  |                                      ^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, shots: 4, draw: {coop: 1, numpy: 1}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.draw: a draw has one generator and its seed; write `{coop: 2}` or `{numpy: 7}`
                6 |   digits: {source: digits, shots: 4, draw: {coop: 1, numpy: 1}}
                  |                                      ^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, shots: 4, draw: {numpy: 4294967296}",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.draw: a seed of NumPy's generator is at most 4294967295, but this is 4294967296
                6 |   digits: {source: digits, shots: 4, draw: {numpy: 4294967296}}
                  |                                      ^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, shots: 4, draw: 2",
        expect![[r#"
            scenarios/test.yaml:6: domains.digits.draw: expected `coop`, `numpy`, `{coop: 2}` or `{numpy: 7}`, found the whole number 2
                6 |   digits: {source: digits, shots: 4, draw: 2}
                  |                                      ^^^^
        "#]],
    );
}

#[test]
fn a_random_split() {
    let keys = "source: image-folder, path: /x, split: {random: 0.8, torch: 42}";
    let scenario = parse(&changed("source: digits", keys)).unwrap();
    let source = serde_json::to_value(&scenario.domains[0].source).unwrap();
    assert_eq!(
        source["image-folder"]["split"],
        json!({"random": 0.8, "torch": 42})
    );
    assert_eq!(
        serde_json::from_value::<crate::domain::Source>(source).unwrap(),
        scenario.domains[0].source
    );
}

#[test]
fn mistakes_in_a_random_split() {
    let mistake = |split: &str, message| {
        let keys = format!("source: image-folder, path: x, split: {split}");
        change("source: digits", &keys, message);
    };
    mistake(
        "{random: 0.8}",
        expect![[r#"
        scenarios/test.yaml:6: domains.digits.split: a random split needs the seed of torch's generator, as in `{random: 0.8, torch: 42}`
            6 |   digits: {source: image-folder, path: x, split: {random: 0.8}}
              |                                           ^^^^^
    "#]],
    );
    mistake(
        "{torch: 42}",
        expect![[r#"
        scenarios/test.yaml:6: domains.digits.split: a random split needs the part of the images that is the train split, as in `{random: 0.8, torch: 42}`
            6 |   digits: {source: image-folder, path: x, split: {torch: 42}}
              |                                           ^^^^^
    "#]],
    );
    mistake(
        "{random: 80, torch: 42}",
        expect![[r#"
        scenarios/test.yaml:6: domains.digits.split.random: must be more than 0 and less than 1, such as 0.8, but is 80
            6 |   digits: {source: image-folder, path: x, split: {random: 80, torch: 42}}
              |                                                   ^^^^^^
    "#]],
    );
    mistake(
        "{random: 0.8, torch: 42, val: train}",
        expect![[r#"
        scenarios/test.yaml:6: domains.digits.split: a split is one file, `{file: split.json, val: unused}`, one file per split, `{train: train.yaml, test: test.yaml}`, or a random draw, `{random: 0.8, torch: 42}`
            6 |   digits: {source: image-folder, path: x, split: {random: 0.8, torch: 42, val: train}}
              |                                           ^^^^^
    "#]],
    );
    mistake(
        "{random: 0.8, torch: -1}",
        expect![[r#"
        scenarios/test.yaml:6: domains.digits.split.torch: must be at least 0, got -1
            6 |   digits: {source: image-folder, path: x, split: {random: 0.8, torch: -1}}
              |                                                                ^^^^^
    "#]],
    );
}
