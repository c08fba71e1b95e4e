//! Two strategies, or all strategies of two runs, compared pair by pair.
//!
//! [`Comparison::of_strategies`] has a block for each stream and one over all streams, with a line
//! per metric. [`Comparison::of_runs`] has a block for each metric, with a line per strategy that
//! both runs have. The p-values of a block are corrected together.

mod sides;
mod words;

use self::sides::{strategies_in_both, strategy};
use super::ReportError;
use super::leaderboard::Leaderboard;
use super::pair::Partners;
use super::paired::{LEVEL, Paired, holm};
use super::row::{absence, have_a_mean};
use super::statistics::Summary;
use crate::metric::{Choice, MetricInfo, MetricSet, evaluate};
use crate::results::CellRecord;

/// A comparison of A with B.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What A and B are.
    pub sides: [String; 2],
    /// Whether A and B are runs rather than strategies.
    pub of_runs: bool,
    /// The tests, in families whose p-values are corrected together.
    pub blocks: Vec<Block>,
    /// What could not be compared, and why: a sentence each.
    pub left_out: Vec<String>,
}

/// A family of tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The stream, or `overall`.
    pub scope: String,
    /// The lines: of metrics if strategies are compared, of strategies if runs are.
    pub lines: Vec<Compared>,
}

/// A test of one strategy in one metric, or of two strategies in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The strategy, if runs are compared.
    pub strategy: Option<String>,
    /// The metric.
    pub metric: MetricInfo,
    /// The test, or why there is none.
    pub outcome: Result<Outcome, String>,
}

/// The result of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The means of A and B over all pairs.
    pub means: [f64; 2],
    /// The differences A − B.
    pub paired: Paired,
    /// The p-value, corrected for the number of tests in the block.
    pub corrected: Option<f64>,
}

/// What a test says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This side is better: 0 for A, 1 for B.
    Better(usize),
    /// The difference could be chance.
    Chance,
    /// All values are equal.
    Equal,
    /// There are too few pairs for a p-value.
    TooFew,
}

impl Compared {
    /// What the test says, if there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        let outcome = self.outcome.as_ref().ok()?;
        let Summary { mean, std, .. } = outcome.paired.difference;
        if mean == 0.0 && std.is_none_or(|std| std == 0.0) {
            return Some(Verdict::Equal);
        }
        Some(match outcome.corrected {
            None => Verdict::TooFew,
            Some(p) if p >= LEVEL => Verdict::Chance,
            Some(_) => Verdict::Better(usize::from((mean > 0.0) != self.metric.higher_is_better)),
        })
    }
}

/// The data of a comparison.
struct Source<'a> {
    records: &'a [CellRecord],
    metrics: &'a [MetricInfo],
    values: Vec<Vec<Option<f64>>>,
    /// The indices of the metrics to compare.
    columns: Vec<usize>,
}

impl Comparison {
    /// Compares two strategies, given by what tables call them or by their names in the scenario,
    /// in the metrics that are chosen.
    ///
    /// # Errors
    ///
    /// If a name is unknown or ambiguous, or the leaderboard cannot be built.
    pub fn of_strategies(
        records: &[CellRecord],
        metrics: &dyn MetricSet,
        choice: &Choice,
        names: [&str; 2],
    ) -> Result<Self, ReportError> {
        let source = Source::new(records, metrics, choice)?;
        let board = Leaderboard::of_values(records, source.metrics, &source.values, choice, None)?;
        let [one, other] = [strategy(&board, names[0])?, strategy(&board, names[1])?];
        if one.cells == other.cells {
            let [one, other] = names.map(str::to_owned);
            return Err(ReportError::SameStrategy { one, other });
        }
        let partners = Partners::of(records, &one.cells, &other.cells);
        let sides = [one.title, other.title];
        let line = |metric: usize, pairs: &[[usize; 2]]| Compared {
            strategy: None,
            metric: source.metrics[metric].clone(),
            outcome: source.outcome(metric, pairs, &sides),
        };
        let block = |scope: Scope| {
            let metrics = source.columns.iter();
            let lines = metrics.map(|&metric| line(metric, &scope.pairs)).collect();
            Block::of(scope.name, lines)
        };
        let (scopes, no_overall) = source.scopes(&partners.pairs);
        let left_out = partners.alone.iter();
        let left_out = left_out.map(|alone| words::alone(alone, &sides));
        Ok(Self {
            blocks: scopes.into_iter().map(block).collect(),
            left_out: left_out.chain(no_overall).collect(),
            sides,
            of_runs: false,
        })
    }

