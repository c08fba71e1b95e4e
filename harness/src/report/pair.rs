//! Pairs of cells: what two strategies made of the same stream with the same seed.

use super::identity::{content_digests, split_hashes};
use super::standing::Entry;
use crate::id::Seed;
use crate::results::CellRecord;
use std::collections::BTreeMap;

/// The values of a metric in two cells that learned the same tasks of the same images in the same
/// class order with the same seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The name of their stream.
    pub stream: String,
    /// Their seed.
    pub seed: Seed,
    /// The values, of one strategy and of the other.
    pub values: [f64; 2],
}

impl Pair {
    /// How much larger the first value is.
    pub fn difference(&self) -> f64 {
        self.values[0] - self.values[1]
    }
}

/// The pairs of two rows of a leaderboard in a metric, in the order of the first row's cells. A
/// cell without a partner, or of which either has no value, is left out.
///
/// `records` are those that the leaderboard was built from, and `values` their metrics, as
/// [`evaluate`](crate::metric::evaluate) returns them.
pub fn pairs(
    records: &[CellRecord],
    values: &[Vec<Option<f64>>],
    metric: usize,
    one: &Entry,
    other: &Entry,
) -> Vec<Pair> {
    let cells = Partners::of(records, &one.cells, &other.cells).pairs;
    let pair = |[a, b]: [usize; 2]| {
        let values = [values[a][metric]?, values[b][metric]?];
        let cell = &records[a].cell;
        Some(Pair {
            stream: cell.stream.name.clone(),
            seed: cell.seed,
            values,
        })
    };
    cells.into_iter().filter_map(pair).collect()
}

/// Cells of two strategies, with their partners or why they have none.
pub(super) struct Partners {
    pub(super) pairs: Vec<[usize; 2]>,
    pub(super) alone: Vec<Alone>,
}

/// Cells of one stream that have no partner for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alone {
    pub(super) stream: String,
    pub(super) seeds: Vec<Seed>,
    pub(super) why: Why,
}

/// Why a cell has no partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The other strategy has no cell of the stream; the side that has one.
    Stream(usize),
    /// It has none with the seed.
    Seed(usize),
    Split,
    Images,
    Tasks,
    ClassOrder,
}

impl Partners {
    pub(super) fn of(records: &[CellRecord], one: &[usize], other: &[usize]) -> Self {
        let mut there: BTreeMap<Conditions<'_>, usize> = BTreeMap::new();
        for &cell in other {
            there.entry(Conditions::of(&records[cell])).or_insert(cell);
        }
        let (mut pairs, mut alone) = (Vec::new(), Vec::new());
        let mut taken = Vec::new();
        for &cell in one {
            match there.remove(&Conditions::of(&records[cell])) {
                Some(partner) => {
                    pairs.push([cell, partner]);
                    taken.push(partner);
                }
                None => add(&mut alone, records, cell, other, 0),
            }
        }
        for &cell in other.iter().filter(|cell| !taken.contains(cell)) {
            add(&mut alone, records, cell, one, 1);
        }
        Self { pairs, alone }
    }
}

/// Adds a cell without a partner, unless a cell of the other strategy has said why already.
fn add(alone: &mut Vec<Alone>, records: &[CellRecord], cell: usize, others: &[usize], side: usize) {
    let record = &records[cell];
    let (stream, seed) = (&record.cell.stream.name, record.cell.seed);
    let others = others.iter().map(|&other| &records[other]);
    let of_stream = others.filter(|other| other.cell.stream.name == *stream);
    let of_stream: Vec<&CellRecord> = of_stream.collect();
    let of_seed = of_stream.iter().find(|other| other.cell.seed == seed);
    let why = match of_seed {
        None if of_stream.is_empty() => Why::Stream(side),
        None => Why::Seed(side),
        Some(other) => Conditions::of(record).difference(&Conditions::of(other)),
    };
    let known = alone
        .iter_mut()
        .find(|known| known.stream == *stream && known.why == why);
    match known {
        Some(known) if known.seeds.contains(&seed) => {}
        Some(known) => known.seeds.push(seed),
        None => alone.push(Alone {
            stream: stream.clone(),
            seeds: vec![seed],
            why,
        }),
    }
}

