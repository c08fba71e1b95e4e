//! Comparisons of strategies and of runs.

use super::*;
use crate::metric::fixture::metrics;
use crate::report::export::by_name;
use crate::results::fixture::{blind, joint, record};
use expect_test::expect;

/// Two streams, four seeds: `a` is always better in FAA, though it forgets more on one stream.
fn cells() -> Vec<CellRecord> {
    let mut cells = Vec::new();
    for (stream, offset) in [("near", 0), ("far", 20)] {
        for seed in 1..=4 {
            let mut ours = record(stream, "a", seed, [70 - offset, 90 + seed]);
            ours.cell.strategy.label = Some("Ours".into());
            cells.push(ours);
            cells.push(blind(stream, "b", seed, [60 + seed * seed - offset, 70]));
            cells.push(joint(stream, "joint", seed, [97, 96]));
        }
    }
    cells
}

fn compare(records: &[CellRecord], names: [&str; 2]) -> Result<Comparison, ReportError> {
    Comparison::of_strategies(records, &metrics(), &Choice::default(), names)
}

fn written(comparison: &Comparison, format: &str) -> String {
    by_name(format).unwrap().write(comparison, None)
}

#[test]
fn two_strategies_are_compared_on_each_stream_and_over_all() {
    let comparison = compare(&cells(), ["Ours", "b"]).unwrap();
    expect![[r#"
        near
        metric           unit    better      A      B  A − B   95 % interval  pairs      p  p (Holm)
        ─────────────────────────────────────────────────────────────────────────────────────────────
        faa              %       higher  81.25  68.75  12.50   8.29 to 16.71      4  – [1]     – [1]
        ci-transfer      %       higher  – [2]  – [2]  – [2]           – [2]  – [2]  – [2]     – [2]
        forgetting-seen  points  lower   25.00  27.50  -2.50  -12.93 to 7.93      4  – [1]     – [1]
        [1] a p-value needs 6 pairs
        [2] b: cannot score unseen classes
        too few pairs to tell: faa, forgetting-seen
        A: Ours; B: b; pairs: equal streams and seeds; better: p (Holm) below 0.05

        far
        metric           unit    better      A      B  A − B   95 % interval  pairs      p  p (Holm)
        ─────────────────────────────────────────────────────────────────────────────────────────────
        faa              %       higher  71.25  58.75  12.50   8.29 to 16.71      4  – [1]     – [1]
        ci-transfer      %       higher  – [2]  – [2]  – [2]           – [2]  – [2]  – [2]     – [2]
        forgetting-seen  points  lower   45.00  47.50  -2.50  -12.93 to 7.93      4  – [1]     – [1]
        [1] a p-value needs 6 pairs
        [2] b: cannot score unseen classes
        too few pairs to tell: faa, forgetting-seen
        A: Ours; B: b; pairs: equal streams and seeds; better: p (Holm) below 0.05

        over all streams
        metric           unit    better      A      B  A − B   95 % interval  pairs       p  p (Holm)
        ──────────────────────────────────────────────────────────────────────────────────────────────
        faa              %       higher  76.25  63.75  12.50  10.21 to 14.79      8  0.0078    0.0156
        ci-transfer      %       higher  – [1]  – [1]  – [1]           – [1]  – [1]   – [1]     – [1]
        forgetting-seen  points  lower   35.00  37.50  -2.50   -8.17 to 3.17      8  0.2656    0.2656
        [1] b: cannot score unseen classes
        Ours is better: faa
        the difference could be chance: forgetting-seen
        A: Ours; B: b; pairs: equal streams and seeds; better: p (Holm) below 0.05
    "#]].assert_eq(&written(&comparison, "table"));
    expect![[r#"
        a,b,stream,strategy,metric,unit,higher_is_better,n_pairs,mean_a,mean_b,difference,std,ci95_low,ci95_high,p,p_holm,exact,better,verdict,note
        Ours,b,near,,faa,%,true,4,81.250000,68.750000,12.500000,2.645751,8.290019,16.709981,,,,,too few pairs,
        Ours,b,near,,ci-transfer,%,true,,,,,,,,,,,,,b: cannot score unseen classes
        Ours,b,near,,forgetting-seen,points,false,4,25.000000,27.500000,-2.500000,6.557439,-12.934348,7.934348,,,,,too few pairs,
        Ours,b,far,,faa,%,true,4,71.250000,58.750000,12.500000,2.645751,8.290019,16.709981,,,,,too few pairs,
        Ours,b,far,,ci-transfer,%,true,,,,,,,,,,,,,b: cannot score unseen classes
        Ours,b,far,,forgetting-seen,points,false,4,45.000000,47.500000,-2.500000,6.557439,-12.934348,7.934348,,,,,too few pairs,
        Ours,b,overall,,faa,%,true,8,76.250000,63.750000,12.500000,2.645751,10.211124,14.788876,0.0078125,0.015625,true,Ours,A is better,
        Ours,b,overall,,ci-transfer,%,true,,,,,,,,,,,,,b: cannot score unseen classes
        Ours,b,overall,,forgetting-seen,points,false,8,35.000000,37.500000,-2.500000,6.557439,-8.172932,3.172932,0.265625,0.265625,true,,the difference could be chance,
    "#]].assert_eq(&written(&comparison, "csv"));
    assert_eq!(comparison.left_out, [""; 0]);
    // The other way round says the same.
    let turned = compare(&cells(), ["b", "a"]).unwrap();
    let faa = |comparison: &Comparison| comparison.blocks[2].lines[0].verdict();
    assert_eq!(faa(&comparison), Some(Verdict::Better(0)));
    assert_eq!(faa(&turned), Some(Verdict::Better(1)));
}

#[test]
fn a_lower_loss_is_better() {
    let records: Vec<CellRecord> = (1..=8)
        .flat_map(|seed| {
            let keeps = record("near", "keeps", seed, [90, 50]);
            [keeps, record("near", "forgets", seed, [60, 50 + seed])]
        })
        .collect();
    let comparison = compare(&records, ["forgets", "keeps"]).unwrap();
    let forgetting = &comparison.blocks[0].lines[2];
    assert_eq!(forgetting.metric.name, "forgetting-seen");
    assert_eq!(
        forgetting.outcome.as_ref().unwrap().paired.difference.mean,
        30.0
    );
    assert_eq!(forgetting.verdict(), Some(Verdict::Better(1)));
}

#[test]
fn what_cannot_be_paired_is_listed() {
    let mut records = cells();
    let other_order = |record: &&mut CellRecord| {
        let cell = &record.cell;
        (&*cell.strategy.row, &*cell.stream.name, cell.seed.0) == ("b", "near", 3)
    };
    // Another scenario may have drawn another order.
    let changed = records.iter_mut().find(other_order).unwrap();
    changed.cell.scenario = "other".into();
    changed.stream.class_order_digest = "another".into();
    records.retain(|record| {
        let cell = &record.cell;
        let key = (&*cell.strategy.row, &*cell.stream.name, cell.seed.0);
        !matches!(key, ("b", "near", 4) | ("a", "far", _))
    });
    let comparison = compare(&records, ["a", "b"]).unwrap();
    expect![[r#"
        near, seed 3: the class orders differ
        near, seed 4: only in Ours
        far: only in b"#]]
    .assert_eq(&comparison.left_out.join("\n"));
    assert_eq!(comparison.blocks.len(), 1);
    let faa = comparison.blocks[0].lines[0].outcome.as_ref().unwrap();
    assert_eq!(faa.paired.pairs, 2);
}

#[test]
fn an_unknown_or_ambiguous_name_is_an_error() {
    let mut records = cells();
    let message = |records: &[CellRecord], names| compare(records, names).unwrap_err().to_string();
    expect!["no strategy is called `jont`; did you mean `joint`?"]
        .assert_eq(&message(&records, ["a", "jont"]));
    expect!["`a` and `Ours` are the same strategy; name two"]
        .assert_eq(&message(&records, ["a", "Ours"]));
    let mut other = record("near", "b", 1, [1, 2]);
    other.cell.scenario = "other".into();
    records.push(other);
    expect!["`b` is the name of several rows; write `b (quick)` or `b (other)`"]
        .assert_eq(&message(&records, ["a", "b"]));
    let named = compare(&records, ["a", "b (quick)"]).unwrap();
    assert_eq!(named.sides, ["Ours", "b (quick)"]);
    // Also on the stream that only one scenario has.
    assert_eq!(named.blocks.len(), 3);
}

#[test]
fn the_strategies_of_two_runs_are_compared_with_their_namesakes() {
    let before = cells();
    let mut after = cells();
    for record in &mut after {
        if record.cell.strategy.row == "b" {
            *record = blind(
                &record.cell.stream.name,
                "b",
                record.cell.seed.0,
                [90, 80 + record.cell.seed.0],
            );
        }
    }
    after.retain(|record| record.cell.strategy.row != "joint");
    after.push(record("near", "new", 1, [5, 5]));
    let runs = [&after[..], &before[..]];
    let choice = Choice {
        rank_by: None,
        columns: vec!["faa".into()],
    };
    let comparison = Comparison::of_runs(
        runs,
        &metrics(),
        &choice,
        ["results/after", "results/before"],
    );
    let comparison = comparison.unwrap();
    expect![[r#"
        faa (%, higher is better), over all streams
        strategy      A      B  A − B   95 % interval  pairs       p  p (Holm)
        ───────────────────────────────────────────────────────────────────────
        Ours      76.25  76.25   0.00    0.00 to 0.00      8  1.0000    1.0000
        b         86.25  63.75  22.50  20.21 to 24.79      8  0.0078    0.0156
        results/after is better: b
        no difference at all: Ours
        A: results/after; B: results/before; pairs: equal streams and seeds; better: p (Holm) below 0.05
    "#]]
    .assert_eq(&written(&comparison, "table"));
    expect![[r#"
        new: only in results/after
        joint: only in results/before"#]]
    .assert_eq(&comparison.left_out.join("\n"));
}
