//! Every fault of a strategy, at each of its calls: the run goes on, only that cell fails, its
//! message says why, and nothing else is lost. What a plugin writes where it should not is neither
//! believed nor in the way.

use crate::tables::files;
use clbench_tests::{Dir, Run, misbehaving, nearest_class_mean};
use expect_test::{Expect, expect};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

const CALLS: [&str; 8] = [
    "check",
    "create",
    "learn",
    "state",
    "restore",
    "predict",
    "drop",
    "last-drop",
];

/// Faults that can be committed at any call.
const FAULTS: [&str; 12] = [
    "error",
    "panic",
    "abort",
    "segfault",
    "exit",
    "forged-done",
    "forged-failed",
    "false-alarm",
    "half-a-line",
    "garbage",
    "flood",
    "grandchild",
];

/// The name of a row and its parameters.
type Row = (String, String);

fn row(fault: &str, call: &str) -> Row {
    (
        format!("{fault}-at-{call}"),
        format!("fault: {fault}, at: {call}"),
    )
}

/// A scenario with these rows of the faulty strategy, and a good one after them.
fn scenario(dir: &Dir, rows: &[Row]) {
    let lines = rows.iter().map(|(name, parameters)| {
        format!("  {name}: {{use: faulty, parameters: {{{parameters}}}}}\n")
    });
    let yaml = format!(
        "seeds: [1]\nstream: {{tasks: 2}}\ndomains: {{digits: {{source: digits}}}}\n\
         backbones: {{pixels: {{parameters: {{size: 8}}}}}}\nstrategies:\n{}\
         \x20 nearest-class-mean: {{plugin: plugins/libnearest_class_mean.so}}\n",
        lines.collect::<String>()
    );
    dir.write("s.yaml", yaml);
    dir.link_plugins(&[misbehaving(), nearest_class_mean()]);
}

fn run<'a>(dir: &'a Dir, more: &[&str]) -> Run<'a> {
    let args = ["run", "s.yaml", "--plugin-dir", "plugins", "--limit", "5"];
    dir.clbench(args.iter().chain(&["--out", "out"]).chain(more))
}

/// How each row ended, without times, paths and line numbers; and the lines after that.
fn endings(stderr: &str) -> (BTreeMap<String, String>, String) {
    let (mut endings, mut rest, mut last) = (BTreeMap::new(), String::new(), None);
    for line in stderr.lines() {
        if let Some((_, cell)) = line.split_once("] digits · ") {
            let (name, ending) = cell.split_once(" · seed 1  ").unwrap();
            let ending = match ending.ends_with(" s") {
                true => "done",
                false => ending.strip_prefix("failed: ").unwrap(),
            };
            let ending = ending.replace(" of plugin BUILD/examples/libmisbehaving.so", "");
            let ending = ending.replace("plugin BUILD/examples/libmisbehaving.so: ", "");
            let ending = ending.split(" at tests/").next().unwrap().to_owned();
            endings.insert(name.to_owned(), ending);
            last = Some(name.to_owned());
        } else if let (Some(text), Some(name)) = (line.strip_prefix("    | "), &last) {
            let ending = endings.get_mut(name).unwrap();
            *ending += &format!(" | {text}");
        } else if !line.starts_with("    log: ") {
            rest += &format!("{line}\n");
        }
    }
    (endings, rest)
}

/// Runs these rows and checks what holds for every fault. Returns how each ended, a line each.
fn table(dir: &Dir, rows: &[Row], more: &[&str]) -> String {
    scenario(dir, rows);
    let outcome = run(dir, more).outcome();
    let (endings, rest) = endings(&outcome.stderr);
    assert_eq!(endings.len(), rows.len() + 1, "{}", outcome.stderr);
    assert_eq!(endings["nearest-class-mean"], "done");
    let failed = endings.values().filter(|ending| *ending != "done").count();
    assert_eq!(outcome.code, if failed > 0 { 5 } else { 0 }, "{rest}");
    assert_eq!(rest.contains("cells failed"), failed > 0, "{rest}");

    // Those that failed have a log and no record, the others both.
    let names = files(&dir.path("out/cells"));
    for (name, ending) in &endings {
        let has = |kind: &str| {
            let begin = format!("digits-{name}-s1-");
            names
                .iter()
                .any(|file| file.starts_with(&begin) && file.ends_with(kind))
        };
        assert_eq!(has(".json"), ending == "done", "{name}: {names:?}");
        assert!(has(".log"), "{name}: {names:?}");
    }
    let half_made = names.iter().find(|name| name.ends_with(".part"));
    assert_eq!(half_made, None);
    let lines = rows
        .iter()
        .map(|(name, _)| format!("{name}: {}\n", endings[name]));
    lines.collect()
}