/// What a pair has in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Conditions<'a> {
    stream: &'a str,
    seed: Seed,
    splits: Vec<&'a str>,
    images: Vec<&'a str>,
    tasks: (&'a [u32], &'a [u32]),
    class_order: &'a str,
}

impl<'a> Conditions<'a> {
    fn of(record: &'a CellRecord) -> Self {
        Self {
            stream: &record.cell.stream.name,
            seed: record.cell.seed,
            splits: split_hashes(record).collect(),
            images: content_digests(record).collect(),
            tasks: (&record.stream.task_sizes, &record.stream.task_domains),
            class_order: &record.stream.class_order_digest,
        }
    }

    /// In what two cells of a stream and seed differ that are no pair.
    fn difference(&self, other: &Self) -> Why {
        if self.splits != other.splits {
            Why::Split
        } else if self.images != other.images {
            Why::Images
        } else if self.tasks != other.tasks {
            Why::Tasks
        } else {
            Why::ClassOrder
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Leaderboard;
    use super::*;
    use crate::metric::fixture::metrics;
    use crate::metric::{Choice, evaluate};
    use crate::results::fixture::{blind, record};

    #[test]
    fn rows_are_paired_by_stream_and_seed() {
        let records = [
            record("near", "a", 1, [80, 90]),
            record("near", "a", 2, [60, 90]),
            record("far", "a", 1, [50, 50]),
            blind("near", "b", 2, [70, 70]),
            blind("near", "b", 1, [60, 70]),
            blind("far", "b", 3, [1, 1]),
        ];
        let metrics = metrics();
        let values = evaluate(&records, &metrics).unwrap();
        let board = Leaderboard::build(&records, &metrics, &Choice::default(), None).unwrap();
        let of = |section: usize, metric| {
            let entries = &board.sections[section].entries;
            let pairs = pairs(&records, &values, metric, &entries[0], &entries[1]);
            let pairs = pairs.iter().map(|pair| (pair.seed.0, pair.difference()));
            pairs.collect::<Vec<_>>()
        };
        assert_eq!(of(0, 0), [(1, 20.0), (2, 5.0)]);
        assert_eq!(of(1, 0), [], "different seeds");
        // Only one of them scores unseen classes.
        assert_eq!(of(0, 1), []);
        // Over both streams.
        assert_eq!(of(2, 0), [(1, 20.0), (2, 5.0)]);
    }

    #[test]
    fn what_has_no_partner_says_why() {
        let changed = |change: &dyn Fn(&mut CellRecord)| {
            let mut records = vec![record("near", "a", 1, [80, 90])];
            let mut other = record("near", "b", 1, [80, 90]);
            change(&mut other);
            records.push(other);
            let partners = Partners::of(&records, &[0], &[1]);
            assert!(partners.pairs.is_empty());
            partners
                .alone
                .iter()
                .map(|alone| alone.why)
                .collect::<Vec<_>>()
        };
        let split = changed(&|r| r.cell.stream.domains[0].split_hash = "x".into());
        assert_eq!(split, [Why::Split]);
        let images = changed(&|r| r.stream.domains[0].content_digest = "x".into());
        assert_eq!(images, [Why::Images]);
        let tasks = changed(&|r| r.stream.task_sizes = vec![1, 3]);
        assert_eq!(tasks, [Why::Tasks]);
        let order = changed(&|r| r.stream.class_order_digest = "x".into());
        assert_eq!(order, [Why::ClassOrder]);
        let seed = changed(&|r| r.cell.seed = Seed(2));
        assert_eq!(seed, [Why::Seed(0), Why::Seed(1)]);
        let stream = changed(&|r| r.cell.stream.name = "far".into());
        assert_eq!(stream, [Why::Stream(0), Why::Stream(1)]);
    }
}
