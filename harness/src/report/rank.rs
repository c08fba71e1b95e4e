//! Ranks and best values.

use super::standing::{Entry, Score, Section, Standing};
use crate::metric::MetricInfo;

/// Ranks the competitors by the metric with this index, and marks the best values among them.
///
/// Values that print the same in the CSV count as equal: the order of summation must not decide a
/// rank.
///
/// A negative loss of accuracy, such as negative forgetting, is not marked. It rarely says that less
/// was forgotten: while a class is unseen it can attract images of learned classes, among *all*
/// candidates or inside a strategy, and these are regained when it is learned.
pub(super) fn judged(
    mut section: Section,
    metrics: &[MetricInfo],
    rank_by: Option<usize>,
) -> Section {
    let competes = |entry: &Entry| entry.standing == Standing::Unranked;
    for (index, metric) in metrics.iter().enumerate() {
        let keys: Vec<Option<i64>> = section
            .entries
            .iter()
            .map(|entry| key(&entry.scores[index], metric))
            .collect();
        let can_be_best = |entry: &Entry, key: &i64| {
            let gain = !metric.higher_is_better && metric.unit == "points" && *key > 0;
            competes(entry) && !gain
        };
        let rivals: Vec<i64> = section
            .entries
            .iter()
            .zip(&keys)
            .filter_map(|(entry, key)| key.filter(|key| can_be_best(entry, key)))
            .collect();
        for (entry, key) in section.entries.iter_mut().zip(&keys) {
            let Some(key) = key.filter(|key| can_be_best(entry, key)) else {
                continue;
            };
            if let Score::Measured { best, .. } = &mut entry.scores[index] {
                *best = rivals.iter().all(|rival| *rival <= key);
            }
        }
    }
    if let Some(index) = rank_by {
        let keys: Vec<Option<i64>> = section
            .entries
            .iter()
            .map(|entry| key(&entry.scores[index], &metrics[index]).filter(|_| competes(entry)))
            .collect();
        for (entry, own) in section.entries.iter_mut().zip(&keys) {
            if let Some(own) = own {
                let better = keys.iter().flatten().filter(|&key| key > own).count();
                entry.standing = Standing::Ranked(better as u32 + 1);
            }
        }
    }
    section
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
