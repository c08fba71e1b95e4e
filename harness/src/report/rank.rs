//! Ranks and best values.

use super::standing::{Entry, Score, Section, Standing};
use crate::metric::MetricInfo;

/// Ranks the competitors by the metric with this index, and marks the best values among them.
pub(super) fn judged(
    mut section: Section,
    metrics: &[MetricInfo],
    rank_by: Option<usize>,
) -> Section {
    for (index, metric) in metrics.iter().enumerate() {
        let places = places(&section, index, metric);
        for (entry, place) in section.entries.iter_mut().zip(places) {
            if let Score::Measured { best, .. } = &mut entry.scores[index] {
                *best = place == Some(1);
            }
        }
    }
    if let Some(index) = rank_by {
        let keys: Vec<Option<i64>> = section
            .entries
            .iter()
            .map(|entry| key(&entry.scores[index], &metrics[index]).filter(|_| competes(entry)))
            .collect();
        let mut sorted: Vec<i64> = keys.iter().flatten().copied().collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        for (entry, own) in section.entries.iter_mut().zip(keys) {
            if let Some(own) = own {
                let better = sorted.partition_point(|&key| key > own);
                entry.standing = Standing::Ranked(better as u32 + 1);
            }
        }
    }
    section
}

/// The place of each entry's value in the metric with this index, for marks: 1 for the best one
/// among competitors, 2 for the next value. Equal values share a place. `None` for an entry that
/// has no value or does not compete.
///
/// Values that print the same in the CSV count as equal: the order of summation must not decide a
/// rank.
///
/// A negative loss of accuracy, such as negative forgetting, has no place. It rarely says that less
/// was forgotten: while a class is unseen it can attract images of learned classes, among *all*
/// candidates or inside a strategy, and these are regained when it is learned.
pub(super) fn places(section: &Section, index: usize, metric: &MetricInfo) -> Vec<Option<u32>> {
    let of_entry = |entry: &Entry| {
        let key = key(&entry.scores[index], metric).filter(|_| competes(entry))?;
        let gain = !metric.higher_is_better && metric.unit == "points" && key > 0;
        (!gain).then_some(key)
    };
    let keys: Vec<Option<i64>> = section.entries.iter().map(of_entry).collect();
    let mut values: Vec<i64> = keys.iter().flatten().copied().collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    values.dedup();
    let place = |key: i64| values.partition_point(|&value| value > key) as u32 + 1;
    keys.into_iter().map(|key| key.map(place)).collect()
}

fn competes(entry: &Entry) -> bool {
    matches!(entry.standing, Standing::Unranked | Standing::Ranked(_))
}

/// The mean in millionths, negated if lower is better.
fn key(score: &Score, metric: &MetricInfo) -> Option<i64> {
    match score {
        Score::Measured { summary, .. } => {
            let millionths = (summary.mean * 1e6).round() as i64;
            Some(if metric.higher_is_better {
                millionths
            } else {
                -millionths
            })
        }
        Score::Absent(_) => None,
    }
}
