//! Published figures beside the own rows of a section.
//!
//! A section is about the data sets that its cells learned; every figure on the same data sets
//! belongs beside it. A figure is compared with the own row of the same strategy, or else with the
//! row whose protocol is closest. It is never ranked.

use super::figure::Beside;
use super::leaderboard::Leaderboard;
use super::standing::{Entry, Scope, Score, Section};
use super::statistics::Summary;
use crate::metric::MetricInfo;
use crate::published::{self, Aspect, Figure, Mark, Published};
use crate::results::CellRecord;
use crate::scenario::Regime;
use serde_json::Value;
use std::collections::BTreeSet;

impl Leaderboard {
    /// Adds the published figures on each section's data sets: those in one of the shown metrics if
    /// `shown_only`, or else all. `records` are those that the leaderboard was built from.
    #[must_use]
    pub fn beside(
        mut self,
        published: &Published,
        records: &[CellRecord],
        shown_only: bool,
    ) -> Self {
        let shown: Vec<&str> = self
            .columns
            .iter()
            .map(|&index| self.metrics[index].name.as_str())
            .collect();
        let wanted = |metric: &str| !shown_only || shown.contains(&metric);
        for section in &mut self.sections {
            let mut figures = Context {
                published,
                records,
                metrics: &self.metrics,
                section,
            }
            .figures(&wanted);
            // Else in the order of the file.
            figures.sort_by_key(|figure| match figure.mark.distance() {
                (0, 0) => 0,
                (0, _) => 1,
                _ => 2,
            });
            section.published = figures;
        }
        self
    }
}

struct Context<'a> {
    published: &'a Published,
    records: &'a [CellRecord],
    metrics: &'a [MetricInfo],
    section: &'a Section,
}

impl Context<'_> {
    fn figures(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<Beside> {
        let Some(datasets) = self.datasets() else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in &self.published.entries {
            let same = entry.datasets.iter().map(String::as_str);
            if same.collect::<BTreeSet<_>>() != datasets {
                continue;
            }
            for figure in &entry.figures {
                for (metric, value) in figure.values.iter().chain(&figure.other_values) {
                    if !wanted(metric) {
                        continue;
                    }
                    let (row, same_strategy, mark) = self.closest(entry, figure, metric);
                    found.push(Beside {
                        method: figure.method.clone(),
                        strategy: figure.strategy.clone(),
                        metric: metric.clone(),
                        printed: value.text.clone(),
                        mean: value.mean,
                        std: value.std,
                        runs: entry.n_runs(),
                        source: self.published.source(entry),
                        mark,
                        row: row.label.clone(),
                        own: self.own(row, metric).filter(|_| same_strategy),
                    });
                }
            }
        }
        found
    }

    /// The ids of the section's data sets; `None` if it is a mean over streams, a domain is not
    /// known, or two are of one data set.
    fn datasets(&self) -> Option<BTreeSet<&str>> {
        if matches!(self.section.scope, Scope::Overall { .. }) {
            return None;
        }
        let domains = &self.cells(self.section.entries.first()?)[0]
            .cell
            .stream
            .domains;
        let id = |domain: &crate::results::CellDomain| {
            self.published.dataset(&domain.name, &domain.split_hash)
        };
        let ids: BTreeSet<&str> = domains.iter().map(id).collect::<Option<_>>()?;
        (ids.len() == domains.len()).then_some(ids)
    }

    fn cells(&self, row: &Entry) -> Vec<&CellRecord> {
        row.cells.iter().map(|&cell| &self.records[cell]).collect()
    }

    /// The row that a figure is compared with, whether it is the same strategy, and the mark.
    fn closest(
        &self,
        entry: &published::Entry,
        figure: &Figure,
        metric: &str,
    ) -> (&Entry, bool, Mark) {
        let info = self.metrics.iter().find(|info| info.name == metric);
        let matrix = info.and_then(|info| Some((metric, info.matrix?)));
        let compared = self.section.entries.iter().map(|row| {
            let cells = self.cells(row);
            let same_strategy = is(figure, cells[0]);
            let mut mark = published::compare(self.published, entry, &cells, matrix);
            if same_strategy && row.adaptation.is_some() {
                mark.differs.push(Aspect::Method);
            }
            (row, same_strategy, mark)
        });
        compared
            .min_by_key(|(_, same_strategy, mark)| (!same_strategy, mark.distance()))
            .expect("a section has a row")
    }

    fn own(&self, row: &Entry, metric: &str) -> Option<Summary> {
        let index = self.metrics.iter().position(|info| info.name == metric)?;
        match row.scores[index] {
            Score::Measured { summary, .. } => Some(summary),
            Score::Absent(_) => None,
        }
    }
}

/// Whether a cell is the method of a figure: its strategy, regime, and the parameters that matter.
fn is(figure: &Figure, record: &CellRecord) -> bool {
    let strategy = &record.cell.strategy;
    let set = |(name, value): (&String, &Value)| strategy.parameters.get(name) == Some(value);
    figure.strategy.as_ref() == Some(&strategy.use_)
        && figure.regime.unwrap_or(Regime::Sequential) == strategy.regime
        && figure.parameters.iter().all(set)
}
