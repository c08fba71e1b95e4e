//! `clbench plugin check`: the testkit on plugin files, as their authors run it.

use clbench_tests::{Dir, build, misbehaving, nearest_class_mean};
use expect_test::{Expect, expect};
use std::path::Path;

/// What the command says about a file: standard output, and then standard error.
fn check(dir: &Dir, file: &Path, more: &[&str]) -> (i32, String) {
    let args = ["plugin", "check", file.to_str().unwrap()];
    let outcome = dir.clbench(args.iter().chain(more)).outcome();
    (outcome.code, outcome.stdout + &outcome.stderr)
}

/// Asserts what the check of one strategy of the misbehaving plugin finds.
#[track_caller]
fn found(strategy: &str, expected: Expect) {
    let dir = Dir::new();
    let (code, said) = check(&dir, misbehaving(), &["--strategy", strategy]);
    assert_eq!(code, 3, "{said}");
    // The source's lines, and what backtraces would add, are not what is tested.
    let line = |line: &str| match line.split_once("lib.rs:") {
        Some((before, _)) => format!("{before}lib.rs:LINE"),
        None => line.to_owned(),
    };
    let said: Vec<_> = said.lines().map(line).collect();
    expected.assert_eq(&(said.join("\n") + "\n"));
}

#[test]
fn a_sound_plugin_passes() {
    let dir = Dir::new();
    let (code, said) = check(
        &dir,
        nearest_class_mean(),
        &["--parameters", "shrinkage=0.5"],
    );
    assert_eq!(code, 0, "{said}");
    expect![[r#"
        strategy `nearest-class-mean` passes every check of the testkit
          passed  parameters
          passed  learns
          passed  prediction changes nothing
          passed  independent of the batch
          passed  same seed, same bits
          note    same seed, same bits: another seed gives the same bits, so the strategy does not use randomness
          passed  state round trip
          passed  a class that comes back
          passed  errors, not panics
          passed  global state left alone
    "#]].assert_eq(&said);
    let pixels = build().join("libclbench_pixels.so");
    let (code, said) = check(
        &dir,
        &pixels,
        &["--seed", "3", "--parameters", r#"{"size": 8}"#],
    );
    assert_eq!(code, 0, "{said}");
    expect![[r#"
        backbone `pixels` passes every check of the testkit
          passed  parameters
          passed  info
          passed  encoding
          passed  gradients
          passed  pullbacks stand alone
          passed  rows
          passed  errors, not panics
          passed  global state left alone
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_fault_is_found_through_the_file() {
    found(
        "learns-in-predict",
        expect![[r#"
        strategy `learns-in-predict`: the testkit found 2 failure(s)
          passed  parameters
          passed  learns
          FAILED  prediction changes nothing: after 1 task(s), `predict` changed the state: JSON 1 and 169
          passed  independent of the batch
          passed  same seed, same bits
          note    same seed, same bits: another seed gives the same bits, so the strategy does not use randomness
          FAILED  state round trip: after 2 task(s), a strategy that was never dropped and one that was restored after every task have different states: JSON 170 and 86; something that it remembers is missing from its state
          passed  errors, not panics
          passed  global state left alone
        error: strategy `learns-in-predict` failed; see the lines marked `FAILED` above
    "#]],
    );
    found(
        "forgets-its-state",
        expect![[r#"
        strategy `forgets-its-state`: the testkit found 1 failure(s)
          passed  parameters
          passed  learns
          passed  prediction changes nothing
          passed  independent of the batch
          passed  same seed, same bits
          note    same seed, same bits: another seed gives the same bits, so the strategy does not use randomness
          FAILED  state round trip: after 1 task(s), a strategy that was created again and restored has a different state: JSON 1 and 0; `restore` must restore everything in `state`
          passed  errors, not panics
          passed  global state left alone
        error: strategy `forgets-its-state` failed; see the lines marked `FAILED` above
    "#]],
    );
    found(
        "panics-in-learn",
        expect![[r#"
        strategy `panics-in-learn`: the testkit found 1 failure(s)
          passed  parameters
          FAILED  learns: learning task 1: `learn`: the plugin panicked in `learn`: on purpose at tests/fixtures/misbehaving/lib.rs:LINE
          passed  global state left alone
        error: strategy `panics-in-learn` failed; see the lines marked `FAILED` above
    "#]],
    );
}

#[test]
fn a_crash_is_a_finding_and_so_is_an_early_end() {
    found(
        "crashes",
        expect![[r#"
        strategy `crashes`: the testkit could not finish
          FAILED  learns: a plugin crashed the process (signal 11)
        error: strategy `crashes` failed; see the lines marked `FAILED` above
    "#]],
    );
    found(
        "lies",
        expect![[r#"
        strategy `lies`: the testkit could not finish
          FAILED  the plugin ended the check before it was complete
        error: strategy `lies` failed; see the lines marked `FAILED` above
    "#]],
    );
}

#[test]
fn what_cannot_be_checked_says_why() {
    let dir = Dir::new();
    let wrong: [(&Path, &[&str]); 8] = [
        (nearest_class_mean(), &["--strategy", "nearest"]),
        (nearest_class_mean(), &["--parameters", "shrinkage=-1"]),
        (nearest_class_mean(), &["--interpreter", "python3"]),
        (misbehaving(), &["--parameters", "status=1"]),
        (misbehaving(), &["--backbone", "data-error"]),
        (&build().join("libclbench_metrics.so"), &[]),
        (Path::new("gone.py:Gone"), &[]),
        (Path::new("gone.so"), &[]),
    ];
    let said = wrong.map(|(file, more)| {
        let (code, said) = check(&dir, file, more);
        format!("{code} {said}")
    });
    expect![[r#"
        3 error: plugin ROOT/tests/fixtures/plugins/nearest-class-mean/target/release/libnearest_class_mean.so offers no strategy `nearest`; the only choice is `nearest-class-mean`
        2 error: strategy `nearest-class-mean`: shrinkage: must be at least 0, got -1; see `--parameters`
        2 error: `--interpreter` is for a strategy in Python, such as `my_method.py:MyMethod`
        2 error: plugin BUILD/examples/libmisbehaving.so offers 34 strategies and backbones; name the one that `--parameters` is for with `--strategy NAME` or `--backbone NAME`
        4 error: plugin BUILD/examples/libmisbehaving.so: backbone `data-error`: DIR/weights.safetensors: no such file; download the weights
        2 error: plugin BUILD/libclbench_metrics.so offers neither strategies nor backbones, and the testkit checks nothing else
        2 error: there is no file `gone.py`; `clbench new strategy --python FILE` writes one to start from
        3 error: plugin gone.so: no such file; check the path, or build the plugin with `cargo build --release`
    "#]].assert_eq(&said.concat());
}

#[test]
fn a_strategy_in_python_is_written_once() {
    let dir = Dir::new();
    let new = |file: &str| dir.clbench(["new", "strategy", "--python", file]).outcome();
    let first = new("methods/my_method.py");
    assert_eq!(first.code, 0, "{}", first.stderr);
    expect![[r#"
        Wrote the strategy MyMethod to methods/my_method.py, and a scenario to methods/my_method.yaml
        Next:
          clbench run methods/my_method.yaml
          clbench plugin check methods/my_method.py:MyMethod
    "#]].assert_eq(&first.stdout);
    dir.write("methods/my_method.py", "mine");
    for file in ["methods/my_method.py", "my-method.py"] {
        let refused = new(file);
        assert_eq!((refused.code, &*refused.stdout), (2, ""));
        assert!(refused.stderr.starts_with("error: `"), "{}", refused.stderr);
    }
    let kept = std::fs::read_to_string(dir.path("methods/my_method.py"));
    assert_eq!(kept.unwrap(), "mine");
    let other = dir.clbench(["new", "strategy", "some", "--python", "a.py"]);
    assert_eq!(other.outcome().code, 2);
}
