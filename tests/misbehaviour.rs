//! Plugins that fail while running: only one cell fails, and the user learns which one and why.
//! Also runs that are interrupted, or that run in parallel.

use clbench_tests::{Dir, Outcome, Run, misbehaving, nearest_class_mean, signal, wait_for};
use expect_test::expect;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;
use std::{fs, thread};

/// A scenario with these backbones and strategies, a line each, and a folder with their plugins.
fn scenario(dir: &Dir, backbones: &[&str], strategies: &[&str]) {
    let section = |name: &str, entries: &[&str]| {
        let lines: String = entries.iter().map(|entry| format!("  {entry}\n")).collect();
        format!("{name}:\n{lines}")
    };
    let yaml = format!(
        "seeds: [1992]\nstream: {{tasks: 5}}\ndomains: {{digits: {{source: digits}}}}\n{}{}",
        section("backbones", backbones),
        section("strategies", strategies)
    );
    dir.write("scenario.yaml", yaml);
    dir.link_plugins(&[misbehaving(), nearest_class_mean()]);
}

const PIXELS: &str = "pixels: {parameters: {size: 8}}";
// The third-party plugin, because it is quicker to load than the built-in one.
const GOOD: &str = "nearest-class-mean: {plugin: plugins/libnearest_class_mean.so}";

fn run<'a>(dir: &'a Dir, out: &str, more: &[&str]) -> Run<'a> {
    let args = [
        "run",
        "scenario.yaml",
        "--plugin-dir",
        "plugins",
        "--limit",
        "5",
        "--out",
        out,
    ];
    dir.clbench(args.iter().chain(more))
}

/// Replaces what differs between runs and edits: times, hashes, line numbers of the fixture's
/// source.
fn settled(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = match line.rsplit_once("  ") {
            Some((what, time)) if time.ends_with(" s") => what.to_owned(),
            _ => line.to_owned(),
        };
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for word in &mut words {
            if let Some((file, _)) = word.split_once("lib.rs:") {
                *word = format!("{file}lib.rs:LINE;");
            }
            if let Some((cell, _)) = word.split_once("-s1992-") {
                *word = format!("{cell}-s1992-HASH.log");
            }
        }
        lines.push(words.join(" ") + "\n");
    }
    lines.concat()
}