/// What each fault does at every call: the calls at which it ends in the same way share a line.
fn summary(table: &str) -> String {
    let mut lines: Vec<(String, String, Vec<String>)> = Vec::new();
    for line in table.lines() {
        let (name, ending) = line.split_once(": ").unwrap();
        let (fault, call) = name.split_once("-at-").unwrap();
        match lines.iter_mut().find(|(f, e, _)| f == fault && e == ending) {
            Some((_, _, calls)) => calls.push(call.into()),
            None => lines.push((fault.into(), ending.into(), vec![call.into()])),
        }
    }
    let line = |(fault, ending, calls): (String, String, Vec<String>)| {
        format!("{fault} at {}: {ending}\n", calls.join(", "))
    };
    lines.into_iter().map(line).collect()
}

#[test]
fn every_fault_at_each_call_fails_that_cell_alone() {
    let dir = Dir::new();
    let mut rows: Vec<Row> = Vec::new();
    for fault in FAULTS {
        rows.extend(CALLS.map(|call| row(fault, call)));
    }
    rows.extend([row("nan", "predict"), row("wrong-shape", "predict")]);
    let clock = Instant::now();
    let table = table(&dir, &rows, &["-j", "2"]);
    // What a plugin left running was not waited for: eight processes of a minute each.
    assert!(
        clock.elapsed() < Duration::from_secs(300),
        "{:?}",
        clock.elapsed()
    );
    expect![[r#"
        error at check, create, learn, state, restore, predict: strategy `faulty`: out of order
        error at drop, last-drop: done
        panic at check: strategy `faulty`: the plugin panicked in `check`: on purpose
        panic at create: strategy `faulty`: the plugin panicked in `create`: on purpose
        panic at learn: strategy `faulty`: the plugin panicked in `learn`: on purpose
        panic at state: strategy `faulty`: the plugin panicked in `state`: on purpose
        panic at restore: strategy `faulty`: the plugin panicked in `restore`: on purpose
        panic at predict: strategy `faulty`: the plugin panicked in `predict`: on purpose
        panic at drop, last-drop: done
        abort at check: checking strategy `abort-at-check`: a plugin crashed the process (signal 6) | about to abort
        abort at create: creating strategy `abort-at-create`: a plugin crashed the process (signal 6) | about to abort
        abort at learn, state, restore, predict, drop: task 1/2: a plugin crashed the process (signal 6) | about to abort
        abort at last-drop: done
        segfault at check: checking strategy `segfault-at-check`: a plugin crashed the process (signal 11)
        segfault at create: creating strategy `segfault-at-create`: a plugin crashed the process (signal 11)
        segfault at learn, state, restore, predict, drop: task 1/2: a plugin crashed the process (signal 11)
        segfault at last-drop: done
        exit at check: checking strategy `exit-at-check`: a plugin ended the process (exit status 0)
        exit at create: creating strategy `exit-at-create`: a plugin ended the process (exit status 0)
        exit at learn, state, restore, predict, drop: task 1/2: a plugin ended the process (exit status 0)
        exit at last-drop: done
        forged-done at check, create, learn, state, restore, predict, drop: its process reported success, but there is no record of it
        forged-done at last-drop: done
        forged-failed at check, create, learn, state, restore, predict, drop: all is well
        forged-failed at last-drop: done
        false-alarm at check, create, learn, state, restore, predict, drop, last-drop: done
        half-a-line at check, create, learn, state, restore, predict, drop, last-drop: done
        garbage at check, create, learn, state, restore, predict, drop, last-drop: done
        flood at check, create, learn, state, restore, predict, drop, last-drop: done
        grandchild at check, create, learn, state, restore, predict, drop, last-drop: done
        nan at predict: the logit of class 0 for test sample 0174 is NaN after task 1: training diverged or the strategy divided by zero; lower its learning rate, or look for constant features
        wrong-shape at predict: strategy `faulty`: the logits should have shape [50, 5], not [50, 4]
    "#]].assert_eq(&summary(&table));

    // A flood is capped, with its beginning and its end.
    let logs = files(&dir.path("out/cells"));
    let flood = logs
        .iter()
        .find(|name| name.contains("flood-at-learn") && name.ends_with(".log"));
    let flood = fs::read_to_string(dir.path("out/cells").join(flood.unwrap())).unwrap();
    assert!(flood.len() < 2_200_000, "{}", flood.len());
    assert!(
        flood.starts_with("line 0 of useless output\n"),
        "{}",
        &flood[..100]
    );
    assert!(flood.contains("MiB left out …\n"));
    assert!(flood.ends_with("line 199999 of useless output\n"));
}

#[test]
fn a_fault_while_a_run_is_planned_ends_it_and_leaves_nothing() {
    let dir = Dir::new();
    let mut table = String::new();
    for fault in FAULTS.iter().chain(&["forged-answer"]) {
        for call in ["check", "create", "drop"] {
            let (name, parameters) = row(fault, call);
            scenario(
                &dir,
                &[(name.clone(), format!("{parameters}, later: false"))],
            );
            let outcome = dir
                .clbench(["validate", "s.yaml", "--plugin-dir", "plugins"])
                .outcome();
            let said = outcome
                .stderr
                .replace("plugin BUILD/examples/libmisbehaving.so", "PLUGIN");
            let last = said.lines().last().unwrap_or("good");
            let last = last.split(" at tests/").next().unwrap();
            assert!(matches!(outcome.code, 0 | 3), "{name}: {said}");
            assert_eq!(outcome.code == 0, said.is_empty(), "{name}: {said}");
            table += &format!("{name}: {last}\n");
            assert!(!dir.path("out").exists());
        }
    }
    expect![[r#"
        error at check, create: error: PLUGIN: strategy `faulty`: out of order
        error at drop: good
        panic at check: error: PLUGIN: strategy `faulty`: the plugin panicked in `check`: on purpose
        panic at create: error: PLUGIN: strategy `faulty`: the plugin panicked in `create`: on purpose
        panic at drop: good
        abort at check: error: checking strategy `abort-at-check` of PLUGIN: a plugin crashed the process (signal 6)
        abort at create: error: checking strategy `abort-at-create` of PLUGIN: a plugin crashed the process (signal 6)
        abort at drop: error: checking strategy `abort-at-drop` of PLUGIN: a plugin crashed the process (signal 6)
        segfault at check: error: checking strategy `segfault-at-check` of PLUGIN: a plugin crashed the process (signal 11)
        segfault at create: error: checking strategy `segfault-at-create` of PLUGIN: a plugin crashed the process (signal 11)
        segfault at drop: error: checking strategy `segfault-at-drop` of PLUGIN: a plugin crashed the process (signal 11)
        exit at check: error: checking strategy `exit-at-check` of PLUGIN: a plugin ended the process (exit status 0)
        exit at create: error: checking strategy `exit-at-create` of PLUGIN: a plugin ended the process (exit status 0)
        exit at drop: error: checking strategy `exit-at-drop` of PLUGIN: a plugin ended the process (exit status 0)
        forged-done at check, create, drop: error: a plugin ended the check before it was complete; this is a bug in the plugin, report it to its author
        forged-failed at check, create, drop: error: all is well
        false-alarm at check, create, drop: error: a false alarm
        half-a-line at check, create, drop: good
        garbage at check, create, drop: good
        flood at check, create, drop: good
        grandchild at check, create, drop: good
        forged-answer at check, create, drop: error: a plugin falsified the answer of the check; this is a bug in the plugin, report it to its author
    "#]].assert_eq(&summary(&table));
}

#[test]
fn a_crash_after_the_record_is_written_costs_nothing() {
    let dir = Dir::new();
    let rows = ["abort", "segfault", "exit"].map(|fault| row(fault, "last-drop"));
    let clean = row("none", "last-drop");
    let more = ["--save-predictions"];
    table(&dir, &[&rows[..], &[clean]].concat(), &more);
    let cells = dir.path("out/cells");
    let mut matrices = Vec::new();
    for name in files(&cells) {
        if name.ends_with(".json") && name.contains("-at-") {
            let record = fs::read_to_string(cells.join(&name)).unwrap();
            let record: Value = serde_json::from_str(&record).unwrap();
            matrices.push(record["matrices"].clone());
            assert!(
                cells
                    .join(name.replace(".json", ".predictions.csv"))
                    .exists()
            );
        }
    }
    assert_eq!(matrices.len(), 4);
    assert!(matrices.iter().all(|matrix| *matrix == matrices[0]));
}

/// Checks how the faults end that only a limit can end.
fn limited(fault: &str, more: &[&str], expected: &Expect) {
    let dir = Dir::new();
    let calls = CALLS.iter().filter(|call| **call != "last-drop");
    let rows: Vec<Row> = calls.map(|call| row(fault, call)).collect();
    let table = table(&dir, &rows, more);
    // How much is used when that is noticed differs.
    let settled = table
        .lines()
        .map(|line| match line.split_once("when it used ") {
            Some((before, after)) => {
                let (_, after) = after.split_once(',').unwrap();
                format!("{before}when it used N MiB,{after}\n")
            }
            None => format!("{line}\n"),
        });
    expected.assert_eq(&summary(&settled.collect::<String>()));
}

#[test]
fn a_strategy_that_hangs_is_ended() {
    limited(
        "hang",
        &["-j", "8", "--timeout", "8s"],
        &expect![[r#"
        hang at check: checking strategy `hang-at-check`: ended after 8s, the limit on its time (`limits.time`, `--timeout`)
        hang at create: creating strategy `hang-at-create`: ended after 8s, the limit on its time (`limits.time`, `--timeout`)
        hang at learn, state, restore, predict, drop: task 1/2: ended after 8s, the limit on its time (`limits.time`, `--timeout`)
    "#]],
    );
}

#[test]
fn a_strategy_that_fills_the_memory_is_ended() {
    limited(
        "leak",
        &["--memory-limit", "512MiB"],
        &expect![[r#"
            leak at check: checking strategy `leak-at-check`: ended when it used N MiB, more than 512MiB, the limit on its memory (`limits.memory`, `--memory-limit`)
            leak at create: creating strategy `leak-at-create`: ended when it used N MiB, more than 512MiB, the limit on its memory (`limits.memory`, `--memory-limit`)
            leak at learn, state, restore, predict, drop: task 1/2: ended when it used N MiB, more than 512MiB, the limit on its memory (`limits.memory`, `--memory-limit`)
        "#]],
    );
}
