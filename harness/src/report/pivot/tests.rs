//! Pivot tables in every format.

use super::super::export::by_name;
use super::super::export::fixture::cells;
use super::*;
use crate::metric::fixture::metrics;
use crate::results::CellRecord;
use crate::results::fixture::record;
use expect_test::{Expect, expect};

fn says(records: &[CellRecord], metric: &str, format: &str, text: Expect) {
    let choice = Choice {
        rank_by: Some(metric.into()),
        columns: vec![metric.into()],
    };
    let board = Leaderboard::build(records, &metrics(), &choice, None).unwrap();
    let pivot = Pivot::of(&board, metric).unwrap();
    text.assert_eq(&by_name(format).unwrap().write(&pivot, None));
}

/// The example with a label, and a third competitor.
fn labelled() -> Vec<CellRecord> {
    let mut cells = cells();
    for domain in ["digits", "far_away"] {
        for seed in [1, 2] {
            cells.push(record(domain, "third", seed, [40, 41]));
        }
    }
    for cell in &mut cells {
        if cell.cell.strategy.row == "ncm" {
            cell.cell.strategy.label = Some("NCM_α (ours)".into());
        }
    }
    cells
}

#[test]
fn strategies_by_streams_with_the_two_best_marked() {
    says(
        &labelled(),
        "faa",
        "table",
        expect![[r#"
        faa (%, higher is better)
        strategy              digits        far_away            mean
        ─────────────────────────────────────────────────────────────
        NCM_α (ours)  * 80.75 ± 0.35  * 70.75 ± 0.35  * 75.75 ± 0.35
        head [1] [2]  + 70.75 ± 0.35  + 60.75 ± 0.35  + 65.75 ± 0.35
        third           40.50 ± 0.00    40.50 ± 0.00    40.50 ± 0.00
        half               99.00 [3]       99.00 [3]           – [4]
        ─────────────────────────────────────────────────────────────
        joint           96.50 ± 0.00    86.50 ± 0.00    91.50 ± 0.00
        below the rule: joint training, for reference (unranked)
        * best, + second best
        [1] predictions depend on the batch
        [2] an adaptation: on another encoder
        [3] lacks seed 2
        [4] lacks seed 2 of digits
        2 tasks; mean ± standard deviation over seeds 1, 2; mean: of each seed's mean over streams
    "#]],
    );
    says(
        &labelled(),
        "faa",
        "markdown",
        expect![[r#"
        **faa (%, higher is better)**

        | strategy | digits | far\_away | mean |
        |:--|--:|--:|--:|
        | NCM\_α (ours) | **80.75 ± 0.35** | **70.75 ± 0.35** | **75.75 ± 0.35** |
        | head (1) (2) | <u>70.75 ± 0.35</u> | <u>60.75 ± 0.35</u> | <u>65.75 ± 0.35</u> |
        | third | 40.50 ± 0.00 | 40.50 ± 0.00 | 40.50 ± 0.00 |
        | half | 99.00 (3) | 99.00 (3) | – (4) |
        | *joint training, for reference (unranked)* | | | |
        | joint | 96.50 ± 0.00 | 86.50 ± 0.00 | 91.50 ± 0.00 |

        **Bold**: best; <u>underlined</u>: second best; (1) predictions depend on the batch; (2) an adaptation: on another encoder; (3) lacks seed 2; (4) lacks seed 2 of digits.  
        2 tasks; mean ± standard deviation over seeds 1, 2; mean: of each seed's mean over streams
    "#]],
    );
    says(
        &labelled(),
        "faa",
        "latex",
        expect![[r#"
            \begin{table}
            \centering
            \caption{faa (\%, higher is better): mean $\pm$ standard deviation over seeds 1, 2}
            \label{tab:faa}
            \begin{tabular}{lrrr}
            \toprule
            strategy & digits & far\_away & mean \\
            \midrule
            NCM\_$\alpha$ (ours) & \textbf{80.75 $\pm$ 0.35} & \textbf{70.75 $\pm$ 0.35} & \textbf{75.75 $\pm$ 0.35} \\
            head\textsuperscript{1,2} & \underline{70.75 $\pm$ 0.35} & \underline{60.75 $\pm$ 0.35} & \underline{65.75 $\pm$ 0.35} \\
            third & 40.50 $\pm$ 0.00 & 40.50 $\pm$ 0.00 & 40.50 $\pm$ 0.00 \\
            half & 99.00\textsuperscript{3} & 99.00\textsuperscript{3} & --\textsuperscript{4} \\
            \midrule
            \multicolumn{4}{l}{\emph{joint training, for reference (unranked)}} \\
            joint & 96.50 $\pm$ 0.00 & 86.50 $\pm$ 0.00 & 91.50 $\pm$ 0.00 \\
            \bottomrule
            \end{tabular}

            \footnotesize
            Bold: best; underlined: second best.
            \textsuperscript{1}~predictions depend on the batch.
            \textsuperscript{2}~an adaptation: on another encoder.
            \textsuperscript{3}~lacks seed 2.
            \textsuperscript{4}~lacks seed 2 of digits.
            2 tasks; mean $\pm$ standard deviation over seeds 1, 2; mean: of each seed's mean over streams.
            \end{table}
        "#]],
    );
    says(
        &labelled(),
        "faa",
        "csv",
        expect![[r#"
        scenario,strategy,label,backbone,regime,settings,metric,unit,higher_is_better,digits_mean,digits_std,far_away_mean,far_away_std,overall_mean,overall_std
        quick,ncm,NCM_α (ours),pixels,sequential,66b6391e36f2,faa,%,true,80.750000,0.353553,70.750000,0.353553,75.750000,0.353553
        quick,head,,pixels,sequential,9256cd0c3360,faa,%,true,70.750000,0.353553,60.750000,0.353553,65.750000,0.353553
        quick,third,,pixels,sequential,8ebebf04ad86,faa,%,true,40.500000,0.000000,40.500000,0.000000,40.500000,0.000000
        quick,half,,pixels,sequential,58762a13a9b2,faa,%,true,99.000000,,99.000000,,,
        quick,joint,,pixels,joint,9481a86f69f9,faa,%,true,96.500000,0.000000,86.500000,0.000000,91.500000,0.000000
    "#]],
    );
}

#[test]
fn lower_may_be_better_and_equal_values_share_a_mark() {
    let records = [
        record("digits", "a", 1, [80, 90]),
        record("digits", "b", 1, [80, 70]),
        record("digits", "c", 1, [70, 90]),
        record("digits", "d", 1, [60, 90]),
    ];
    says(
        &records,
        "forgetting-seen",
        "table",
        expect![[r#"
        forgetting-seen (points, lower is better)
        strategy   digits
        ──────────────────
        a         * 15.00
        b         * 15.00
        c         + 25.00
        d           35.00
        * best, + second best
        2 tasks; seed 1
    "#]],
    );
}

#[test]
fn two_splits_of_a_stream_are_two_columns_and_rows_are_told_apart() {
    let mut records = vec![
        record("digits", "a", 1, [80, 90]),
        record("digits", "b", 1, [70, 90]),
    ];
    let mut other_split = record("digits", "a", 1, [60, 90]);
    other_split.cell.stream.domains[0].split_hash = "another-split".into();
    let mut other_scenario = record("digits", "b", 1, [75, 90]);
    other_scenario.cell.scenario = "other".into();
    records.extend([other_split, other_scenario]);
    says(
        &records,
        "faa",
        "table",
        expect![[r#"
            faa (%, higher is better)
                       digits (split  digits (split
            strategy   digits-split)  another-spli)
            ────────────────────────────────────────
            a                * 85.00        * 75.00
            b (quick)          80.00          – [1]
            b (other)        + 82.50          – [1]
            * best, + second best
            [1] not run on this stream
            2 tasks; seed 1
        "#]],
    );
}

#[test]
fn an_unknown_metric_is_an_error_that_suggests_one() {
    let board = Leaderboard::build(&cells(), &metrics(), &Choice::default(), None).unwrap();
    let error = Pivot::of(&board, "fa").unwrap_err().to_string();
    assert!(error.contains("did you mean `faa`?"), "{error}");
}
