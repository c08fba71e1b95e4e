//! What the numbers of a section say, in a few sentences.

use crate::report::against_best::AgainstBest;
use crate::report::figures::Context;
use crate::report::number::decimals;
use crate::report::standing::{Entry, Score, Standing};
use crate::results::CellRecord;

/// The best strategy and its value in the metric that ranks.
pub(super) fn best(context: &Context<'_>) -> Option<(String, String)> {
    let metric = context.board.rank_by?;
    let entries = context.section.in_order();
    let best = entries
        .into_iter()
        .find(|entry| entry.standing == Standing::Ranked(1))?;
    Some((best.label.clone(), value(context, best, metric)?))
}

pub(super) fn sentences(
    context: &Context<'_>,
    comparison: Option<&AgainstBest<'_>>,
) -> Vec<String> {
    let Some((name, value)) = best(context) else {
        return Vec::new();
    };
    let rank_by = context.board.rank_by.unwrap_or(0);
    let metric = &context.board.metrics[rank_by].name;
    let mut sentences = vec![format!("{name} ranks first in {metric}: {value}.")];
    if let Some(comparison) = comparison {
        sentences.extend(chance(comparison));
        sentences.extend(cheapest(context, comparison));
    }
    sentences.extend(zero_shot(context, rank_by));
    sentences
}

/// Which strategies are level with the best.
fn chance(comparison: &AgainstBest<'_>) -> Option<String> {
    let pairs = comparison
        .competitors()
        .map(|other| other.paired.pairs)
        .max()?;
    let level = comparison.level();
    // Without a test and an interval nothing is known, and nothing is said.
    let mut competitors = comparison.competitors();
    if level.is_empty() && competitors.any(|other| comparison.verdict(other).is_none()) {
        return None;
    }
    let names: Vec<String> = level
        .iter()
        .map(|other| other.entry.label.clone())
        .collect();
    let names = listed(&names);
    Some(match (comparison.can_find(), level.is_empty()) {
        (true, all_found) => {
            let what = match all_found {
                true => "It leads every other strategy by more than chance".to_owned(),
                false => format!("Its lead over {names} may be chance"),
            };
            format!(
                "{what} (paired permutation test over {pairs} pairs of stream and seed, Holm's \
                 correction, 5 %)."
            )
        }
        (false, all_found) => {
            let what = match all_found {
                true => "No 95 % interval of its lead over another strategy contains 0".to_owned(),
                false => format!("The 95 % interval of its lead over {names} contains 0"),
            };
            format!(
                "{what}; {pairs} pairs of stream and seed are too few to test so many differences."
            )
        }
    })
}

/// Of the best and those level with it, which is cheapest.
fn cheapest(context: &Context<'_>, comparison: &AgainstBest<'_>) -> Option<String> {
    let level = comparison.level();
    if level.is_empty() {
        return None;
    }
    let candidates: Vec<&Entry> = std::iter::once(comparison.best)
        .chain(level.iter().map(|other| other.entry))
        .collect();
    let least = |of: fn(&CellRecord) -> f64| {
        let costs = candidates.iter();
        let costs = costs.map(|entry| (*entry, context.mean_cost(entry, of)));
        costs.min_by(|(_, a), (_, b)| a.total_cmp(b))
    };
    let (fastest, seconds) = least(|cell| cell.costs.wall_seconds.learn)?;
    let (smallest, bytes) = least(|cell| cell.costs.state_bytes as f64)?;
    let (seconds, megabytes) = (decimals(seconds, 1), decimals(bytes / 1e6, 2));
    Some(match fastest.label == smallest.label {
        true => format!(
            "Of these, {} learns fastest ({seconds} s per cell) and keeps least ({megabytes} MB).",
            fastest.label
        ),
        false => format!(
            "Of these, {} learns fastest ({seconds} s per cell) and {} keeps least ({megabytes} MB).",
            fastest.label, smallest.label
        ),
    })
}

/// Who scores classes to come best, if the ranking is about something else.
fn zero_shot(context: &Context<'_>, rank_by: usize) -> Option<String> {
    let metrics = &context.board.metrics;
    let transfer = metrics
        .iter()
        .position(|metric| metric.name == "ci-transfer")?;
    if transfer == rank_by {
        return None;
    }
    let is_best =
        |entry: &&Entry| matches!(entry.scores[transfer], Score::Measured { best: true, .. });
    let entries = context.section.in_order();
    let best = entries.into_iter().find(is_best)?;
    let value = value(context, best, transfer)?;
    Some(format!(
        "{} is best on classes to come: {value} ci-transfer.",
        best.label
    ))
}

fn value(context: &Context<'_>, entry: &Entry, metric: usize) -> Option<String> {
    let Score::Measured { summary, .. } = &entry.scores[metric] else {
        return None;
    };
    let std = summary
        .std
        .map_or(String::new(), |std| format!(" ± {}", decimals(std, 2)));
    let unit = &context.board.metrics[metric].unit;
    Some(format!("{}{std} {unit}", decimals(summary.mean, 2)))
}

/// Names in a sentence.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
