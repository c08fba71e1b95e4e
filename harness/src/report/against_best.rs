//! The strategies of a section against its best one: differences over pairs of cells that learned
//! the same stream with the same seed.

use super::figures::Context;
use super::pair::pairs;
use super::paired::{LEVEL, Paired, holm};
use super::standing::{Entry, Standing};

/// The strategies of a section against its best one, in the metric that ranks.
pub(super) struct AgainstBest<'a> {
    /// The best one.
    pub(super) best: &'a Entry,
    /// Whether higher values of the metric are better.
    pub(super) higher_is_better: bool,
    /// All others that share cells with it, best first.
    pub(super) others: Vec<Against<'a>>,
}

/// One strategy against the best.
pub(super) struct Against<'a> {
    pub(super) entry: &'a Entry,
    /// Its values minus those of the best.
    pub(super) paired: Paired,
    /// The p-value after Holm's correction over all strategies that compete.
    pub(super) p: Option<f64>,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The difference may be chance.
    MayBeChance,
    /// It is more than chance.
    Found,
}

impl Against<'_> {
    pub(super) fn competes(&self) -> bool {
        self.entry.standing != Standing::Reference
    }

    /// Whether the 95 % interval of the difference contains 0; `None` if there is no interval.
    fn contains_zero(&self) -> Option<bool> {
        let (low, high) = self.paired.difference.ci95?;
        Some(low <= 0.0 && high >= 0.0)
    }
}

impl<'a> AgainstBest<'a> {
    /// The comparison of a section; `None` if nothing ranks, or there is nothing to compare.
    pub(super) fn of(context: &Context<'a>) -> Option<Self> {
        let metric = context.board.rank_by?;
        let entries = context.section.in_order();
        let best = entries
            .iter()
            .find(|entry| entry.standing == Standing::Ranked(1))?;
        let against = |entry: &&'a Entry| {
            let pairs = pairs(context.records, context.values, metric, entry, best);
            let differences = pairs.iter().map(|pair| (&*pair.stream, pair.difference()));
            let differences: Vec<(&str, f64)> = differences.collect();
            let paired = Paired::of(&differences)?;
            Some(Against {
                entry,
                paired,
                p: None,
            })
        };
        let others = entries.iter().filter(|entry| !std::ptr::eq(**entry, *best));
        let mut others: Vec<Against<'a>> = others.filter_map(against).collect();
        let competing = |other: &&mut Against<'a>| other.competes();
        let p: Vec<Option<f64>> = (others.iter_mut())
            .filter(competing)
            .map(|other| other.paired.p)
            .collect();
        for (other, p) in others.iter_mut().filter(competing).zip(holm(&p)) {
            other.p = p;
        }
        (!others.is_empty()).then(|| AgainstBest {
            best,
            higher_is_better: context.board.metrics[metric].higher_is_better,
            others,
        })
    }

    /// What the comparison with another strategy says: by the test, if it can find anything, and by
    /// the interval otherwise.
    pub(super) fn verdict(&self, other: &Against<'_>) -> Option<Verdict> {
        let may_be_chance = match self.can_find() {
            true => other.p.map(|p| p >= LEVEL),
            false => other.contains_zero(),
        };
        may_be_chance.map(|may_be| match may_be {
            true => Verdict::MayBeChance,
            false => Verdict::Found,
        })
    }

    /// The competitors whose difference from the best may be chance.
    pub(super) fn level(&self) -> Vec<&Against<'a>> {
        let level = |other: &&Against<'a>| self.verdict(other) == Some(Verdict::MayBeChance);
        self.competitors().filter(level).collect()
    }

    /// The strategies that compete with the best.
    pub(super) fn competitors(&self) -> impl Iterator<Item = &Against<'a>> {
        self.others.iter().filter(|other| other.competes())
    }

    /// Whether the test could find a difference at all. With n pairs no p-value is below 2/2ⁿ, and
    /// Holm's correction multiplies the lowest of m by m.
    pub(super) fn can_find(&self) -> bool {
        let tested = self.competitors().filter(|other| other.p.is_some());
        let pairs: Vec<usize> = tested.map(|other| other.paired.pairs).collect();
        pairs.iter().max().is_some_and(|&most| {
            let least = 2f64.powi(1 - most.min(1000) as i32);
            least * (pairs.len() as f64) < LEVEL
        })
    }
}
