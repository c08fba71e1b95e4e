//! What accuracy costs: time of learning, and what is kept.

use super::context::{Context, measured};
use super::figure::{Figure, csv, number};
use crate::report::plot::{Axis, Dot, Scatter, Spread};
use crate::report::standing::Entry;
use crate::results::CellRecord;

/// What is compared with accuracy.
struct Cost {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    column: &'static str,
    explained: &'static str,
    of: fn(&CellRecord) -> f64,
}

const COSTS: [Cost; 2] = [
    Cost {
        name: "time",
        title: "Time against accuracy",
        axis: "learning, seconds per cell",
        column: "learn_seconds",
        explained: "Seconds of learning in a cell, over all tasks; computing features of frozen \
                    backbones is not part of it. Left is cheaper, up is better.",
        of: |cell| cell.costs.wall_seconds.learn,
    },
    Cost {
        name: "state",
        title: "Memory against accuracy",
        axis: "state after the last task, MB",
        column: "state_megabytes",
        explained: "The size of everything that a strategy keeps after the last task, in 10⁶ bytes. \
                    Left is cheaper, up is better.",
        of: |cell| cell.costs.state_bytes as f64 / 1e6,
    },
];

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let Some(ranks) = context.board.rank_by else {
        return Vec::new();
    };
    let mean = |cost: &Cost, entry: &Entry| context.mean_cost(entry, cost.of);
    let figure = |cost: &Cost| {
        let dots = context.shown().into_iter().filter_map(|entry| {
            Some(Dot {
                name: entry.label.clone(),
                style: context.styles.style(entry),
                across: Some(Spread {
                    mean: mean(cost, entry),
                    std: None,
                }),
                upwards: measured(entry, ranks)?,
            })
        });
        let scatter = Scatter {
            across: Axis {
                title: cost.axis.to_owned(),
                logarithmic: true,
                limits: [0.0, f64::INFINITY],
            },
            upwards: Axis {
                title: context.title(ranks),
                logarithmic: false,
                limits: context.limits(ranks),
            },
            dots: dots.collect(),
            without: String::new(),
        };
        let rows = context.entries().into_iter().map(|entry| {
            let value = measured(entry, ranks);
            [
                entry.label.clone(),
                number(Some(mean(cost, entry))),
                number(value.map(|value| value.mean)),
                number(value.and_then(|value| value.std)),
            ]
        });
        let metric = &context.board.metrics[ranks].name;
        let std = format!("{metric}_std");
        Figure {
            name: cost.name.to_owned(),
            title: cost.title.to_owned(),
            caption: format!("{}{}", cost.explained, context.left_out()),
            on_page: true,
            svg: scatter.svg(),
            csv: csv(["strategy", cost.column, metric, &std], rows),
        }
    };
    COSTS.iter().map(figure).collect()
}
