//! A mistake in a scenario or in an argument: exit code 2, one message with the place and how to
//! fix it, and nothing is run. And warnings, which stop nothing.
//!
//! Every message is pinned beside the code that makes it. These are samples of what the user sees.

use clbench_tests::Dir;
use expect_test::{Expect, expect};

const GOOD: &str = "\
seeds: [1992, 1996]
stream: {tasks: 5}
backbones:
  pixels: {parameters: {size: 8}}
domains:
  digits: {source: digits, templates: ['the digit {}']}
strategies:
  linear-head:
    parameters: {epochs: 1}
";

/// Each of these calls gives this message and writes nothing.
fn refused(dir: &Dir, calls: &[&[&str]], message: &Expect) {
    let said: Vec<String> = calls
        .iter()
        .map(|args| {
            let outcome = dir.clbench(*args).outcome();
            assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{args:?}");
            outcome.stderr
        })
        .collect();
    message.assert_eq(&said[0]);
    assert!(said.iter().all(|other| *other == said[0]), "{said:?}");
    assert!(!dir.path("results").exists(), "nothing is written");
}

/// The valid scenario with one piece of its text replaced is refused.
fn change(from: &str, to: &str, message: Expect) {
    assert!(
        GOOD.contains(from),
        "the scenario does not contain `{from}`"
    );
    let dir = Dir::new();
    dir.write("s.yaml", GOOD.replacen(from, to, 1));
    refused(
        &dir,
        &[&["validate", "s.yaml"], &["run", "s.yaml"]],
        &message,
    );
}

/// The valid scenario is refused with these arguments.
fn arguments(args: &[&str], message: Expect) {
    let dir = Dir::new();
    dir.write("s.yaml", GOOD);
    let run = [&["run", "s.yaml"], args].concat();
    let validate = [&["validate", "s.yaml"], args].concat();
    match args[0] {
        "--set" => refused(&dir, &[&run, &validate], &message),
        _ => refused(&dir, &[&run], &message),
    }
}

