//! Packed results: the records of a run folder in one file.

use crate::commands::ran;
use clbench_tests::nearest_class_mean;
use expect_test::expect;
use std::fs;

#[test]
fn a_file_stands_for_its_folder() {
    let (dir, _) = ran();
    let pack = [
        "results",
        "pack",
        "results/runs/tiny",
        "--out",
        "tiny.records",
    ];
    let packed = dir.clbench(pack).succeeds().stdout;
    let (what, _) = packed.split_once(" in ").unwrap();
    assert_eq!(what, "tiny.records: 2 records");
    let leaderboard = |dirs: &[&str]| {
        let args = ["leaderboard", "--format", "csv"];
        dir.clbench(args.iter().chain(dirs)).succeeds().stdout
    };
    let folder = leaderboard(&["results/runs/tiny"]);
    assert_eq!(leaderboard(&["tiny.records"]), folder);
    assert_eq!(leaderboard(&["tiny.records", "results/runs/tiny"]), folder);

    // Its records are verified, and the tables beside it.
    let verify = |more: &[&str]| {
        let args = ["results", "verify", "tiny.records"];
        dir.clbench(args.iter().chain(more)).outcome()
    };
    for table in ["metrics", "leaderboard"] {
        let from = dir.path(&format!("results/runs/tiny/{table}.csv"));
        fs::copy(from, dir.path(&format!("tiny.{table}.csv"))).unwrap();
    }
    let again = verify(&["--rerun", "1", "--scenario", "tiny.yaml"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let (tables, again) = again.stdout.split_once("  run again ").unwrap();
    expect![[r#"
        tiny.records
          records           2 of 2 are whole
          metrics.csv       the same when made again
          leaderboard.csv   the same when made again
    "#]]
    .assert_eq(tables);
    assert!(again.contains("the same, bit for bit"), "{again}");
    let text = fs::read_to_string(dir.path("tiny.records")).unwrap();
    let edited = text.replacen(",1996,", ",1997,", 1);
    assert_ne!(edited, text);
    dir.write("tiny.records", edited);
    let edited = verify(&[]);
    assert_eq!(edited.code, 4, "{}", edited.stdout);
    assert!(
        edited.stdout.contains("1 of 2 are whole"),
        "{}",
        edited.stdout
    );
}

#[test]
fn the_results_of_others_stand_beside_yours() {
    let (dir, _) = ran();
    let pack = [
        "results",
        "pack",
        "results/runs/tiny",
        "--out",
        "tiny.records",
    ];
    dir.clbench(pack).succeeds();
    // A scenario of another name with a row in common.
    let plugin = nearest_class_mean().display();
    let mine = format!(
        "extends: tiny.yaml\nname: mine\nstrategies:\n  \
         mine: {{use: nearest-class-mean, plugin: {plugin}, parameters: {{shrinkage: 1000}}}}\n"
    );
    dir.write("mine.yaml", mine);
    dir.clbench(["run", "mine.yaml"]).succeeds();
    let args = ["leaderboard", "tiny.records", "results/runs/mine"];
    let both = dir
        .clbench(args.iter().chain(&["--metric", "faa"]))
        .succeeds();
    expect![[r#"
        digits
        #  strategy            keeps                  faa
                                                      % ↑
        ──────────────────────────────────────────────────
        1  nearest-class-mean  statistics  * 88.82 ± 0.01
        2  mine                statistics    87.79 ± 0.00
        * best
        5 tasks; seeds 1992, 1996; mean ± standard deviation over seeds; split 6b349533569d, images 2e51b4db60a0
    "#]]
    .assert_eq(&both.stdout);
}

#[test]
fn other_files_are_neither_read_nor_replaced() {
    let (dir, _) = ran();
    dir.write("page.md", "# Results\n");
    let pack = ["results", "pack", "results/runs/tiny", "--out", "page.md"];
    let refused = dir.clbench(pack).outcome();
    assert_eq!(refused.code, 2);
    expect![[r#"
        error: `page.md` exists and is not a file of packed results; choose another with `--out`
    "#]]
    .assert_eq(&refused.stderr);
    let refused = dir.clbench(["leaderboard", "page.md"]).outcome();
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    expect![[r#"
        error: `page.md` is neither a run folder nor packed results; name a folder that `clbench run` wrote, such as `results/runs/<scenario>`, or a file that `clbench results pack` wrote
    "#]]
    .assert_eq(&refused.stderr);
}
