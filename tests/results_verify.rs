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
    expect![[r#""#]].assert_eq(&said(&verify(&dir, &["--rerun", "9"])));
    // On another machine there is the scenario, but no plan.
    fs::remove_file(dir.path("results/runs/tiny/plan.jsonl")).unwrap();
    let nothing = verify(&dir, &["--rerun", "1"]);
    expect![[r#""#]].assert_eq(nothing.stderr.lines().last().unwrap());
    let again = verify(&dir, &["--rerun", "1", "--scenario", "tiny.yaml"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(again.stdout.matches("the same, bit for bit").count(), 1);
}

#[test]
fn tables_and_records_that_were_changed() {
    let (dir, _) = ran();
    let table = dir.path("results/runs/tiny/leaderboard.csv");
    let text = fs::read_to_string(&table).unwrap();
    let edited = text.replacen(",88.8", ",98.8", 1);
    assert_ne!(edited, text);
    fs::write(&table, edited).unwrap();
    // A record with new counts and a checksum that fits them, as a forger would make it.
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
    record.write_atomic(&records[0]).unwrap();
    expect![[r#""#]].assert_eq(&said(&verify(&dir, &["--rerun", "2"])));
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
    expect![[r#""#]].assert_eq(record);
}
