//! What is learned against what is kept: final accuracy over accuracy on classes to come.

use super::context::{Context, measured};
use super::figure::{Figure, csv, number};
use crate::report::plot::{Axis, Dot, Scatter};

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let (Some(faa), Some(transfer)) = (context.metric("faa"), context.metric("ci-transfer")) else {
        return Vec::new();
    };
    let entries = context.entries();
    if !entries
        .iter()
        .any(|entry| measured(entry, transfer).is_some())
    {
        return Vec::new();
    }
    let axis = |metric| Axis {
        title: context.title(metric),
        logarithmic: false,
        limits: context.limits(metric),
    };
    let dots = context.shown().into_iter().filter_map(|entry| {
        Some(Dot {
            name: entry.label.clone(),
            style: context.styles.style(entry),
            across: measured(entry, transfer),
            upwards: measured(entry, faa)?,
        })
    });
    let scatter = Scatter {
        across: axis(transfer),
        upwards: axis(faa),
        dots: dots.collect(),
        without: "has no ci-transfer".to_owned(),
    };
    let rows = entries.iter().map(|entry| {
        let [faa, transfer] = [faa, transfer].map(|metric| measured(entry, metric));
        [
            entry.label.clone(),
            number(faa.map(|value| value.mean)),
            number(faa.and_then(|value| value.std)),
            number(transfer.map(|value| value.mean)),
            number(transfer.and_then(|value| value.std)),
        ]
    });
    let header = [
        "strategy",
        "faa",
        "faa_std",
        "ci_transfer",
        "ci_transfer_std",
    ];
    vec![Figure {
        name: "trade-off".to_owned(),
        title: "Learned against kept".to_owned(),
        caption: format!(
            "Final accuracy over accuracy on classes to come: up is better, right is better. Bars: \
             one standard deviation over seeds. At the left edge: strategies without CI-Transfer, \
             because they cannot score unseen classes or learn everything at once.{}",
            context.left_out()
        ),
        on_page: true,
        svg: scatter.svg(),
        csv: csv(header, rows),
    }]
}
