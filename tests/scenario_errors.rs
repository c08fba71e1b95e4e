//! Mistakes in a scenario or an argument: exit code 2, one message with the place and the fix, and
//! nothing is started.
//!
//! Every message is pinned next to the code that makes it; these are samples of how they reach the
//! user.

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

/// Each of these calls prints this message and does nothing.
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
    assert!(!dir.path("results").exists(), "nothing is started");
}

/// The valid scenario with one piece of its text replaced is refused.
fn change(from: &str, to: &str, message: Expect) {
    assert!(GOOD.contains(from), "`{from}` is not in the scenario");
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
    refused(&dir, &[&[&["run", "s.yaml"], args].concat()], &message);
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
fn tasks_that_do_not_fit_the_domain() {
    change(
        "{tasks: 5}",
        "{tasks: 11}",
        expect![[r#"
            error: s.yaml:2: stream.tasks: domain `digits`: 11 tasks, but the domain has 10 classes: every task needs a class of its own, so ask for at most 10 tasks
                2 | stream: {tasks: 11}
                  |          ^^^^^
        "#]],
    );
    change(
        "{tasks: 5}",
        "{task_sizes: [4, 3, 2]}",
        expect![[r#"
            error: s.yaml:2: stream.task_sizes: domain `digits`: the task sizes add up to 9, but the domain has 10 classes: the two must agree
                2 | stream: {task_sizes: [4, 3, 2]}
                  |          ^^^^^^^^^^
        "#]],
    );
    change(
        "source: digits",
        "source: digits, stream: {tasks: 11}",
        expect![[r#"
            error: s.yaml:6: domains.digits.stream.tasks: domain `digits`: 11 tasks, but the domain has 10 classes: every task needs a class of its own, so ask for at most 10 tasks
                6 |   digits: {source: digits, stream: {tasks: 11}, templates: ['the digit {}']}
                  |                                     ^^^^^
        "#]],
    );
    arguments(
        &["--set", "stream.tasks=11"],
        expect![[r#"
            error: --set stream.tasks=11: stream.tasks: domain `digits`: 11 tasks, but the domain has 10 classes: every task needs a class of its own, so ask for at most 10 tasks
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
            error: quikstart.yaml: there is no such file; did you mean `quickstart.yaml`?
        "#]],
    );
    refused(
        &dir,
        &[&["run", "other/quikstart.yaml"]],
        &expect![[r#"
            error: other/quikstart.yaml: there is no such file
        "#]],
    );
}

#[test]
fn arguments_that_change_or_select() {
    arguments(
        &["--set", "threads"],
        expect![[r#"
            error: invalid value 'threads' for '--set <KEY=VALUE>': `threads` is not KEY=VALUE; write, for instance, `strategies.NAME.KEY=VALUE` or `threads=2`

            For more information, try '--help'.
        "#]],
    );
    arguments(
        &["--set", "strategies.linear-hed.lr=1"],
        expect![[r#"
            error: --set strategies.linear-hed.lr=1: there is no strategy `linear-hed`; did you mean `linear-head`?
        "#]],
    );
    arguments(
        &["--only", "linear-hed"],
        expect![[r#"
            error: --only linear-hed: there is no strategy `linear-hed`; did you mean `linear-head`?
        "#]],
    );
}

#[test]
fn arguments_that_restrict_the_data() {
    arguments(
        &["--validation", "1.5"],
        expect![[r#"
            error: invalid value '1.5' for '--validation <FRACTION>': a number between 0 and 1, such as 0.2, is needed

            For more information, try '--help'.
        "#]],
    );
    arguments(
        &["--limit", "0"],
        expect![[r#"
            error: invalid value '0' for '--limit <N>': a whole number of at least 1 is needed

            For more information, try '--help'.
        "#]],
    );
    arguments(
        &["-j", "0"],
        expect![[r#"
            error: invalid value '0' for '--jobs <N>': a whole number of at least 1 is needed

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
        &[&["run", "s.yaml"]],
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
            error: --set backbones.pixels.size=0: backbones.pixels.parameters.size: must be 1 to 1024, got 0
        "#]],
    );
}
