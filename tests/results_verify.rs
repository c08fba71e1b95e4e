//! `clbench results verify`, as the reader of someone else's table uses it.

use crate::commands::ran;
use clbench_tests::{Dir, Outcome};
use expect_test::expect;
use std::fs;

fn verify(dir: &Dir, more: &[&str]) -> Outcome {
    let args = ["results", "verify", "results/runs/tiny"];
    dir.clbench(args.iter().chain(more)).outcome()
}

/// What it prints, with the lines about cells in order: which are chosen, is chance.
fn said(outcome: &Outcome) -> String {
    let (again, mut lines): (Vec<&str>, Vec<&str>) = outcome
        .stdout
        .lines()
        .partition(|line| line.contains("run again"));
    let mut again = again;
    again.sort_unstable();
    lines.append(&mut again);
    let error = outcome.stderr.lines().last().unwrap_or_default();
    let error = if error.starts_with("error") {
        error
    } else {
        ""
    };
    format!(
        "{}\n{error}\nexit code {}\n",
        lines.join("\n"),
        outcome.code
    )
}

#[test]
fn good_results() {
    let (dir, _) = ran();
    expect![[r#"
        results/runs/tiny
          records           2 of 2 are whole
          accuracy.csv      the same when made again
          metrics.csv       the same when made again
          costs.csv         the same when made again
          leaderboard.csv   the same when made again
          domains.csv       the same when made again
          classes.csv       the same when made again
          scalars.csv       the same when made again
          confusion.csv     the same when made again
          run again         digits · nearest-class-mean · seed 1992: the same, bit for bit
          run again         digits · nearest-class-mean · seed 1996: the same, bit for bit

        exit code 0
    "#]]
    .assert_eq(&said(&verify(&dir, &["--rerun", "9"])));
    // On another machine there is the scenario, but no plan.
    fs::remove_file(dir.path("results/runs/tiny/plan.jsonl")).unwrap();
    let nothing = verify(&dir, &["--rerun", "1"]);
    expect!["error: no cell of `results/runs/tiny` can be run again: the plan lists none of them; name the scenario that it was made from with `--scenario FILE`"].assert_eq(nothing.stderr.lines().last().unwrap());
    let again = verify(&dir, &["--rerun", "1", "--scenario", "tiny.yaml"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(again.stdout.matches("the same, bit for bit").count(), 1);
    // Earlier versions wrote fewer files.
    fs::remove_file(dir.path("results/runs/tiny/scalars.csv")).unwrap();
    let older = verify(&dir, &[]);
    assert_eq!(older.code, 0, "{}", older.stdout);
    let line = "  scalars.csv       not there, and would be empty\n";
    assert!(older.stdout.contains(line), "{}", older.stdout);
}

#[test]
fn tables_and_records_that_were_changed() {
    let (dir, _) = ran();
    let table = dir.path("results/runs/tiny/leaderboard.csv");
    let text = fs::read_to_string(&table).unwrap();
    let edited = text.replacen(",88.8", ",98.8", 1);
    assert_ne!(edited, text);
    fs::write(&table, edited).unwrap();
    // A record with new counts and a checksum that fits them, as a forger would make it: without
    // the counts per class, which would have to add up to them.
    let cells = dir.path("results/runs/tiny/cells");
    let mut records: Vec<_> = fs::read_dir(&cells)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    records.sort();
    let mut record = harness::results::CellRecord::read(&records[0]).unwrap();
    let (last, first) = (harness::results::AfterTask(5), harness::id::TaskId(1));
    let n = record.matrices.n(first);
    record
        .matrices
        .set(harness_abi::Matrix::Seen, last, first, n);
    record.classes = None;
    record.write_atomic(&records[0]).unwrap();
    expect![[r#"
        results/runs/tiny
          records           2 of 2 are whole
          accuracy.csv      FAILED: line 27 is not what the records give; run the scenario again to write it anew
          metrics.csv       FAILED: line 2 is not what the records give; run the scenario again to write it anew
          costs.csv         the same when made again
          leaderboard.csv   FAILED: line 2 is not what the records give; run the scenario again to write it anew
          domains.csv       the same when made again
          classes.csv       FAILED: line 2 is not what the records give; run the scenario again to write it anew
          scalars.csv       the same when made again
          confusion.csv     the same when made again
          run again         FAILED: digits · nearest-class-mean · seed 1992: `seen` after task 5 on task 1 was 119, but is 109 now
          run again         digits · nearest-class-mean · seed 1996: the same, bit for bit
        error: `results/runs/tiny` is not as it should be: 5 problems; see the lines marked `FAILED` above
        exit code 4
    "#]].assert_eq(&said(&verify(&dir, &["--rerun", "2"])));
    // One without.
    let text = fs::read_to_string(&records[1]).unwrap();
    fs::write(
        &records[1],
        text.replacen("\"n_test\":599", "\"n_test\":598", 1),
    )
    .unwrap();
    let outcome = verify(&dir, &[]);
    let record = outcome
        .stdout
        .lines()
        .find(|line| line.contains("records"))
        .unwrap();
    expect!["  records           FAILED: cell record `results/runs/tiny/cells/digits-nearest-class-mean-s1996-ea13705326c3.json` is damaged: its checksum does not match its content, so it was changed after it was written"].assert_eq(record);
}
