//! What a file may ask for, and where it may be: no hang, no panic, no raw control character on a
//! terminal, whatever the file, the path or the standard streams are.

use clbench_tests::{Dir, Outcome, build};
use expect_test::expect;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const GOOD: &str = "\
seeds: [1]
stream: {tasks: 5}
backbones: {pixels: {parameters: {size: 8}}}
domains: {digits: {source: digits}}
strategies: {linear-head: {parameters: {epochs: 1}}}
";

/// A shell command; `$0` is clbench.
fn shell(dir: &Dir, command: &str) -> Outcome {
    let program = build().join("clbench").into_os_string();
    let args = ["-c".into(), command.into(), program];
    dir.program(Path::new("bash"), args).outcome()
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_fifo_or_a_device_is_not_opened() {
    let dir = Dir::new();
    dir.write("s.yaml", GOOD);
    mkfifo(&dir.path("fifo.yaml"));
    mkfifo(&dir.path("plugin.so"));
    mkfifo(&dir.path("classes.txt"));
    dir.write(
        "idx.yaml",
        GOOD.replace(
            "source: digits",
            "source: idx, path: ., classes: classes.txt",
        ),
    );
    dir.write("set/run.json", "");
    fs::remove_file(dir.path("set/run.json")).unwrap();
    mkfifo(&dir.path("set/run.json"));
    let said = |command: &str| {
        let outcome = shell(&dir, command);
        format!("{} {}", outcome.code, outcome.stderr)
    };
    expect![[r#"
        2 error: fifo.yaml: cannot read the file: not a regular file (it is a FIFO)
        2 error: /dev/zero: cannot read the file: not a regular file (it is a device)
        2 error: /dev/stdin: cannot read the file: it is longer than 16777216 bytes, the most that is read
        3 error: plugin plugin.so: cannot be read: not a regular file (it is a FIFO); check its permissions
        4 error: domain `digits`: DIR/classes.txt: cannot be read: not a regular file (it is a FIFO)
        1 error: cannot read `set/run.json`: not a regular file (it is a FIFO)
    "#]]
    .assert_eq(
        &[
            "$0 validate fifo.yaml",
            "$0 validate /dev/zero",
            "$0 validate /dev/stdin < /dev/zero",
            "$0 plugin inspect plugin.so",
            "$0 validate idx.yaml",
            "$0 leaderboard set",
        ]
        .map(said)
        .concat(),
    );
}

#[test]
fn a_shell_may_hand_over_a_scenario() {
    let dir = Dir::new();
    dir.write("s.yaml", format!("name: s\n{GOOD}"));
    for command in [
        "$0 validate <(cat s.yaml)",
        "cat s.yaml | $0 validate /dev/stdin",
        "$0 validate /dev/stdin < s.yaml",
    ] {
        let outcome = shell(&dir, command);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(
            outcome.stdout.contains("is valid: 1 stream"),
            "{}",
            outcome.stdout
        );
    }
}

#[test]
fn more_cells_than_anyone_runs_are_counted() {
    let values: Vec<u32> = (1..=100).collect();
    let keys = [
        "epochs",
        "lr",
        "momentum",
        "batch_size",
        "weight_decay",
        "init_std",
    ];
    let grid: Vec<String> = keys
        .iter()
        .map(|key| format!("{key}: {values:?}"))
        .collect();
    let grid = format!("linear-head: {{grid: {{{}}}}}", grid.join(", "));
    let dir = Dir::new();
    dir.write(
        "s.yaml",
        GOOD.replace("linear-head: {parameters: {epochs: 1}}", &grid),
    );
    let outcome = dir.clbench(["run", "s.yaml"]).outcome();
    assert_eq!(outcome.code, 2);
    expect![[r#"
        error: s.yaml:5: strategies.linear-head.grid: the scenario has 1,000,000,000,000 cells (1,000,000,000,000 strategy rows × 1 stream × 1 seed), and at most 100,000 are allowed; list fewer values, or divide it into several scenarios
    "#]]
    .assert_eq(&outcome.stderr);
}

/// The folder with a class whose name clears a terminal.
fn dangerous(dir: &Dir) {
    for (class, name) in [("a", "\u{1b}[2J\rcat\u{202e}"), ("b", "dog")] {
        for split in ["train", "test"] {
            for number in 0..2 {
                let path = dir.write(&format!("set/{split}/{name}/{class}{number}.png"), "");
                let image = image::RgbImage::from_pixel(2, 2, image::Rgb([number, 7, 9]));
                image.save(path).unwrap();
            }
        }
    }
    let domain = "source: image-folder, path: set, templates: [\"\\e[31m{}\"]";
    let text = GOOD
        .replace("source: digits", domain)
        .replace("tasks: 5", "tasks: 2");
    dir.write("s.yaml", text);
}

#[test]
fn control_characters_never_reach_a_terminal() {
    let dir = Dir::new();
    dangerous(&dir);
    let shown = |outcome: &Outcome| {
        let text = format!("{}{}", outcome.stdout, outcome.stderr);
        let raw = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(raw), "{text:?}");
        text
    };
    let validated = shown(&dir.clbench(["validate", "s.yaml"]).succeeds());
    assert!(
        validated.contains("\\u{1b}[2J\\u{d}cat\\u{202e}, dog"),
        "{validated}"
    );
    shown(&dir.clbench(["run", "s.yaml"]).succeeds());
    // Damage, whose message has the name.
    fs::write(dir.path("set/train/\u{1b}[2J\rcat\u{202e}/a0.png"), "x").unwrap();
    let outcome = dir.clbench(["validate", "s.yaml"]).outcome();
    assert_eq!(outcome.code, 4);
    assert!(shown(&outcome).contains("set/train/\\u{1b}[2J\\u{d}cat\\u{202e}/a0.png: not a PNG"));
    // A scenario that is not what it seems.
    dir.write("bad.yaml", GOOD.replace("digits:", "\"\\e]0;x\\a\":"));
    let outcome = dir.clbench(["validate", "bad.yaml"]).outcome();
    assert_eq!(outcome.code, 2);
    assert!(shown(&outcome).contains("\\u{1b}]0;x\\u{7}"));
}

#[test]
fn nobody_has_to_listen() {
    let dir = Dir::new();
    dir.write("s.yaml", GOOD);
    let cases = [
        ("$0 validate s.yaml > /dev/full", 1),
        ("$0 validate nothing.yaml 2> /dev/full", 2),
        ("$0 validate nothing.yaml 2>&-", 2),
        ("$0 validate s.yaml >&-", 0),
        ("$0 validate s.yaml | true; exit ${PIPESTATUS[0]}", 0),
        ("$0 run s.yaml 2> /dev/full", 0),
        ("$0 run s.yaml --out a 2>&- >&-", 0),
        (
            "$0 run s.yaml --out b 2> >(true) | true; exit ${PIPESTATUS[0]}",
            0,
        ),
        ("$0 run s.yaml --out c > /dev/full", 1),
    ];
    for (command, code) in cases {
        let outcome = shell(&dir, command);
        assert_eq!(outcome.code, code, "{command}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    }
    assert!(dir.path("b/leaderboard.csv").exists());
}

/// A folder whose name is not UTF-8.
fn not_unicode(dir: &Dir, name: &[u8]) -> PathBuf {
    let name = OsString::from_vec([name, b"\xff"].concat());
    let folder = dir.path("x").with_file_name(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_path_that_is_not_unicode_works_or_is_refused() {
    let dir = Dir::new();
    let (scenarios, out) = (not_unicode(&dir, b"s"), not_unicode(&dir, b"out"));
    let (cache, temporary) = (not_unicode(&dir, b"cache"), not_unicode(&dir, b"tmp"));
    let scenario = dir.write("s.yaml", GOOD);
    let args: [&OsStr; 4] = [
        "run".as_ref(),
        scenario.as_ref(),
        "--out".as_ref(),
        out.as_ref(),
    ];
    dir.clbench(args)
        .env("CLBENCH_CACHE", &cache)
        .env("TMPDIR", &temporary)
        .succeeds();
    assert!(out.join("leaderboard.csv").exists() && cache.join("features").exists());

    let inside = scenarios.join("s.yaml");
    fs::copy(&scenario, &inside).unwrap();
    let call = |command: &str, path: &Path| {
        let outcome = dir
            .clbench::<&OsStr>([command.as_ref(), path.as_ref()])
            .outcome();
        format!("{} {}", outcome.code, outcome.stderr)
    };
    assert_eq!(call("validate", &inside), call("run", &inside));
    expect![[r#"
        2 error: the path of the scenario's folder is not valid UTF-8: DIR/s�; rename the folder, or move the scenario to another
    "#]]
    .assert_eq(&call("run", &inside));
    let plugin = scenarios.join("plugin.so");
    fs::write(&plugin, "x").unwrap();
    let outcome = dir
        .clbench::<&OsStr>(["plugin".as_ref(), "inspect".as_ref(), plugin.as_ref()])
        .outcome();
    expect![[r#"
        error: plugin DIR/s�/plugin.so: its path is not valid UTF-8; rename it, or move it to another folder
    "#]]
    .assert_eq(&outcome.stderr);
}

/// The cache is gone, again and again, while the run goes on: it is created again, or missed in one
/// message.
#[test]
fn a_cache_that_disappears_is_no_bug() {
    let dir = Dir::new();
    dir.write("s.yaml", GOOD);
    let child = dir.clbench(["run", "s.yaml"]).start();
    let over = std::sync::atomic::AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = fs::remove_dir_all(dir.path("cache"));
            }
        });
        let output = child.wait_with_output().unwrap();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        dir.outcome(&output)
    });
    match outcome.code {
        0 => assert!(dir.path("results/runs/s/leaderboard.csv").exists()),
        code => {
            assert_eq!(code, 1, "{}", outcome.stderr);
            let begin = "error: feature cache DIR/cache/features";
            assert!(outcome.stderr.contains(begin), "{}", outcome.stderr);
            let fix = "set CLBENCH_CACHE to a writable folder";
            assert!(outcome.stderr.contains(fix), "{}", outcome.stderr);
        }
    }
}