/// The files below a folder, as paths from it.
fn files(folder: &Path) -> Vec<String> {
    fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => gather(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    gather(folder, &mut found);
    let below = |path: &PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
    let mut found: Vec<_> = found.iter().map(below).collect();
    found.sort();
    found
}

fn only_file(folder: &Path, part: &str, ending: &str) -> PathBuf {
    let found: Vec<_> = files(folder)
        .into_iter()
        .filter(|name| name.contains(part) && name.ends_with(ending))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    folder.join(&found[0])
}

fn log(dir: &Dir, strategy: &str) -> String {
    let path = only_file(&dir.path("out/cells"), &format!("-{strategy}-"), ".log");
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

#[test]
fn a_failed_cell_does_not_stop_others_and_is_run_again_on_request() {
    let dir = Dir::new();
    scenario(
        &dir,
        &[PIXELS],
        &[
            "aborts:",
            "crashes:",
            "exits: {parameters: {status: 7}}",
            "exits-well: {use: exits, parameters: {status: 0}}",
            "forgets-its-state:",
            "learns-in-predict:",
            "lies:",
            "nan:",
            "panics-in-drop:",
            "panics-in-learn:",
            "panics-in-predict:",
            "peeks:",
            "prints:",
            "wrong-shape:",
            GOOD,
        ],
    );
    let first = run(&dir, "out", &[]).outcome();
    assert_eq!(first.code, 5, "{}", first.stderr);
    expect![[r#"
        digits · features of pixels
        [ 1/15] digits · aborts · seed 1992  failed: task 1/5: a plugin crashed the process (signal 6)
            log: out/cells/digits-aborts-s1992-HASH.log
        [ 2/15] digits · crashes · seed 1992  failed: task 1/5: a plugin crashed the process (signal 11)
            log: out/cells/digits-crashes-s1992-HASH.log
        [ 3/15] digits · exits · seed 1992  failed: task 1/5: a plugin ended the process (exit status 7)
            log: out/cells/digits-exits-s1992-HASH.log
        [ 4/15] digits · exits-well · seed 1992  failed: task 1/5: a plugin ended the process (exit status 0)
            log: out/cells/digits-exits-well-s1992-HASH.log
        [ 5/15] digits · forgets-its-state · seed 1992  failed: strategy `forgets-its-state`: its state after task 1 changed when it was restored; `restore` must reproduce all of `state`
            log: out/cells/digits-forgets-its-state-s1992-HASH.log
        [ 6/15] digits · learns-in-predict · seed 1992  failed: strategy `learns-in-predict`: prediction after task 1 changed its state; `predict` must not change the state
            log: out/cells/digits-learns-in-predict-s1992-HASH.log
        [ 7/15] digits · lies · seed 1992  failed: its process reported success, but there is no record of it
            log: out/cells/digits-lies-s1992-HASH.log
        [ 8/15] digits · nan · seed 1992  failed: the logit of class 0 for test sample 0174 is NaN after task 1: training diverged or the strategy divided by zero; lower its learning rate, or look for constant features
            log: out/cells/digits-nan-s1992-HASH.log
        [ 9/15] digits · panics-in-drop · seed 1992
        [10/15] digits · panics-in-learn · seed 1992  failed: plugin BUILD/examples/libmisbehaving.so: strategy `panics-in-learn`: the plugin panicked in `learn`: on purpose at tests/fixtures/misbehaving/lib.rs:LINE; this is a bug in the plugin, report it to its author
            log: out/cells/digits-panics-in-learn-s1992-HASH.log
        [11/15] digits · panics-in-predict · seed 1992  failed: plugin BUILD/examples/libmisbehaving.so: strategy `panics-in-predict`: the plugin panicked in `predict`: on purpose at tests/fixtures/misbehaving/lib.rs:LINE; this is a bug in the plugin, report it to its author
            log: out/cells/digits-panics-in-predict-s1992-HASH.log
        [12/15] digits · peeks · seed 1992  failed: plugin BUILD/examples/libmisbehaving.so: strategy `peeks`: row 10 does not exist; number of rows: 10
            log: out/cells/digits-peeks-s1992-HASH.log
        [13/15] digits · prints · seed 1992
        [14/15] digits · wrong-shape · seed 1992  failed: plugin BUILD/examples/libmisbehaving.so: strategy `wrong-shape`: the logits should have shape [50, 2], not [50, 1]
            log: out/cells/digits-wrong-shape-s1992-HASH.log
        [15/15] digits · nearest-class-mean · seed 1992
        results are in out
        error: 12 of 15 cells failed; add --retry-failed to run them again
    "#]].assert_eq(&settled(&first.stderr));
    let rows = |table: &str| -> Vec<String> {
        let names = table
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1));
        names
            .filter(|name| name.contains('-') || *name == "prints")
            .map(str::to_owned)
            .collect()
    };
    expect![[r#"
        [
            "nearest-class-mean",
            "panics-in-drop",
            "prints",
        ]
    "#]]
    .assert_debug_eq(&rows(&first.stdout));

    // A panic's origin is in the log, whether or not it could be reported.
    for strategy in ["panics-in-learn", "panics-in-predict"] {
        let log = log(&dir, strategy);
        assert!(log.contains("panic_on_purpose"), "{strategy}: {log}");
    }
    assert!(log(&dir, "panics-in-drop").contains("on purpose"));
    let printed = log(&dir, "prints");
    assert!(printed.starts_with("{\"failed\":") && printed.contains("not an event"));
    assert!(printed.ends_with("line 19999 of useless output\n"));
    // The middle is left out.
    let lines = printed.matches("of useless output").count();
    assert!(lines > 50_000 && lines < 5 * 20_000, "{lines}");

    // What failed would only fail again.
    let again = run(&dir, "out", &[]).outcome();
    assert_eq!(again.code, 5);
    let said = settled(&again.stderr);
    assert_eq!(
        said.matches("  failed in an earlier run: ").count(),
        12,
        "{said}"
    );
    let lines: Vec<&str> = said.lines().collect();
    expect![[r#"
        digits · aborts · seed 1992  failed in an earlier run: task 1/5: a plugin crashed the process (signal 6)
        3 of 15 cells already have results
        results are in out
        error: 12 of 15 cells failed; add --retry-failed to run them again
    "#]]
    .assert_eq(&format!(
        "{}\n{}\n",
        lines[0],
        lines[lines.len() - 3..].join("\n")
    ));
    assert_eq!(again.stdout, first.stdout);

    let retried = run(&dir, "out", &["--retry-failed"]).outcome();
    assert_eq!(retried.code, 5);
    let said = settled(&retried.stderr);
    assert!(said.starts_with("3 of 15 cells "), "{said}");
    assert_eq!(said.matches(" failed: ").count(), 12, "{said}");
    assert_eq!(retried.stdout, first.stdout);
}

#[test]
fn no_cell_is_started_after_one_has_failed_if_asked() {
    let dir = Dir::new();
    scenario(
        &dir,
        &[PIXELS],
        &[GOOD, "panics-in-learn:", "nan:", "prints:"],
    );
    let outcome = run(&dir, "out", &["--fail-fast"]).outcome();
    assert_eq!(outcome.code, 5);
    expect![[r#"
        digits · features of pixels
        [1/4] digits · nearest-class-mean · seed 1992
        [2/4] digits · panics-in-learn · seed 1992  failed: plugin BUILD/examples/libmisbehaving.so: strategy `panics-in-learn`: the plugin panicked in `learn`: on purpose at tests/fixtures/misbehaving/lib.rs:LINE; this is a bug in the plugin, report it to its author
            log: out/cells/digits-panics-in-learn-s1992-HASH.log
        results are in out
        error: 1 of 4 cells failed, and 2 have no result yet; run again for those, with --retry-failed also for what failed
    "#]]
    .assert_eq(&settled(&outcome.stderr));
    // A run without the option does the rest, but not what failed.
    let outcome = run(&dir, "out", &[]).outcome();
    assert_eq!(outcome.code, 5);
    expect![[r#"
        digits · panics-in-learn · seed 1992  failed in an earlier run: plugin BUILD/examples/libmisbehaving.so: strategy `panics-in-learn`: the plugin panicked in `learn`: on purpose at tests/fixtures/misbehaving/lib.rs:LINE; this is a bug in the plugin, report it to its author
            log: out/cells/digits-panics-in-learn-s1992-HASH.log
        1 of 4 cells already have results
        digits · features of pixels
        [3/4] digits · nan · seed 1992  failed: the logit of class 0 for test sample 0174 is NaN after task 1: training diverged or the strategy divided by zero; lower its learning rate, or look for constant features
            log: out/cells/digits-nan-s1992-HASH.log
        [4/4] digits · prints · seed 1992
        results are in out
        error: 2 of 4 cells failed; add --retry-failed to run them again
    "#]]
    .assert_eq(&settled(&outcome.stderr));
}

#[test]
fn a_failure_before_the_first_cell_ends_the_run() {
    let dir = Dir::new();
    let mut table = String::new();
    let mut tell = |code: i32, backbones: &[&str], strategies: &[&str]| {
        scenario(&dir, backbones, strategies);
        let outcome = run(&dir, "out", &[]).outcome();
        assert_eq!(
            (outcome.code, &outcome.stdout[..]),
            (code, ""),
            "{}",
            outcome.stderr
        );
        let cells = dir.path("out/cells");
        assert!(!cells.exists() || files(&cells).is_empty());
        let validate = ["validate", "scenario.yaml", "--plugin-dir", "plugins"];
        let validated = dir.clbench(validate).outcome();
        match outcome.stderr.contains("features.log") {
            // What computing shows is not known before.
            true => assert_eq!((validated.code, &*validated.stderr), (0, "")),
            false => {
                assert_eq!((validated.code, &*validated.stdout), (code, ""));
                assert_eq!(validated.stderr, outcome.stderr);
            }
        }
        table += &settled(&outcome.stderr);
    };
    // Strategies are checked, and created once.
    tell(3, &[PIXELS], &["panics-in-check:", GOOD]);
    tell(3, &[PIXELS], &["panics-in-create:", GOOD]);
    // So are backbones.
    tell(3, &["panics-in-create:"], &[GOOD]);
    tell(3, &["exits-in-create:"], &[GOOD]);
    tell(4, &["data-error:"], &[GOOD]);
    // Features are computed before the cells, too.
    tell(3, &["nan:"], &[GOOD]);
    tell(3, &["aborts-in-encode:"], &[GOOD]);
    tell(3, &["panics-in-encode:"], &[GOOD]);
    // Parameters are in the scenario, so the message points there.
    for parameters in [
        "",
        "parameters: {rte: 1}",
        "parameters: {rate: fast}",
        "parameters: {rate: -1}",
        "parameters: {rate: 1, schedule: {warm_up: 11}}",
        "parameters: {rate: 1}, grid: {schedule.warm_up: [1, 11]}",
    ] {
        let row = format!("needs-parameter: {{{parameters}}}");
        tell(2, &[PIXELS], &[GOOD, &row]);
    }
    expect![[r#"
        error: plugin BUILD/examples/libmisbehaving.so: strategy `panics-in-check`: the plugin panicked in `check`: on purpose at tests/fixtures/misbehaving/lib.rs:LINE; this is a bug in the plugin, report it to its author
        error: plugin BUILD/examples/libmisbehaving.so: strategy `panics-in-create`: the plugin panicked in `create`: on purpose at tests/fixtures/misbehaving/lib.rs:LINE; this is a bug in the plugin, report it to its author
        error: plugin BUILD/examples/libmisbehaving.so: backbone `panics-in-create`: the plugin panicked in `create`: on purpose at tests/fixtures/misbehaving/lib.rs:LINE; this is a bug in the plugin, report it to its author
        error: checking backbone `exits-in-create` of plugin BUILD/examples/libmisbehaving.so: a plugin ended the process (exit status 0)
        error: plugin BUILD/examples/libmisbehaving.so: backbone `data-error`: DIR/weights.safetensors: no such file; download the weights
        error: plugin BUILD/examples/libmisbehaving.so: backbone `nan`: the embedding of `0000` contains an infinite or NaN value
            log: out/features.log
        error: features of `aborts-in-encode` of plugin BUILD/examples/libmisbehaving.so: a plugin crashed the process (signal 6)
            log: out/features.log
        error: plugin BUILD/examples/libmisbehaving.so: backbone `panics-in-encode`: the plugin panicked in `encode_images`: on purpose at tests/fixtures/misbehaving/lib.rs:LINE; this is a bug in the plugin, report it to its author
            log: out/features.log
        error: scenario.yaml:8: strategies.needs-parameter.parameters: the parameter `rate` is missing; it has no default
            8 |   needs-parameter: {}
              |   ^^^^^^^^^^^^^^^
        error: scenario.yaml:8: strategies.needs-parameter.parameters.rte: no such parameter; did you mean `rate`?
            8 |   needs-parameter: {parameters: {rte: 1}}
              |                                  ^^^
        error: scenario.yaml:8: strategies.needs-parameter.parameters.rate: must be a number, got "fast"
            8 |   needs-parameter: {parameters: {rate: fast}}
              |                                  ^^^^
        error: scenario.yaml:8: strategies.needs-parameter.parameters.rate: must be above 0, got -1
            8 |   needs-parameter: {parameters: {rate: -1}}
              |                                  ^^^^
        error: scenario.yaml:8: strategies.needs-parameter.parameters.schedule.warm_up: must be at most 10, got 11
            8 |   needs-parameter: {parameters: {rate: 1, schedule: {warm_up: 11}}}
              |                                                      ^^^^^^^
        error: scenario.yaml:8: strategies.needs-parameter.grid.schedule.warm_up[1]: must be at most 10, got 11
            8 |   needs-parameter: {parameters: {rate: 1}, grid: {schedule.warm_up: [1, 11]}}
              |                                                                         ^^
    "#]].assert_eq(&table);
    let log = fs::read_to_string(dir.path("out/features.log")).unwrap();
    assert!(log.starts_with("encoding\n"), "{log}");
    assert!(log.contains("panic_on_purpose"), "{log}");
}

/// Asks a process to stop, as Ctrl-C does. SIGINT itself would be ignored if the tests were started
/// as a background job.
fn interrupt(process: &Child) {
    signal(process.id(), Signal::TERM);
}

fn ended(dir: &Dir, process: Child) -> Outcome {
    dir.outcome(&process.wait_with_output().unwrap())
}

/// Asserts that the run and cache folders contain only complete files of known kinds.
fn nothing_half_made(dir: &Dir) {
    for folder in ["out", "cache"] {
        for name in files(&dir.path(folder)) {
            let kinds = [
                "run.json",
                "plan.jsonl",
                ".log",
                ".features",
                ".json",
                ".csv",
            ];
            let file = name.rsplit('/').next().unwrap();
            assert!(
                kinds.iter().any(|kind| name.ends_with(kind)) && !file.starts_with('.'),
                "{folder}/{name}"
            );
        }
    }
}

#[test]
fn after_an_interrupt_the_next_run_runs_the_missing_cells() {
    let dir = Dir::new();
    scenario(&dir, &[PIXELS], &[GOOD, "sleeps:", "two: {use: sleeps}"]);
    let more = ["--save-predictions", "-j", "2"];
    let process = run(&dir, "out", &more)
        .env("MISBEHAVING_SLEEPS", "1")
        .start();
    let asleep = |part: &str| {
        let cells = dir.path("out/cells");
        cells.exists()
            && files(&cells).iter().any(|name| {
                name.contains(part)
                    && name.ends_with(".log")
                    && fs::read_to_string(cells.join(name))
                        .unwrap()
                        .contains("falling asleep")
            })
    };
    wait_for("two sleepers", || asleep("-sleeps-") && asleep("-two-"));
    interrupt(&process);
    let outcome = ended(&dir, process);
    expect![[r#"
        digits · features of pixels
        [1/3] digits · nearest-class-mean · seed 1992
        interrupted; waiting for 2 cells to end after their current step; send SIGTERM again to kill them
        error: interrupted; run again to resume
    "#]]
    .assert_eq(&settled(&outcome.stderr));
    assert_eq!((outcome.code, &outcome.stdout[..]), (130, ""));
    nothing_half_made(&dir);

    let outcome = run(&dir, "out", &more[..1]).succeeds();
    expect![[r#"
        1 of 3 cells already have results
        digits · features of pixels
        [2/3] digits · sleeps · seed 1992
        [3/3] digits · two · seed 1992
        results are in out
    "#]]
    .assert_eq(&settled(&outcome.stderr));
    nothing_half_made(&dir);
}

#[test]
fn features_are_complete_or_missing_after_an_interrupt() {
    let dir = Dir::new();
    scenario(&dir, &["slow:"], &[GOOD]);
    let process = run(&dir, "out", &[]).start();
    let features = dir.path("cache/features");
    wait_for("features in the making", || {
        features.exists() && files(&features).iter().any(|name| name.ends_with(".part"))
    });
    interrupt(&process);
    let outcome = ended(&dir, process);
    assert_eq!(outcome.code, 130, "{}", outcome.stderr);
    nothing_half_made(&dir);
    assert!(
        !files(&features)
            .iter()
            .any(|name| name.ends_with(".features"))
    );
}

#[test]
fn a_second_interrupt_kills_processes_that_ignore_the_first() {
    let dir = Dir::new();
    scenario(&dir, &[PIXELS], &["deaf:"]);
    let mut process = run(&dir, "out", &[]).start();
    wait_for("sleep", || {
        let cells = dir.path("out/cells");
        let logs = cells.exists() && files(&cells).iter().any(|name| name.ends_with(".log"));
        logs && log(&dir, "deaf").contains("asleep")
    });
    interrupt(&process);
    // Signals in quick succession are merged into one.
    thread::sleep(Duration::from_millis(100));
    assert!(
        process.try_wait().unwrap().is_none(),
        "the process should end by itself"
    );
    wait_for("the end", || {
        interrupt(&process);
        process.try_wait().unwrap().is_some()
    });
    assert_eq!(ended(&dir, process).code, 130);
    nothing_half_made(&dir);
}

#[test]
fn two_runs_at_once_compute_features_once() {
    let dir = Dir::new();
    scenario(&dir, &["slow:"], &[GOOD]);
    let processes = ["one", "two"].map(|out| run(&dir, out, &[]).start());
    for process in processes {
        let outcome = ended(&dir, process);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    // One of the two encoded everything, the other nothing: 5 images of each of 10 classes in each
    // split.
    let encoded = ["one", "two"].map(|out| {
        let log = fs::read_to_string(dir.path(out).join("features.log"));
        log.unwrap_or_default().matches("encoding\n").count()
    });
    assert_eq!(encoded.iter().sum::<usize>(), 100, "{encoded:?}");
    assert!(encoded.contains(&0), "{encoded:?}");
    only_file(&dir.path("cache/features"), "", ".features");
    for name in ["accuracy.csv", "metrics.csv", "leaderboard.csv"] {
        let read = |out: &str| fs::read_to_string(dir.path(out).join(name)).unwrap();
        assert_eq!(read("one"), read("two"), "{name}");
    }
}

#[test]
fn damaged_features_are_recomputed_and_reported_once() {
    let dir = Dir::new();
    scenario(&dir, &[PIXELS], &[GOOD]);
    let first = run(&dir, "one", &[]).succeeds();
    let path = only_file(&dir.path("cache/features"), "", ".features");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let second = run(&dir, "two", &[]).succeeds();
    assert_eq!(
        second.stderr.matches("is damaged").count(),
        1,
        "{}",
        second.stderr
    );
    assert_eq!(fs::read(&path).unwrap(), whole);
    assert_eq!(second.stdout, first.stdout);
}

#[test]
fn files_that_a_strategy_names_are_found_in_the_scenarios_folder() {
    let dir = Dir::new();
    let reader = "reader: {parameters: {file: prototypes.bin}}";
    scenario(&dir, &[PIXELS], &[reader]);
    fs::create_dir(dir.path("study")).unwrap();
    fs::rename(dir.path("scenario.yaml"), dir.path("study/scenario.yaml")).unwrap();
    let run = || {
        let args = ["run", "study/scenario.yaml", "--plugin-dir", "plugins"];
        let args = args.iter().chain(&["--limit", "5", "--out", "out"]);
        dir.clbench(args).outcome()
    };
    // One in the working directory does not count, and nothing is trained without it.
    dir.write("prototypes.bin", "");
    let missing = run();
    assert_eq!(missing.code, 2);
    assert!(!dir.path("out/cells").exists());
    expect![[r#"
        error: study/scenario.yaml:7: strategies.reader.parameters.file: DIR/study/prototypes.bin does not exist
            7 |   reader: {parameters: {file: prototypes.bin}}
              |                         ^^^^
    "#]].assert_eq(&missing.stderr);

    dir.write("study/prototypes.bin", "");
    let found = run();
    assert_eq!(found.code, 0, "{}", found.stderr);
}
