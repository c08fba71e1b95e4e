//! Accuracy on each class after the last task.

use super::context::Context;
use super::figure::{Figure, csv, number};
use crate::report::plot::Heat;
use crate::report::standing::{Entry, Scope};
use crate::results::CellRecord;
use std::collections::BTreeMap;

/// More columns than these are averaged in groups.
const MOST_COLUMNS: usize = 120;

/// A class: the index of the domain with which it arrives, and its name.
type Class = (u32, String);

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    if !matches!(context.section.scope, Scope::Stream { .. }) {
        return Vec::new();
    }
    let of_entry = |entry: &&'_ Entry| {
        let classes = accuracies(&context.cells(entry))?;
        Some((entry.label.clone(), classes))
    };
    let all: Vec<(String, BTreeMap<Class, f64>)> =
        context.entries().iter().filter_map(of_entry).collect();
    let shown: Vec<(String, BTreeMap<Class, f64>)> =
        context.shown().iter().filter_map(of_entry).collect();
    let Some((_, first)) = shown.first() else {
        return Vec::new();
    };
    let mean = |class: &Class| {
        let values: Vec<f64> = (shown.iter())
            .filter_map(|(_, classes)| classes.get(class).copied())
            .collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    };
    // The easiest first; classes of equal accuracy by name.
    let mut order: Vec<(f64, &Class)> = first.keys().map(|class| (mean(class), class)).collect();
    order.sort_by(|(a, one), (b, other)| b.total_cmp(a).then(one.cmp(other)));
    let group = order.len().div_ceil(MOST_COLUMNS);
    let row = |(label, classes): &(String, BTreeMap<Class, f64>)| {
        let values: Vec<Option<f64>> = (order.iter())
            .map(|(_, class)| classes.get(class).copied())
            .collect();
        let groups = values.chunks(group).map(|group| {
            let known: Vec<f64> = group.iter().flatten().copied().collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        });
        (label.clone(), groups.collect())
    };
    let heat = Heat {
        across: "classes, the easiest on average on the left".to_owned(),
        columns: match order.len() <= 20 {
            true => order.iter().map(|(_, (_, name))| name.clone()).collect(),
            false => Vec::new(),
        },
        rows: shown.iter().map(row).collect(),
    };
    let hardest: Vec<String> = (order.iter().rev().take(5))
        .map(|(mean, (_, name))| format!("{name} ({mean:.0} %)"))
        .collect();
    let grouped = match group {
        1 => String::new(),
        group => format!(" Each column is the mean of {group} classes."),
    };
    let domains = domains(context);
    let rows = all.iter().flat_map(|(label, classes)| {
        let row = |((domain, name), accuracy): (&Class, &f64)| {
            let domain = domains.get(*domain as usize).cloned().unwrap_or_default();
            [label.clone(), domain, name.clone(), number(Some(*accuracy))]
        };
        classes.iter().map(row).collect::<Vec<_>>()
    });
    vec![Figure {
        name: "classes".to_owned(),
        title: "Accuracy per class".to_owned(),
        caption: format!(
            "Accuracy on the test images of each class after the last task, in percent, as a mean \
             over seeds: dark is 0, bright is 100. Hardest on average: {}.{grouped}{}",
            hardest.join(", "),
            context.left_out()
        ),
        on_page: true,
        svg: heat.svg(),
        csv: csv(["strategy", "domain", "class", "accuracy"], rows),
    }]
}

fn domains(context: &Context<'_>) -> Vec<String> {
    match &context.section.scope {
        Scope::Stream { domains, .. } => domains.clone(),
        Scope::Overall { .. } => Vec::new(),
    }
}

/// The accuracy on each class in percent, as a mean over cells; `None` if a cell has no counts per
/// class. The order of classes may differ between seeds, so classes are matched by name.
fn accuracies(cells: &[&CellRecord]) -> Option<BTreeMap<Class, f64>> {
    let mut sums: BTreeMap<Class, (f64, u32)> = BTreeMap::new();
    for cell in cells {
        let counts = cell.classes.as_ref()?;
        let last = counts.seen.last()?;
        for (index, (name, (correct, n))) in (cell.stream.classes.iter())
            .zip(last.iter().zip(&counts.n))
            .enumerate()
        {
            let Some(correct) = correct.filter(|_| *n > 0) else {
                continue;
            };
            let domain = cell.stream.class_domains.get(index).copied().unwrap_or(0);
            let sum = sums.entry((domain, name.clone())).or_default();
            sum.0 += 100.0 * correct as f64 / *n as f64;
            sum.1 += 1;
        }
    }
    let means = sums
        .into_iter()
        .map(|(class, (sum, n))| (class, sum / f64::from(n)));
    Some(means.collect())
}
