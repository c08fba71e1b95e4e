//! Every strategy against the best, with the interval of the difference.

use super::context::Context;
use super::figure::{Figure, csv, number};
use crate::report::plot::{Interval, Intervals};

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let (Some(ranks), Some(comparison)) = (context.board.rank_by, context.against_best()) else {
        return Vec::new();
    };
    let metric = &context.board.metrics[ranks];
    let best = &comparison.best.label;
    let shown = context.shown();
    let is_shown = |label: &str| shown.iter().any(|entry| entry.label == label);
    let intervals = comparison
        .others
        .iter()
        .filter(|other| is_shown(&other.entry.label));
    let intervals = Intervals {
        across: format!("{} minus that of {best}, points", metric.name),
        intervals: intervals
            .map(|other| {
                let difference = &other.paired.difference;
                Interval {
                    name: other.entry.label.clone(),
                    style: context.styles.style(other.entry),
                    mean: difference.mean,
                    ends: difference.ci95.map(|(low, high)| [low, high]),
                }
            })
            .collect(),
    };
    let rows = comparison.others.iter().map(|other| {
        let difference = &other.paired.difference;
        [
            other.entry.label.clone(),
            best.clone(),
            other.paired.pairs.to_string(),
            number(Some(difference.mean)),
            number(difference.ci95.map(|(low, _)| low)),
            number(difference.ci95.map(|(_, high)| high)),
            number(other.paired.p),
            number(other.p),
        ]
    });
    let header = [
        "strategy",
        "best",
        "pairs",
        "difference",
        "ci95_low",
        "ci95_high",
        "p",
        "p_holm",
    ];
    vec![Figure {
        name: "differences".to_owned(),
        title: format!("Differences from {best}"),
        caption: format!(
            "The difference in {} to the best strategy over pairs of cells with the same stream and \
             seed, with 95 % intervals (Student's t, from the spread within streams). An interval \
             that contains 0 says that the difference may be chance.{}",
            metric.name,
            context.left_out()
        ),
        on_page: true,
        svg: intervals.svg(),
        csv: csv(header, rows),
    }]
}
