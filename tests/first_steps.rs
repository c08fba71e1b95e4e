//! A newcomer's first steps, word by word: their own images in a scenario, and a strategy of their
//! own.

use clbench_tests::{Dir, nearest_class_mean, root};
use expect_test::expect;
use image::{Rgb, RgbImage};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The rows of a leaderboard: the first column that is not a rank.
fn strategies(table: &str) -> Vec<&str> {
    let lines = table.lines().filter(|line| line.contains('±'));
    let names = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        words.find(|word| word.parse::<u32>().is_err())
    });
    // The line below the table explains `±`.
    names.filter(|name| !name.ends_with("tasks;")).collect()
}

#[test]
fn images_become_a_scenario_that_runs() {
    let dir = Dir::new();
    for (class, colour) in [("sunset red", [200, 60, 40]), ("no", [40, 60, 200])] {
        for n in 0..6 {
            let file = dir.path(&format!("my images/{class}/{n}.png"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let [red, green, blue] = colour;
            let pixel = |x, y| Rgb([red + x as u8, green + n * 8, blue + y as u8]);
            RgbImage::from_fn(40, 30, pixel).save(file).unwrap();
        }
    }
    let said = dir.clbench(["init", "my images"]).succeeds().stdout;
    expect![[r#"
        Found 2 classes in my images: no, sunset red
        Wrote my images/scenario.yaml
        Wrote my images/scenario-split.csv: a random split, 10 training images, 2 test images
        Next:
          clbench validate 'my images/scenario.yaml'
          clbench run 'my images/scenario.yaml'
    "#]]
    .assert_eq(&said);
    let scenario = "my images/scenario.yaml";
    dir.clbench(["validate", "--strict", scenario]).succeeds();
    let table = dir.clbench(["run", scenario, "-j", "2"]).succeeds().stdout;
    assert_eq!(
        strategies(&table),
        ["zero-shot", "cgil", "linear-head", "linear-head-joint"],
        "{table}"
    );
    // What is there stays as it is.
    let again = dir.clbench(["init", "my images"]).outcome();
    assert_eq!(again.code, 2);
    expect![[r#"
        error: `my images/scenario.yaml` already exists; write to another file with `--out FILE`, or delete it
    "#]].assert_eq(&again.stderr);
}

/// Calls cargo in the project as its README says. It shares the compiled dependencies, and their
/// versions, with the stand-alone plugin among the fixtures.
fn cargo(project: &Path, arguments: &[&str]) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo
        .args(arguments)
        .args(["--offline", "--target-dir", "target"]);
    let output = cargo.current_dir(project).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}\n{said}");
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn a_new_strategy_builds_passes_the_testkit_and_gets_its_row() {
    let dir = Dir::new();
    let said = dir.clbench(["new", "strategy", "first-try"]).succeeds();
    expect![[r#"
        Created the strategy first-try in first-try: Cargo.toml, src/lib.rs, tests/testkit.rs, scenario.yaml, README.md, .gitignore
        Next:
          cd first-try
          cargo test
          cargo build --release
          clbench run scenario.yaml
    "#]].assert_eq(&said.stdout);
    let project = dir.path("first-try");
    // Its file is in the target folder that the two share.
    nearest_class_mean();
    let fixture = root().join("tests/fixtures/plugins/nearest-class-mean");
    fs::copy(fixture.join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    symlink(fixture.join("target"), project.join("target")).unwrap();
    cargo(&project, &["test", "--release"]);
    cargo(&project, &["build", "--release"]);
    let run = dir.clbench(["run", "first-try/scenario.yaml", "-j", "2"]);
    let table = run.succeeds().stdout;
    assert_eq!(
        strategies(&table),
        ["first-try", "zero-shot", "linear-head"],
        "{table}"
    );
    // What it gets wrong is reported with the line of the parameter.
    let set = "strategies.first-try.parameters.shrinkage=-1";
    let wrong = dir.clbench(["run", "first-try/scenario.yaml", "--set", set]);
    let wrong = wrong.outcome();
    assert_eq!(wrong.code, 2);
    expect![[r#"
        error: --set strategies.first-try.parameters.shrinkage=-1: strategies.first-try.parameters.shrinkage: must be at least 0, got -1
    "#]].assert_eq(&wrong.stderr);

    let again = dir.clbench(["new", "strategy", "first-try"]).outcome();
    assert_eq!(again.code, 2);
    expect![[r#"
        error: `first-try` already exists and is not empty; choose a new folder
    "#]]
    .assert_eq(&again.stderr);
}