    /// Compares the strategies that two runs have in common, by their names in the scenario.
    ///
    /// # Errors
    ///
    /// If a metric cannot be computed or is unknown.
    pub fn of_runs(
        runs: [&[CellRecord]; 2],
        metrics: &dyn MetricSet,
        choice: &Choice,
        names: [&str; 2],
    ) -> Result<Self, ReportError> {
        let records = runs.concat();
        let source = Source::new(&records, metrics, choice)?;
        let sides = names.map(str::to_owned);
        let (strategies, mut left_out) = strategies_in_both(&records, runs[0].len(), &sides);
        let mut all_pairs = Vec::new();
        let mut partners_of = Vec::new();
        let mut alone: Vec<(String, Vec<&str>)> = Vec::new();
        for strategy in &strategies {
            let partners = Partners::of(&records, &strategy.cells[0], &strategy.cells[1]);
            for cells in &partners.alone {
                let words = words::alone(cells, &sides);
                match alone.iter_mut().find(|(known, _)| *known == words) {
                    Some((_, of)) => of.push(&strategy.title),
                    None => alone.push((words, vec![&strategy.title])),
                }
            }
            all_pairs.extend(partners.pairs.iter().copied());
            partners_of.push(partners.pairs);
        }
        left_out.extend(
            alone
                .into_iter()
                .map(|(words, of)| match of.len() == strategies.len() {
                    true => words,
                    false => format!("{words} ({})", of.join(", ")),
                }),
        );
        let (scopes, no_overall) = source.scopes(&all_pairs);
        left_out.extend(no_overall);
        // Over all streams if that means something, or else stream by stream.
        let overall = scopes.iter().position(|scope| scope.name == OVERALL);
        let scopes = match overall {
            Some(overall) => &scopes[overall..=overall],
            None => &scopes[..],
        };
        let mut blocks = Vec::new();
        for scope in scopes {
            for &metric in &source.columns {
                let line = |(strategy, pairs): (&sides::InBoth, &Vec<[usize; 2]>)| {
                    let pairs = pairs.iter().filter(|pair| scope.pairs.contains(pair));
                    let pairs: Vec<[usize; 2]> = pairs.copied().collect();
                    Compared {
                        strategy: Some(strategy.title.clone()),
                        metric: source.metrics[metric].clone(),
                        outcome: source.outcome(metric, &pairs, &sides),
                    }
                };
                let lines = strategies.iter().zip(&partners_of).map(line);
                blocks.push(Block::of(scope.name.clone(), lines.collect()));
            }
        }
        Ok(Self {
            sides,
            of_runs: true,
            blocks,
            left_out,
        })
    }
}

const OVERALL: &str = "overall";

/// The pairs of a stream, or of all streams.
struct Scope {
    name: String,
    pairs: Vec<[usize; 2]>,
}

impl Block {
    fn of(scope: String, mut lines: Vec<Compared>) -> Self {
        let p = |line: &Compared| {
            line.outcome
                .as_ref()
                .ok()
                .and_then(|outcome| outcome.paired.p)
        };
        let corrected = holm(&lines.iter().map(p).collect::<Vec<_>>());
        for (line, corrected) in lines.iter_mut().zip(corrected) {
            if let Ok(outcome) = &mut line.outcome {
                outcome.corrected = corrected;
            }
        }
        Self { scope, lines }
    }
}

impl<'a> Source<'a> {
    fn new(
        records: &'a [CellRecord],
        metrics: &'a dyn MetricSet,
        choice: &Choice,
    ) -> Result<Self, ReportError> {
        Ok(Self {
            columns: choice.columns(metrics.infos())?,
            values: evaluate(records, metrics)?,
            metrics: metrics.infos(),
            records,
        })
    }

    fn outcome(
        &self,
        metric: usize,
        pairs: &[[usize; 2]],
        sides: &[String; 2],
    ) -> Result<Outcome, String> {
        let values = pairs.iter().filter_map(|&[a, b]| {
            let stream = self.records[a].cell.stream.name.as_str();
            let [a, b] = [a, b].map(|cell| self.values[cell][metric]);
            Some((stream, [a?, b?]))
        });
        let values: Vec<(&str, [f64; 2])> = values.collect();
        let differences = values.iter().map(|(stream, [a, b])| (*stream, a - b));
        let differences: Vec<(&str, f64)> = differences.collect();
        let Some(paired) = Paired::of(&differences) else {
            let reasons = pairs.first().into_iter().flatten().zip(sides);
            let reasons = reasons.filter_map(|(&cell, side)| {
                let reason = absence(&self.records[cell], &self.metrics[metric]);
                let missing = self.values[cell][metric].is_none();
                missing.then(|| format!("{side}: {reason}"))
            });
            let reasons: Vec<String> = reasons.collect();
            return Err(match reasons.is_empty() {
                true => "no pairs".to_owned(),
                false => reasons.join("; "),
            });
        };
        let mean = |side: usize| {
            values.iter().map(|(_, pair)| pair[side]).sum::<f64>() / values.len() as f64
        };
        Ok(Outcome {
            means: [mean(0), mean(1)],
            paired,
            corrected: None,
        })
    }

    /// The pairs of each stream, and all of them if there are several streams; or why all of them
    /// together would mean nothing.
    fn scopes(&self, pairs: &[[usize; 2]]) -> (Vec<Scope>, Option<String>) {
        let mut scopes: Vec<Scope> = Vec::new();
        for &pair in pairs {
            let stream = &self.records[pair[0]].cell.stream.name;
            match scopes.iter_mut().find(|scope| scope.name == *stream) {
                Some(scope) => scope.pairs.push(pair),
                None => scopes.push(Scope {
                    name: stream.clone(),
                    pairs: vec![pair],
                }),
            }
        }
        if scopes.len() < 2 {
            return (scopes, None);
        }
        let first = scopes.iter().map(|scope| &self.records[scope.pairs[0][0]]);
        if !have_a_mean(&first.collect::<Vec<_>>()) {
            let why = "there is no comparison over streams: they share a domain, or classes come \
                       back in some of them only";
            return (scopes, Some(why.to_owned()));
        }
        scopes.push(Scope {
            name: OVERALL.to_owned(),
            pairs: pairs.to_vec(),
        });
        (scopes, None)
    }
}

#[cfg(test)]
mod tests;
