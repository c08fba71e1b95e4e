//! The processes of a run: their limits, what they start, and the signals that they get.

use clbench_tests::{Dir, Outcome, build, misbehaving, nearest_class_mean};
use expect_test::expect;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStderr};
use std::thread;
use std::time::{Duration, Instant};

/// A folder with a scenario of these strategies, a line each, and with their plugins.
fn folder(top: &str, strategies: &[&str]) -> Dir {
    let dir = Dir::new();
    let strategies: String = strategies
        .iter()
        .map(|line| format!("  {line}\n"))
        .collect();
    let yaml = format!(
        "{top}seeds: [1992]\nstream: {{tasks: 2}}\nbackbones: {{pixels: {{parameters: {{size: 8}}}}}}\n\
         domains: {{digits: {{source: digits}}}}\nstrategies:\n{strategies}"
    );
    dir.write("scenario.yaml", yaml);
    dir.link_plugins(&[misbehaving(), nearest_class_mean()]);
    dir
}

// The third-party plugin, because it is quicker to load than the built-in one.
const GOOD: &str = "nearest-class-mean: {plugin: plugins/libnearest_class_mean.so}";

const RUN: [&str; 8] = [
    "run",
    "scenario.yaml",
    "--plugin-dir",
    "plugins",
    "--limit",
    "5",
    "--out",
    "out",
];

/// The text without what differs between runs: times, hashes, and how much memory was in use.
fn settled(text: &str) -> String {
    let mut settled = String::new();
    for line in text.lines() {
        let line = match line.rsplit_once("  ") {
            Some((what, time)) if time.ends_with(" s") => what,
            _ => line,
        };
        let words = line
            .split(' ')
            .map(|word| match word.split_once("-s1992-") {
                Some((cell, _)) => format!("{cell}-s1992-HASH.log"),
                None => word.to_owned(),
            });
        let mut words: Vec<String> = words.collect();
        if let Some(at) = words.iter().position(|word| word == "used") {
            words[at + 1] = "N".to_owned();
            words[at + 2] = "MiB,".to_owned();
        }
        settled += &(words.join(" ") + "\n");
    }
    settled
}

/// Waits until there is something, at most a minute.
fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        if let Some(found) = found() {
            return found;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("timed out waiting for {what}");
}

fn gone(what: &str, process: u32) {
    wait_for(what, || state(process).is_none().then_some(()));
}

/// The state of a process, such as `S`; nothing if it has ended.
fn state(process: u32) -> Option<char> {
    let state = stat(process)?.split(' ').next()?.chars().next()?;
    // A process whose parent has ended is a zombie until another one has waited for it.
    (state != 'Z').then_some(state)
}

fn parent(process: u32) -> Option<u32> {
    stat(process)?.split(' ').nth(1)?.parse().ok()
}

/// The fields of a process, from its state on.
fn stat(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

/// The number of the process that the strategy `leaves-a-process` has started.
fn left_process(out: &Path) -> u32 {
    wait_for("a process that stays", || {
        let cells = fs::read_dir(out.join("cells")).ok()?;
        let logs = cells.filter_map(|entry| {
            let path = entry.ok()?.path();
            path.extension()
                .is_some_and(|ending| ending == "log")
                .then_some(path)
        });
        logs.filter_map(|log| {
            let log = fs::read(log).ok()?;
            let log = String::from_utf8_lossy(&log).into_owned();
            let (_, after) = log.split_once("started ")?;
            after.split_once('.')?.0.parse().ok()
        })
        .next()
    })
}

fn send(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(process as i32).unwrap(), signal).unwrap();
}

/// Starts the run of a cell that leaves a process and waits, with SIGINT set as `env` is told.
fn start(dir: &Dir, sigint: &str) -> Child {
    let program = build().join("clbench").display().to_string();
    let args = [sigint, program.as_str()].into_iter().chain(RUN);
    dir.program(Path::new("env"), args)
        .env("MISBEHAVING_SLEEPS", "1")
        .start()
}

