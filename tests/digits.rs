//! A scenario from its file to its leaderboard: the digits on plain pixels.

use crate::leaderboard::Means;
use clbench_tests::{Dir, nearest_class_mean, root};
use harness::results::CellRecord;
use std::fs;
use std::path::Path;

fn run(dir: &Dir, out: &str, more: &[&str]) -> clbench_tests::Outcome {
    nearest_class_mean();
    let scenario = root().join("scenarios/digits.yaml");
    let mut args = vec!["run", scenario.to_str().unwrap(), "--out", out];
    args.extend(more);
    dir.clbench(args).succeeds()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_sequential_head_forgets_and_the_joint_head_is_best() {
    let dir = Dir::new();
    let outcome = run(&dir, "out", &[]);
    let means = Means::read(&dir, "out/leaderboard.csv");
    let mean = |strategy: &str, metric: &str| means.of("digits", strategy, metric);
    let forgetting = |strategy| mean(strategy, "forgetting-seen");
    assert!(forgetting("linear-head") > forgetting("nearest-class-mean") + 50.0);
    for strategy in ["nearest-class-mean", "linear-head"] {
        assert!(mean("linear-head-joint", "faa") > mean(strategy, "faa") + 2.0);
    }
    assert_eq!(
        means.get("digits", "linear-head-joint", "forgetting-seen"),
        None,
        "a joint run has nothing to forget"
    );
    // The printed table equals the written one.
    let faa = format!("{:.2}", mean("nearest-class-mean", "faa"));
    assert!(outcome.stdout.contains(&faa), "{}", outcome.stdout);
}

#[test]
fn equal_runs_give_equal_bytes_with_any_number_of_jobs() {
    let dir = Dir::new();
    run(&dir, "one", &[]);
    run(&dir, "two", &["-j", "3"]);
    for name in ["accuracy.csv", "metrics.csv", "leaderboard.csv"] {
        let (one, two) = (format!("one/{name}"), format!("two/{name}"));
        assert_eq!(read(&dir.path(&one)), read(&dir.path(&two)), "{name}");
    }
}

#[test]
fn running_again_runs_only_missing_cells() {
    let dir = Dir::new();
    let first = run(&dir, "out", &[]);
    assert_eq!(first.stderr.matches("nearest-class-mean · seed").count(), 3);
    let again = run(&dir, "out", &[]);
    assert_eq!(
        again.stderr,
        "9 of 9 cells already have results\nresults are in out\n"
    );
    assert_eq!(again.stdout, first.stdout);

    // One record missing, one damaged, one in an old format, one made by a different plugin file.
    let records = |part: &str| {
        let mut paths: Vec<_> = fs::read_dir(dir.path("out/cells"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.contains(part) && name.ends_with(".json")
            })
            .collect();
        paths.sort();
        paths
    };
    let ncm = records("nearest-class-mean");
    fs::remove_file(&ncm[0]).unwrap();
    let cut = &read(&ncm[1])[..100];
    fs::write(&ncm[1], cut).unwrap();
    let old = &records("linear-head-joint")[0];
    fs::write(old, r#"{"format":1,"id":"what an earlier clbench wrote"}"#).unwrap();
    let joint = &records("linear-head-joint")[2];
    let mut record = CellRecord::read(joint).unwrap();
    record.cell.strategy.plugin.hash = "0".repeat(64);
    record.write_atomic(joint).unwrap();

    let third = run(&dir, "out", &[]);
    let said: Vec<_> = third
        .stderr
        .lines()
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    assert_eq!(
        said,
        [
            "digits · nearest-class-mean · seed 1996: its record is damaged or was changed; running it again",
            "digits · linear-head-joint · seed 1992: its record has a different format; running it again",
            "digits · linear-head-joint · seed 1997: its record was made by a different plugin file; running it again",
            "5 of 9 cells already have results",
            "digits · features of pixels",
            "[6/9] digits · nearest-class-mean · seed 1992",
            "[7/9] digits · nearest-class-mean · seed 1996",
            "[8/9] digits · linear-head-joint · seed 1992",
            "[9/9] digits · linear-head-joint · seed 1997",
            "results are in out",
        ]
    );
    assert_eq!(third.stdout, first.stdout);
}