#[test]
fn an_unknown_key() {
    change(
        "parameters: {epochs",
        "paramters: {epochs",
        expect![[r#"
            error: s.yaml:9: strategies.linear-head.paramters: unknown key `paramters`; did you mean `parameters`?
                9 |     paramters: {epochs: 1}
                  |     ^^^^^^^^^
        "#]],
    );
}

#[test]
fn parameters_outside_parameters() {
    change(
        "parameters: {epochs: 1}",
        "lr: 0.01",
        expect![[r#"
            error: s.yaml:9: strategies.linear-head.lr: unknown key `lr`; if it is a parameter, put it under `parameters:`, as in `linear-head: {parameters: {lr: 0.01}}`
                9 |     lr: 0.01
                  |     ^^
        "#]],
    );
}

#[test]
fn a_crate_in_the_place_of_its_plugin() {
    let dir = Dir::new();
    let plugin = "parameters: {epochs: 1}\n    plugin: my-head";
    dir.write("s.yaml", GOOD.replace("parameters: {epochs: 1}", plugin));
    dir.write("my-head/Cargo.toml", "[package]\nname = \"my-head\"\n");
    refused(
        &dir,
        &[
            &["validate", "s.yaml"],
            &["run", "s.yaml"],
            &["plan", "s.yaml"],
        ],
        &expect![[r#"
            error: s.yaml:10: strategies.linear-head.plugin: a crate's folder, not a plugin file; run `cargo build --release` in it, then name `my-head/target/release/libmy_head.so`
               10 |     plugin: my-head
                  |     ^^^^^^
        "#]],
    );
    let inspected = dir.clbench(["plugin", "inspect", "my-head"]).outcome();
    assert_eq!(inspected.code, 3);
    expect![[r#"
        error: plugin my-head: a crate's folder, not a plugin file; run `cargo build --release` in it, then name `my-head/target/release/libmy_head.so`
    "#]]
    .assert_eq(&inspected.stderr);
}

#[test]
fn warnings_are_shown_once() {
    let dir = Dir::new();
    dir.write("s.yaml", GOOD.replace("tasks: 5", "tasks: 4"));
    let message = expect![[r#"
        warning: s.yaml:2: stream.tasks: 10 classes do not divide evenly into 4 tasks (domain `digits`): a task has 3 or 2 classes. Metrics average over tasks, so classes in smaller tasks weigh more, and figures do not compare with those of equal tasks. If this is intended, write `task_sizes: [3, 3, 2, 2]`
        warning: s.yaml:2: stream.class_order: all 2 seeds use the same class order (`listed`), so the standard deviation over seeds leaves out the effect of the order. For an order per seed, write `class_order: {numpy: seed}`
    "#]];
    for command in ["validate", "plan"] {
        let outcome = dir.clbench([command, "s.yaml"]).outcome();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        message.assert_eq(&outcome.stderr);
    }
    dir.write(
        "s.yaml",
        GOOD.replace("tasks: 5", "task_sizes: [3, 3, 2, 2]"),
    );
    let one_seed = ["plan", "s.yaml", "--seed", "1992"];
    assert_eq!(dir.clbench(one_seed).outcome().stderr, "");
}

#[test]
fn tasks_that_do_not_fit_the_domain() {
    change(
        "{tasks: 5}",
        "{tasks: 11}",
        expect![[r#"
            error: s.yaml:2: stream.tasks: domain `digits`: 11 tasks, but only 10 classes; every task needs a class, so use at most 10 tasks
                2 | stream: {tasks: 11}
                  |          ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{task_sizes: [4, 3, 2]}",
        expect![[r#"
            error: s.yaml:2: stream.task_sizes: domain `digits`: the task sizes add up to 9, but the domain has 10 classes; the two must agree
                2 | stream: {task_sizes: [4, 3, 2]}
                  |          ^^^^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, stream: {tasks: 11}",
        expect![[r#"
            error: s.yaml:6: domains.digits.stream.tasks: domain `digits`: 11 tasks, but only 10 classes; every task needs a class, so use at most 10 tasks
                6 |   digits: {source: digits, stream: {tasks: 11}, templates: ['the digit {}']}
                  |                                     ^^^^^
        "#]],
    );
    arguments(
        &["--set", "stream.tasks=11"],
        expect![[r#"
            error: --set stream.tasks=11: stream.tasks: domain `digits`: 11 tasks, but only 10 classes; every task needs a class, so use at most 10 tasks
        "#]],
    );
}

#[test]
fn a_missing_file() {
    let dir = Dir::new();
    dir.write("quickstart.yaml", GOOD);
    refused(
        &dir,
        &[
            &["validate", "quikstart.yaml"],
            &["run", "quikstart.yaml"],
            &["plan", "quikstart.yaml"],
        ],
        &expect![[r#"
            error: quikstart.yaml: no such file; did you mean `quickstart.yaml`?
        "#]],
    );
    refused(
        &dir,
        &[&["run", "other/quikstart.yaml"]],
        &expect![[r#"
            error: other/quikstart.yaml: no such file
        "#]],
    );
}

/// Neither a file nor a scenario that ships.
#[test]
fn an_unknown_name() {
    let dir = Dir::new();
    dir.write("mine.yaml", GOOD);
    for (name, meant) in [("quikstart", "quickstart"), ("mine", "mine.yaml")] {
        let outcome = dir.clbench(["run", name]).outcome();
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
        let start = format!(
            "error: invalid value '{name}' for '<SCENARIO>': no such file, and no scenario of this name comes with \
             clbench; did you mean `{meant}`? The choices are `cars-196`, "
        );
        assert!(outcome.stderr.starts_with(&start), "{}", outcome.stderr);
    }
}

#[test]
fn arguments_that_change_or_select() {
    arguments(
        &["--set", "threads"],
        expect![[r#"
            error: invalid value 'threads' for '--set <KEY=VALUE>': `threads` is not KEY=VALUE; write `threads=2` or `strategies.NAME.KEY=VALUE`, for example

            For more information, try '--help'.
        "#]],
    );
    arguments(
        &["--set", "strategies.linear-hed.lr=1"],
        expect![[r#"
            error: --set strategies.linear-hed.lr=1: unknown strategy `linear-hed`; did you mean `linear-head`?
        "#]],
    );
    arguments(
        &["--only", "linear-hed"],
        expect![[r#"
            error: --only linear-hed: unknown strategy `linear-hed`; did you mean `linear-head`?
        "#]],
    );
}

#[test]
fn arguments_that_restrict_the_data() {
    arguments(
        &["--validation", "1.5"],
        expect![[r#"
            error: invalid value '1.5' for '--validation <FRACTION>': expected a number between 0 and 1, such as 0.2

            For more information, try '--help'.
        "#]],
    );
    arguments(
        &["--limit", "0"],
        expect![[r#"
            error: invalid value '0' for '--limit <N>': expected a whole number of at least 1

            For more information, try '--help'.
        "#]],
    );
    arguments(
        &["-j", "0"],
        expect![[r#"
            error: invalid value '0' for '--jobs <N>': expected a whole number of at least 1

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn a_parameter_that_its_plugin_refuses() {
    let dir = Dir::new();
    dir.write("s.yaml", GOOD.replace("epochs: 1", "epochs: 0"));
    refused(
        &dir,
        &[&["run", "s.yaml"], &["validate", "s.yaml"]],
        &expect![[r#"
            error: s.yaml:9: strategies.linear-head.parameters.epochs: must be at least 1, got 0
                9 |     parameters: {epochs: 0}
                  |                  ^^^^^^
        "#]],
    );
    arguments(
        &["--set", "strategies.linear-head.lr=-1"],
        expect![[r#"
            error: --set strategies.linear-head.lr=-1: strategies.linear-head.parameters.lr: must be above 0, got -1
        "#]],
    );
    arguments(
        &["--set", "backbones.pixels.size=0"],
        expect![[r#"
            error: --set backbones.pixels.size=0: backbones.pixels.parameters.size: must be at least 1 and at most 1024, got 0
        "#]],
    );
}
