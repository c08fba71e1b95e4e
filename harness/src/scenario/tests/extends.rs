//! Scenarios made of several files: `extends`, `without` and `--with`.

use super::super::{Origin, Scenario, ScenarioError};
use super::{GOOD, shown};
use crate::scenario::KeyPath;
use expect_test::{Expect, expect};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder with the good scenario as `base.yaml`, and these other files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("base.yaml", GOOD)].iter().chain(files) {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn load(
    dir: &TempDir,
    file: &str,
    with: &[&str],
    sets: &[&str],
) -> Result<Scenario, ScenarioError> {
    let with: Vec<PathBuf> = with.iter().map(|file| dir.path().join(file)).collect();
    let sets: Vec<_> = sets.iter().map(|set| set.parse().unwrap()).collect();
    Scenario::load(&dir.path().join(file), &with, &sets)
}

/// The message about a scenario, with `DIR` for its folder.
fn says(dir: &TempDir, file: &str, with: &[&str], sets: &[&str], message: Expect) {
    let error = load(dir, file, with, sets).expect_err("the scenario has a mistake");
    let path = dir.path().display().to_string();
    message.assert_eq(&shown(error).replace(&path, "DIR"));
}

/// The rows with their parameters.
fn rows(scenario: &Scenario) -> Vec<String> {
    let rows = scenario.strategies.iter();
    rows.map(|row| format!("{} {}", row.name, row.parameters))
        .collect()
}

#[test]
fn rows_are_added_and_changed_and_the_rest_stays() {
    let dir = folder(&[(
        "mine.yaml",
        "extends: base.yaml\n\
         seeds: [7]\n\
         strategies:\n  \
           mine: {use: linear, parameters: {lr: 1.0}}\n  \
           linear: {parameters: {lr: 0.2, decay: {power: 2}}}\n  \
           nearest-class-mean:\n\
         limits: {time: 5m}\n",
    )]);
    let scenario = load(&dir, "mine.yaml", &[], &[]).unwrap();
    assert_eq!(
        rows(&scenario),
        [
            r#"linear {"decay":{"power":2},"epochs":5,"lr":0.2}"#,
            "nearest-class-mean {}",
            r#"mine {"lr":1.0}"#
        ]
    );
    assert_eq!(scenario.seeds.len(), 1);
    assert_eq!(scenario.domains[0].name, "digits");
    // Its results are those of the base, beside the new ones.
    assert_eq!(scenario.name, "base");
    assert_eq!(scenario.file, dir.path().join("mine.yaml"));

    // The same on the command line, from a file that is no scenario by itself.
    let part = "strategies:\n  mine: {use: linear, parameters: {lr: 1.0}}\n";
    fs::write(dir.path().join("part.yaml"), part).unwrap();
    let added = load(&dir, "base.yaml", &["part.yaml"], &["strategies.mine.lr=2"]).unwrap();
    assert_eq!(rows(&added)[2], r#"mine {"lr":2}"#);
    assert_eq!((added.name.as_str(), added.seeds.len()), ("base", 2));
}

#[test]
fn a_name_of_its_own_wins_and_so_does_one_on_the_way() {
    let dir = folder(&[
        ("a.yaml", "extends: base.yaml\nname: named\n"),
        ("b.yaml", "extends: a.yaml\nthreads: 3\n"),
        ("c.yaml", "extends: b.yaml\nname: other\n"),
    ]);
    let b = load(&dir, "b.yaml", &[], &[]).unwrap();
    assert_eq!((b.name.as_str(), b.threads.get()), ("named", 3));
    let c = load(&dir, "c.yaml", &[], &[]).unwrap();
    assert_eq!((c.name.as_str(), c.threads.get()), ("other", 3));
}

#[test]
fn a_mapping_that_is_one_value_is_replaced_and_null_is_the_default() {
    let dir = folder(&[
        (
            "a.yaml",
            "extends: base.yaml\nthreads: 4\nstream: {class_order: {numpy: seed}}\n",
        ),
        (
            "b.yaml",
            "extends: a.yaml\nthreads: null\n\
             stream: {task_sizes: [4, 6], class_order: {python: 3}}\n",
        ),
    ]);
    let a = load(&dir, "a.yaml", &[], &[]).unwrap();
    let b = load(&dir, "b.yaml", &[], &[]).unwrap();
    assert_eq!((a.threads.get(), b.threads.get()), (4, 1));
    let stream = |scenario: &Scenario| format!("{:?}", scenario.streams[0].domains[0].cut);
    expect!["Cut { tasks: Count(5), class_order: Numpy { seed: CellSeed, convention: OldToNew } }"]
        .assert_eq(&stream(&a));
    expect![
        "Cut { tasks: Sizes([4, 6]), class_order: Python { seed: Fixed(3), convention: NewToOld } }"
    ]
    .assert_eq(&stream(&b));
}

#[test]
fn what_is_left_out_can_be_written_anew() {
    let dir = folder(&[(
        "mine.yaml",
        "extends: base.yaml\n\
         without: [strategies.nearest-class-mean, strategies.linear.lr, domains.digits]\n\
         domains: {shapes: {source: pictures, style: plain}}\n\
         strategies: {linear: {parameters: {momentum: 1}}}\n",
    )]);
    let scenario = load(&dir, "mine.yaml", &[], &[]).unwrap();
    assert_eq!(rows(&scenario), [r#"linear {"epochs":5,"momentum":1}"#]);
    let domains: Vec<_> = scenario.domains.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(domains, ["shapes"]);
}

#[test]
fn paths_stay_relative_to_the_file_they_are_written_in() {
    let base = "seeds: [1]\nstream: {tasks: 2}\n\
                domains:\n  a: {source: idx, path: data, classes: classes.txt}\n\
                strategies: {linear: {plugin: libmine.so}}\n";
    let dir = folder(&[
        ("far/base.yaml", base),
        (
            "near/mine.yaml",
            "extends: ../far/base.yaml\n\
             domains: {a: {classes: my.txt}}\n\
             strategies: {other: {plugin: libother.so}}\n",
        ),
    ]);
    let scenario = load(&dir, "near/mine.yaml", &[], &["strategies.linear.use=x"]).unwrap();
    let source = format!("{:?}", scenario.domains[0].source);
    for path in ["near/../far/data", "near/my.txt"] {
        let path = format!("{:?}", dir.path().join(path));
        assert!(source.contains(&path), "{path} in {source}");
    }
    let plugins: Vec<_> = (scenario.strategies.iter())
        .map(|row| row.plugin.clone().unwrap())
        .collect();
    let expected = ["near/../far/libmine.so", "near/libother.so"];
    assert_eq!(plugins, expected.map(|path| dir.path().join(path)));
    // An argument names the file in the same way as a line does.
    let origin = scenario.origin(&KeyPath::top("strategies").join("linear").join("use"));
    assert!(matches!(origin, Some(Origin::Argument(_))));
}

/// The folder of each backbone and row.
fn folders(dir: &TempDir, scenario: &Scenario) -> String {
    let backbones = scenario.backbones.iter().map(|b| (&b.name, &b.folder));
    let rows = scenario
        .strategies
        .iter()
        .map(|row| (&row.name, &row.folder));
    let lines = backbones.chain(rows).map(|(name, folder)| {
        let folder = folder.strip_prefix(dir.path()).unwrap();
        format!("{name}: /{}\n", folder.display())
    });
    lines.collect()
}

#[test]
fn relative_paths_among_parameters_start_at_the_folder_of_their_own_file() {
    let base = GOOD.replace("pixels: {}", "clip: {parameters: {path: ../weights}}");
    let dir = folder(&[
        ("far/base.yaml", &base),
        (
            "near/mine.yaml",
            "extends: ../far/base.yaml\n\
             backbones: {vit: {parameters: {path: weights}}}\n\
             strategies:\n  \
               linear: {backbone: clip, parameters: {init: start.pt}}\n  \
               mine: {use: linear, backbone: vit, grid: {lr: [1, 2], init: [start.pt, none]}}\n",
        ),
        ("near/start.pt", ""),
        (
            "part/part.yaml",
            "backbones: {clip: {parameters: {threads: 2}}}\n\
             strategies: {linear: {parameters: {seed: 3}}, other: {backbone: clip}}\n",
        ),
    ]);
    let scenario = load(&dir, "near/mine.yaml", &["part/part.yaml"], &[]).unwrap();
    expect![[r#"
        clip: /near/../far
        vit: /near
        linear: /near
        nearest-class-mean: /near/../far
        mine[lr=1,init=start.pt]: /near
        mine[lr=1,init=none]: /near
        mine[lr=2,init=start.pt]: /near
        mine[lr=2,init=none]: /near
        other: /part
    "#]]
    .assert_eq(&folders(&dir, &scenario));

    // Files of one folder are like one file.
    fs::write(dir.path().join("far/same.yaml"), "extends: base.yaml\n").unwrap();
    let same = load(&dir, "far/same.yaml", &[], &[]).unwrap();
    expect![[r#"
        clip: /far
        linear: /far
        nearest-class-mean: /far
    "#]]
    .assert_eq(&folders(&dir, &same));
}

#[test]
fn a_file_that_is_still_missing_belongs_beside_the_scenario_that_names_it() {
    let dir = folder(&[
        (
            "far/base.yaml",
            &GOOD.replace("lr: 0.1", "init: start.pt, lr: 0.1"),
        ),
        (
            "near/mine.yaml",
            "extends: ../far/base.yaml\nstrategies: {linear: {parameters: {lr: 1}}}\n",
        ),
    ]);
    let scenario = load(&dir, "near/mine.yaml", &[], &[]).unwrap();
    let linear = &scenario.strategies[0].folder;
    assert_eq!(linear, &dir.path().join("near/../far"));
}

#[test]
fn the_paths_of_one_backbone_or_strategy_are_in_one_folder() {
    let base = GOOD.replace("pixels: {}", "clip: {parameters: {path: ../weights}}");
    let dir = folder(&[
        ("far/base.yaml", &base),
        (
            "near/mine.yaml",
            "extends: ../far/base.yaml\nbackbones: {clip: {parameters: {tokenizer: words.json}}}\n",
        ),
        ("near/words.json", ""),
    ]);
    says(
        &dir,
        "near/mine.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/near/mine.yaml:2: backbones.clip.parameters.tokenizer: `words.json` is relative to this file, but `backbones.clip.parameters.path` to `DIR/near/../far/base.yaml`, and the plugin looks for all paths of `backbones.clip` in one folder; write one of them as an absolute path, or put the files into one folder
            2 | backbones: {clip: {parameters: {tokenizer: words.json}}}
              |                                 ^^^^^^^^^
    "#]],
    );
    let absolute = dir.path().join("weights");
    let set = format!("backbones.clip.path={}", absolute.display());
    let scenario = load(&dir, "near/mine.yaml", &[], &[&set]).unwrap();
    assert_eq!(scenario.backbones[0].folder, dir.path().join("near"));
}

#[test]
fn a_file_after_with_cannot_extend_another() {
    let dir = folder(&[("near/mine.yaml", "extends: ../base.yaml\nthreads: 2\n")]);
    says(
        &dir,
        "base.yaml",
        &["near/mine.yaml"],
        &[],
        expect![[r#"
            DIR/near/mine.yaml:1: extends: a file after `--with` changes the scenario on the command line, so it cannot extend another; remove the key, or run this file itself
                1 | extends: ../base.yaml
                  | ^^^^^^^
        "#]],
    );
}

#[test]
fn rows_keep_their_backbone_if_another_file_adds_one() {
    let dir = folder(&[
        (
            "mine.yaml",
            "extends: base.yaml\nbackbones: {clip:}\n\
             strategies: {mine: {backbone: clip}, nearest-class-mean:}\n",
        ),
        (
            "pair.yaml",
            "strategies: {linear: {backbones: [clip, pixels]}}\n",
        ),
        ("bare.yaml", &GOOD.replace("backbones:\n  pixels: {}\n", "")),
    ]);
    let backbones = |scenario: &Scenario| -> Vec<String> {
        let rows = scenario.strategies.iter();
        rows.map(|row| format!("{} {}", row.name, row.backbones.join("+")))
            .collect()
    };
    let mine = load(&dir, "mine.yaml", &["pair.yaml"], &[]).unwrap();
    assert_eq!(
        backbones(&mine),
        [
            "linear clip+pixels",
            "nearest-class-mean pixels",
            "mine clip"
        ]
    );
    fs::write(dir.path().join("one.yaml"), "backbones: {clip:}\n").unwrap();
    let none = load(&dir, "bare.yaml", &["one.yaml"], &[]).unwrap();
    assert_eq!(backbones(&none), ["linear ", "nearest-class-mean "]);
}

#[test]
fn messages_name_the_file_at_fault() {
    let dir = folder(&[
        (
            "mine.yaml",
            "extends: base.yaml\nstrategies: {mine: {regime: joined}}\n",
        ),
        (
            "part.yaml",
            "strategies: {other: {backbone: pixel}}\nseeds: [1, -2]\n",
        ),
        ("gone.yaml", "extends: bose.yaml\n"),
        ("list.yaml", "- extends: base.yaml\n"),
        ("on-list.yaml", "extends: list.yaml\n"),
        ("empty.yaml", "# nothing\n"),
        ("old.yaml", "extends: future.yaml\n"),
        ("future.yaml", "format: 2\n"),
    ]);
    says(
        &dir,
        "mine.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/mine.yaml:2: strategies.mine.regime: unknown value `joined`; did you mean `joint`?
            2 | strategies: {mine: {regime: joined}}
              |                     ^^^^^^
    "#]],
    );
    says(
        &dir,
        "base.yaml",
        &["part.yaml"],
        &[],
        expect![[r#"
        DIR/part.yaml:2: seeds[1]: must be at least 0, got -2
            2 | seeds: [1, -2]
              |            ^^
    "#]],
    );
    let set = &["seeds=[1]"];
    says(
        &dir,
        "base.yaml",
        &["part.yaml"],
        set,
        expect![[r#"
        DIR/part.yaml:1: strategies.other.backbone: unknown backbone `pixel`; did you mean `pixels`?
            1 | strategies: {other: {backbone: pixel}}
              |                      ^^^^^^^^
    "#]],
    );
    says(
        &dir,
        "gone.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/gone.yaml:1: extends: no such file; did you mean `DIR/base.yaml`?
            1 | extends: bose.yaml
              | ^^^^^^^
    "#]],
    );
    says(
        &dir,
        "base.yaml",
        &["bose.yaml"],
        &[],
        expect![[r#"
        --with DIR/bose.yaml: no such file; did you mean `DIR/base.yaml`?
    "#]],
    );
    says(
        &dir,
        "base.yaml",
        &["list.yaml"],
        &[],
        expect![[r#"
        DIR/list.yaml: expected a mapping, found a list
    "#]],
    );
    says(
        &dir,
        "on-list.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/list.yaml: expected a mapping, found a list
    "#]],
    );
    says(
        &dir,
        "base.yaml",
        &["empty.yaml"],
        &[],
        expect![[r#"
        DIR/empty.yaml: the file is empty; a scenario needs at least `seeds`, `domains` and `strategies`
    "#]],
    );
    says(
        &dir,
        "old.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/future.yaml:1: format: expected format 1, found the whole number 2; update clbench, or write `format: 1`
            1 | format: 2
              | ^^^^^^
    "#]],
    );
    says(
        &dir,
        "base.yaml",
        &[],
        &["extends=mine.yaml"],
        expect![[r#"
        --set extends=mine.yaml: extends: `extends` can only be written in a file; see `--with` for another way to add one
    "#]],
    );
}

#[test]
fn mistakes_in_extends_and_without() {
    let dir = folder(&[
        ("a.yaml", "extends: b.yaml\n"),
        ("b.yaml", "extends: ./a.yaml\n"),
        ("number.yaml", "extends: 3\n"),
        ("alone.yaml", "without: [strategies.linear]\n"),
        (
            "typo.yaml",
            "extends: base.yaml\nwithout: [strategies.lineer]\n",
        ),
        (
            "absent.yaml",
            "extends: base.yaml\nwithout: [seeds, limits.time]\n",
        ),
        (
            "bare.yaml",
            "extends: base.yaml\nwithout: strategies.linear\n",
        ),
        (
            "nothing-left.yaml",
            "extends: base.yaml\nwithout: [domains.digits]\n",
        ),
    ]);
    says(
        &dir,
        "a.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/b.yaml:1: extends: these files extend each other in a circle: DIR/a.yaml → DIR/b.yaml → DIR/./a.yaml; remove one `extends`
            1 | extends: ./a.yaml
              | ^^^^^^^
    "#]],
    );
    says(
        &dir,
        "number.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/number.yaml:1: extends: expected text, found the whole number 3; put it in quotes
            1 | extends: 3
              | ^^^^^^^
    "#]],
    );
    says(
        &dir,
        "alone.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/alone.yaml:1: without: `without` lists keys to leave out of the scenario that this file extends, but it extends none; add `extends: base.yaml`, or remove the key
            1 | without: [strategies.linear]
              | ^^^^^^^
    "#]],
    );
    says(
        &dir,
        "typo.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/typo.yaml:2: without[0]: unknown strategy `lineer`; did you mean `linear`?
            2 | without: [strategies.lineer]
              |           ^^^^^^^^^^^^^^^^^
    "#]],
    );
    says(
        &dir,
        "absent.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/absent.yaml:2: without[1]: the scenario has no `limits.time` to leave out; remove this entry
            2 | without: [seeds, limits.time]
              |                  ^^^^^^^^^^^
    "#]],
    );
    says(
        &dir,
        "bare.yaml",
        &[],
        &[],
        expect![[r#"
            DIR/bare.yaml:2: without: expected a list, found the text `strategies.linear`; write `without: [strategies.linear]`
                2 | without: strategies.linear
                  | ^^^^^^^
        "#]],
    );
    says(
        &dir,
        "nothing-left.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/base.yaml:5: domains: must not be empty; add at least one domain
            5 | domains:
              | ^^^^^^^
    "#]],
    );
    let mut last = "base.yaml".to_owned();
    for number in 0..16 {
        let next = format!("chain-{number}.yaml");
        fs::write(dir.path().join(&next), format!("extends: {last}\n")).unwrap();
        last = next;
    }
    let fits = load(&dir, "chain-14.yaml", &[], &[]).unwrap();
    assert_eq!(fits.name, "base");
    says(
        &dir,
        "chain-15.yaml",
        &[],
        &[],
        expect![[r#"
        DIR/chain-0.yaml:1: extends: more than 16 files extend each other; put some of them together
            1 | extends: base.yaml
              | ^^^^^^^
    "#]],
    );
}
