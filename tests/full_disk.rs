//! A disk that becomes full at any write of a run: it is reported as that, nobody else is blamed,
//! what was finished is kept, and once there is space, the same command completes the run.

use crate::tables::files;
use clbench_tests::{Dir, Outcome, build, misbehaving, nearest_class_mean, skip};
use expect_test::expect;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

const SCENARIO: &str = "\
seeds: [1, 2]
stream: {tasks: 2}
domains: {pictures: {source: digits}}
backbones: {pixels: {parameters: {size: 8}}}
strategies: {nearest-class-mean: {plugin: plugins/libnearest_class_mean.so}}
";

/// How this user can mount a disk in a namespace of their own.
fn namespace() -> Option<&'static str> {
    ["-m", "-rm"].into_iter().find(|flags| {
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs none /mnt";
        command
            .args([flags, "sh", "-c", script])
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// The first run, on a small disk, and the second one, after the disk has grown.
struct Two {
    first: Outcome,
    /// The files on the disk after the first one.
    left: Vec<String>,
    second: Outcome,
    records: usize,
}

/// Runs the scenario twice on a disk with this limit, which is removed after the first run.
fn twice(namespace: &str, limit: &str) -> Two {
    let dir = Dir::new();
    dir.write("s.yaml", SCENARIO);
    fs::create_dir(dir.path("plugins")).unwrap();
    for file in [misbehaving(), nearest_class_mean()] {
        symlink(file, dir.path("plugins").join(file.file_name().unwrap())).unwrap();
    }
    fs::create_dir(dir.path("disk")).unwrap();
    let run = "\"$0\" run s.yaml --plugin-dir plugins --limit 5 --save-predictions --out disk/out";
    let script = format!(
        "set -e
        mount -t tmpfs -o size=16m,nr_inodes=1000,{limit} none disk
        export CLBENCH_CACHE=disk/cache
        code=0; {run} > first.out 2> first.err || code=$?; echo $code > first.code
        cp -a disk first
        mount -o remount,size=16m,nr_inodes=1000 disk
        code=0; {run} > second.out 2> second.err || code=$?; echo $code > second.code
        cp -a disk second"
    );
    let program = build().join("clbench");
    let args = [namespace, "bash", "-c", &script, program.to_str().unwrap()];
    dir.program(Path::new("unshare"), args).succeeds();
    let read = |name: &str| fs::read_to_string(dir.path(name)).unwrap();
    let outcome = |name: &str| Outcome {
        code: read(&format!("{name}.code")).trim().parse().unwrap(),
        stdout: read(&format!("{name}.out")),
        stderr: read(&format!("{name}.err")),
    };
    Two {
        first: outcome("first"),
        left: files(&dir.path("first")),
        second: outcome("second"),
        records: records(&files(&dir.path("second"))),
    }
}

/// How many records are among these files.
fn records(files: &[String]) -> usize {
    let record = |name: &&String| name.starts_with("out/cells/") && name.ends_with(".json");
    files.iter().filter(record).count()
}

/// Which kind of file could not be written, by the message.
fn kind(message: &str) -> &'static str {
    // The most telling words first.
    let kinds = [
        ("predictions.csv", "predictions"),
        ("out/cells/", "record"),
        ("run.json", "run.json"),
        ("plan.jsonl", "plan.jsonl"),
        (".csv", "table"),
        ("cache", "features"),
        ("out", "run folder"),
    ];
    let found = kinds.iter().find(|(word, _)| message.contains(word));
    found.unwrap_or_else(|| panic!("{message}")).1
}

/// Runs on disks with each of these limits, and returns which kinds of files did not fit.
fn tried(namespace: &str, limits: impl Iterator<Item = String>) -> BTreeSet<&'static str> {
    let mut kinds = BTreeSet::new();
    let (mut whole, mut table) = (0, None);
    for limit in limits {
        let Two {
            first,
            left,
            second,
            records: last,
        } = twice(namespace, &limit);
        let said = &first.stderr;
        match first.code {
            0 => whole += 1,
            1 => {
                let message = said.lines().last().unwrap();
                assert!(
                    message.starts_with("error: the disk is full: "),
                    "{limit}: {said}"
                );
                assert!(
                    message.contains("No space left on device"),
                    "{limit}: {said}"
                );
                kinds.insert(kind(message));
            }
            code => panic!("{limit}: exit code {code}: {said}"),
        }
        // A log without space is not worth more than a warning.
        if said.contains("\nwarning: cannot write log ") {
            kinds.insert("log");
        }
        for blame in ["plugin", "signal", "failed", "internal error"] {
            assert!(
                !said.replace("output of plugins", "").contains(blame),
                "{limit}: {said}"
            );
        }
        let half_made = left.iter().find(|name| name.ends_with(".part"));
        assert_eq!(half_made, None, "{limit}: {said}");

        assert_eq!(
            second.code, 0,
            "{limit}: {}\n{}",
            first.stderr, second.stderr
        );
        assert_eq!(last, 2, "{limit}");
        let kept = match records(&left) {
            0 => String::new(),
            1 => "1 of 2 cells already have results\n".into(),
            _ => "2 of 2 cells already have results\n".into(),
        };
        assert!(second.stderr.contains(&kept), "{limit}: {}", second.stderr);
        assert_eq!(
            *table.get_or_insert_with(|| second.stdout.clone()),
            second.stdout
        );
        if whole == 3 {
            return kinds;
        }
    }
    panic!("the largest disk was too small");
}

#[test]
fn a_disk_that_fills_at_any_write_is_named_and_nothing_finished_is_lost() {
    let Some(namespace) = namespace() else {
        skip("this user cannot mount a small disk");
        return;
    };
    // By the number of files: each new file in turn is one too many.
    let mut kinds = tried(
        namespace,
        (2..60).map(|inodes| format!("nr_inodes={inodes}")),
    );
    // By their sizes: each block in turn is one too many.
    kinds.extend(tried(
        namespace,
        (1..300).map(|pages| format!("size={}k", 4 * pages)),
    ));
    let kinds: Vec<_> = kinds.into_iter().collect();
    assert_eq!(
        kinds,
        [
            "features",
            "log",
            "plan.jsonl",
            "predictions",
            "record",
            "run folder",
            "run.json",
            "table",
        ]
    );
}

#[test]
fn the_limit_on_the_size_of_a_file_is_named_too() {
    let dir = Dir::new();
    // 72 MB of features.
    dir.write("s.yaml", SCENARIO.replace("size: 8", "size: 100"));
    fs::create_dir(dir.path("plugins")).unwrap();
    let plugin = nearest_class_mean();
    symlink(
        plugin,
        dir.path("plugins").join(plugin.file_name().unwrap()),
    )
    .unwrap();
    let program = build().join("clbench");
    let script = "ulimit -f 50000; \"$0\" run s.yaml --plugin-dir plugins --out out";
    let args = ["-c", script, program.to_str().unwrap()];
    let outcome = dir.program(Path::new("bash"), args).outcome();
    assert_eq!(
        (outcome.code, &*outcome.stdout),
        (1, ""),
        "{}",
        outcome.stderr
    );
    let error = outcome.stderr.lines().last().unwrap();
    expect!["error: a file would be larger than it may be: cannot write DIR/cache/features: File too large (os error 27); raise the limit (`ulimit -f`), or use a file system that allows larger files, then run the same command again: what is finished is kept"]
        .assert_eq(error);
    assert_eq!(files(&dir.path("cache")), [""; 0]);
}
