//! Scenarios that build on others, as the user of a new strategy runs them.

use clbench_tests::{Dir, misbehaving, nearest_class_mean};
use expect_test::expect;
use std::fs;

/// A scenario, and in another folder one that adds a row to it; its paths are relative.
fn scenarios() -> Dir {
    let dir = Dir::new();
    dir.link_plugins(&[nearest_class_mean()]);
    dir.write(
        "base.yaml",
        "seeds: [1992, 1996]\n\
         stream: {tasks: 5, class_order: {numpy: seed}}\n\
         domains: {digits: {source: digits}}\n\
         backbones: {pixels: {parameters: {size: 8}}}\n\
         strategies: {nearest-class-mean: {plugin: plugins/libnearest_class_mean.so}}\n",
    );
    let strategies = |shrinkage: u32, plugins: &str| {
        format!(
            "strategies:\n  mine: {{use: nearest-class-mean, plugin: {plugins}/libnearest_class_mean.so, \
             parameters: {{shrinkage: {shrinkage}}}}}\n"
        )
    };
    let extends = "extends: ../base.yaml\n".to_owned() + &strategies(1000, "../plugins");
    dir.write("mine/mine.yaml", extends);
    dir.write("part.yaml", strategies(10, "plugins"));
    dir
}

/// The lines about cells, without their times.
fn cells(stderr: &str) -> String {
    let lines = stderr
        .lines()
        .filter(|line| line.starts_with('[') || line.contains("already"));
    let lines = lines.map(|line| match line.starts_with('[') {
        true => line.rsplit_once("  ").map_or(line, |(cell, _)| cell),
        false => line,
    });
    lines.map(|line| line.to_owned() + "\n").collect()
}

#[test]
fn only_the_cells_of_the_new_row_are_run_and_the_table_has_all_rows() {
    let dir = scenarios();
    dir.clbench(["run", "base.yaml"]).succeeds();
    let mine = dir.clbench(["run", "mine/mine.yaml"]).succeeds();
    expect![[r#"
        2 of 4 cells already have results
        [3/4] digits · mine · seed 1992
        [4/4] digits · mine · seed 1996
    "#]]
    .assert_eq(&cells(&mine.stderr));
    let table = |args: &[&str]| {
        let args = ["leaderboard", "results/runs/base", "--metric", "faa"]
            .iter()
            .chain(args);
        dir.clbench(args).succeeds()
    };
    let shown = table(&[]);
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
    .assert_eq(&shown.stdout);
    assert_eq!(shown.stderr, "");

    // The base on its own has its own rows. Nothing is lost.
    let base = dir.clbench(["run", "base.yaml"]).succeeds();
    expect![[r#"
        2 of 2 cells already have results
    "#]]
    .assert_eq(&cells(&base.stderr));
    let base = table(&[]);
    assert!(!base.stdout.contains("mine"), "{}", base.stdout);
    assert_eq!(
        base.stderr,
        "note: 2 records of earlier plans in results/runs/base are not shown; `--all` shows them\n"
    );
    assert_eq!(table(&["--all"]).stdout, shown.stdout);
}

#[test]
fn a_part_is_added_on_the_command_line() {
    let dir = scenarios();
    let with = ["base.yaml", "--with", "part.yaml"];
    let call = |command: &str, more: &[&str]| {
        dir.clbench([command].iter().chain(&with).chain(more))
            .succeeds()
    };
    dir.clbench(["run", "base.yaml"]).succeeds();
    let valid = call("validate", &[]).stdout;
    let valid = valid.lines().next().unwrap();
    expect!["base.yaml is valid: 1 stream × 2 strategy rows × 2 seeds = 4 cells"].assert_eq(valid);
    let run = call("run", &["--set", "strategies.mine.shrinkage=20"]);
    expect![[r#"
        2 of 4 cells already have results
        [3/4] digits · mine · seed 1992
        [4/4] digits · mine · seed 1996
    "#]]
    .assert_eq(&cells(&run.stderr));
    assert_eq!(call("plan", &[]).stdout.lines().count(), 4);
    let verified = dir.clbench(["data", "verify", "base.yaml", "--with", "part.yaml"]);
    verified.succeeds();
}

#[test]
fn rows_of_two_folders_find_their_files_beside_their_own_scenario() {
    let dir = Dir::new();
    dir.link_plugins(&[misbehaving()]);
    let row = |name: &str, plugins: &str| {
        format!(
            "strategies:\n  {name}: {{use: reader, plugin: {plugins}/libmisbehaving.so, \
             parameters: {{width: 64, file: {name}.txt}}}}\n"
        )
    };
    let base = "seeds: [1992]\n\
                stream: {tasks: 2}\n\
                domains: {digits: {source: digits}}\n\
                backbones: {pixels: {parameters: {size: 8}}}\n";
    dir.write("base.yaml", base.to_owned() + &row("first", "plugins"));
    let extends = "extends: ../base.yaml\n".to_owned() + &row("second", "../plugins");
    dir.write("mine/mine.yaml", extends);
    dir.write("first.txt", "");
    let second = dir.write("mine/second.txt", "");
    let run = dir.clbench(["run", "mine/mine.yaml"]).succeeds();
    expect![[r#"
        [1/2] digits · first · seed 1992
        [2/2] digits · second · seed 1992
    "#]]
    .assert_eq(&cells(&run.stderr));

    fs::remove_file(second).unwrap();
    let refused = dir.clbench(["validate", "mine/mine.yaml"]).outcome();
    let message = "strategies.second.parameters.file: ";
    let file = "mine/second.txt does not exist";
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains(message), "{}", refused.stderr);
    assert!(refused.stderr.contains(file), "{}", refused.stderr);
}