/// SIGINT does what it does in a terminal, even if the tests were started with SIGINT ignored.
const INT: &str = "--default-signal=INT";

fn ended(dir: &Dir, process: Child) -> Outcome {
    dir.outcome(&process.wait_with_output().unwrap())
}

/// Reads standard error until it contains this text.
fn read_until(stderr: &mut ChildStderr, text: &str) -> String {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while stderr.read_exact(&mut byte).is_ok() {
        read.push(byte[0]);
        if read.ends_with(text.as_bytes()) {
            break;
        }
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn a_cell_over_its_limit_fails_and_the_others_go_on() {
    let dir = folder(
        "",
        &[
            "deaf:",
            "leaks:",
            "leaks-elsewhere: {use: leaks, parameters: {elsewhere: true}}",
            GOOD,
        ],
    );
    let limits = ["--timeout", "10s", "--memory-limit", "200MiB"];
    let run = dir.clbench(RUN.iter().chain(&limits).chain(&["-j", "4"]));
    let outcome = run.outcome();
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    let mut lines: Vec<String> = settled(&outcome.stderr)
        .lines()
        .map(str::to_owned)
        .collect();
    for line in &mut lines {
        if let Some((_, rest)) = line.split_once("] ") {
            *line = rest.to_owned();
        }
    }
    lines.sort();
    expect![[r#"
            log: out/cells/digits-deaf-s1992-HASH.log
            log: out/cells/digits-leaks-elsewhere-s1992-HASH.log
            log: out/cells/digits-leaks-s1992-HASH.log
            | falling asleep
        digits · deaf · seed 1992  failed: task 1/2: ended after 10s, the limit on its time (`limits.time`, `--timeout`)
        digits · features of pixels
        digits · leaks · seed 1992  failed: task 1/2: ended when it used N MiB, more than 200MiB, the limit on its memory (`limits.memory`, `--memory-limit`)
        digits · leaks-elsewhere · seed 1992  failed: task 1/2: ended when it used N MiB, more than 200MiB, the limit on its memory (`limits.memory`, `--memory-limit`)
        digits · nearest-class-mean · seed 1992
        error: 3 of 4 cells failed; add --retry-failed to run them again
        results are in out"#]].assert_eq(&lines.join("\n"));
    assert!(outcome.stdout.contains("nearest-class-mean"));
}

#[test]
fn the_limits_of_a_scenario_travel_with_its_cells() {
    let dir = folder("limits: {time: 5s}\n", &["deaf:", GOOD]);
    let outcome = dir.clbench(RUN).outcome();
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    expect![[r#"
        digits · features of pixels
        [1/2] digits · deaf · seed 1992  failed: task 1/2: ended after 5s, the limit on its time (`limits.time`, `--timeout`)
            log: out/cells/digits-deaf-s1992-HASH.log
            | falling asleep
        [2/2] digits · nearest-class-mean · seed 1992
        results are in out
        error: 1 of 2 cells failed; add --retry-failed to run it again
    "#]].assert_eq(&settled(&outcome.stderr));

    // A cluster runs lines of the plan.
    let plan = ["plan", "scenario.yaml", "--plugin-dir", "plugins", "--json"];
    let plan = dir.clbench(plan.iter().chain(&["--limit", "5"])).start();
    let plan = plan.wait_with_output().unwrap().stdout;
    let plan = String::from_utf8(plan).unwrap();
    let mut cells = Vec::new();
    for (number, line) in plan.lines().enumerate() {
        let line = dir.write(&format!("{number}.json"), line);
        let outcome = dir
            .clbench(["cell", "--out", "other"])
            .input(&line)
            .outcome();
        cells.push((outcome.code, settled(&outcome.stderr)));
    }
    expect![[r#"
        [
            (
                3,
                "digits · deaf · seed 1992: task 1/2\nerror: task 1/2: ended after 5s, the limit on its time (`limits.time`, `--timeout`)\n    log: other/cells/digits-deaf-s1992-HASH.log\n    | falling asleep\n",
            ),
            (
                0,
                "digits · nearest-class-mean · seed 1992: task 1/2\ndigits · nearest-class-mean · seed 1992: task 2/2\ndigits · nearest-class-mean · seed 1992\n",
            ),
        ]"#]].assert_eq(&format!("{cells:#?}"));
}

#[test]
fn a_process_that_a_plugin_leaves_ends_with_its_cell() {
    let dir = folder("", &["leaves-a-process:"]);
    dir.clbench(RUN).succeeds();
    assert_eq!(state(left_process(&dir.path("out"))), None);
}

#[test]
fn the_first_ctrl_c_says_what_it_waits_for_and_what_a_second_does() {
    let dir = folder("", &["leaves-a-process: {parameters: {deaf: true}}"]);
    let mut process = start(&dir, INT);
    let left = left_process(&dir.path("out"));
    let cell = parent(left).unwrap();
    send(process.id(), Signal::INT);
    let mut stderr = process.stderr.take().unwrap();
    let said = read_until(&mut stderr, "kill it\n");
    expect![[r#"
        digits · features of pixels
        interrupted; waiting for 1 cell to end after its current step; press Ctrl-C again to kill it
    "#]]
    .assert_eq(&settled(&said));
    assert!(state(cell).is_some() && state(left).is_some());
    send(process.id(), Signal::INT);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    expect![[r#"
        killed 1 cell
        error: interrupted; run again to resume
    "#]]
    .assert_eq(&rest);
    assert_eq!(ended(&dir, process).code, 130);
    assert_eq!((state(cell), state(left)), (None, None));
}

#[test]
fn a_process_that_a_plugin_leaves_ends_with_an_interrupted_cell() {
    let dir = folder("", &["leaves-a-process:"]);
    let process = start(&dir, INT);
    let left = left_process(&dir.path("out"));
    send(process.id(), Signal::INT);
    let outcome = ended(&dir, process);
    assert_eq!(outcome.code, 130, "{}", outcome.stderr);
    assert_eq!(state(left), None);
}

#[test]
fn a_killed_run_leaves_no_processes() {
    let dir = folder("", &["leaves-a-process:"]);
    let mut process = start(&dir, INT);
    let left = left_process(&dir.path("out"));
    let cell = parent(left).unwrap();
    send(process.id(), Signal::KILL);
    process.wait().unwrap();
    gone("the cell's end", cell);
    gone("the end of what it started", left);
}

#[test]
fn ctrl_z_stops_everything_and_fg_continues_it() {
    let dir = folder("", &["leaves-a-process:"]);
    let process = start(&dir, INT);
    let left = left_process(&dir.path("out"));
    let all = [process.id(), parent(left).unwrap(), left];
    let stopped = |stopped: bool| {
        let states = all.map(state);
        let all = states.iter().all(|state| (*state == Some('T')) == stopped);
        all.then_some(())
    };
    send(process.id(), Signal::TSTP);
    wait_for("a stop", || stopped(true));
    send(process.id(), Signal::CONT);
    wait_for("a continuation", || stopped(false));
    send(process.id(), Signal::TERM);
    assert_eq!(ended(&dir, process).code, 130);
    assert_eq!(state(left), None);
}

#[test]
fn a_run_that_ignores_ctrl_c_ends_with_sigterm() {
    let dir = folder("", &["leaves-a-process:"]);
    let mut process = start(&dir, "--ignore-signal=INT");
    let left = left_process(&dir.path("out"));
    let cell = parent(left).unwrap();
    for process in [process.id(), cell] {
        send(process, Signal::INT);
    }
    thread::sleep(Duration::from_millis(300));
    assert!(process.try_wait().unwrap().is_none());
    assert!(state(cell).is_some());
    send(process.id(), Signal::TERM);
    let outcome = ended(&dir, process);
    assert_eq!(outcome.code, 130);
    expect![[r#"
        digits · features of pixels
        interrupted; waiting for 1 cell to end after its current step; send SIGTERM again to kill it
        error: interrupted; run again to resume
    "#]]
    .assert_eq(&settled(&outcome.stderr));
    assert_eq!((state(cell), state(left)), (None, None));
}
