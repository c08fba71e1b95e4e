//! A part of a scenario: some of its strategies, streams and seeds.

use super::error::{Problem, ScenarioError};
use super::resolved::{DomainUse, Scenario};
use super::yaml::{KeyPath, Origin};
use crate::id::Seed;
use indexmap::IndexSet;

/// What to keep of a scenario. An empty list keeps everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Strategies (`--only`): the name of a row, `linear[lr=0.1]`, or of a strategy, `linear`, for
    /// all rows of its grid.
    pub only: Vec<String>,
    /// Domains (`--domain`): the streams that have no other domains.
    pub domains: Vec<String>,
    /// Streams (`--stream`).
    pub streams: Vec<String>,
    /// Seeds (`--seed`).
    pub seeds: Vec<Seed>,
}

impl Scenario {
    /// The scenario with only the selected strategies, streams and seeds, in the file's order, and
    /// the domains that these streams have.
    ///
    /// # Errors
    ///
    /// If the scenario has no strategy, domain, stream or seed of a selected name, or no stream has
    /// only the selected domains.
    pub fn select(&self, selection: &Selection) -> Result<Self, ScenarioError> {
        let mut selected = self.clone();
        let strategies = &mut selected.strategies;
        for name in &selection.only {
            if !strategies
                .iter()
                .any(|row| row.name == *name || row.base == *name)
            {
                let known = (strategies.iter())
                    .flat_map(|row| [row.base.clone(), row.name.clone()])
                    .collect::<IndexSet<_>>();
                let known = known.into_iter().collect();
                return Err(self.unknown("--only", "strategy", name.clone(), known));
            }
        }
        self.domains_named(&selection.domains)?;
        for name in &selection.streams {
            if !selected.streams.iter().any(|stream| stream.name == *name) {
                let streams = selected.streams.iter();
                let known = streams.map(|stream| stream.name.clone()).collect();
                return Err(self.unknown("--stream", "stream", name.clone(), known));
            }
        }
        for seed in &selection.seeds {
            if !selected.seeds.contains(seed) {
                let known = selected.seeds.iter().map(Seed::to_string).collect();
                return Err(self.unknown("--seed", "seed", seed.to_string(), known));
            }
        }
        if !selection.only.is_empty() {
            strategies.retain(|row| {
                selection
                    .only
                    .iter()
                    .any(|name| row.name == *name || row.base == *name)
            });
        }
        if !selection.streams.is_empty() {
            selected
                .streams
                .retain(|stream| selection.streams.contains(&stream.name));
        }
        if !selection.domains.is_empty() {
            selected.streams.retain(|stream| {
                let mut domains = stream.domains.iter();
                domains.all(|part| selection.domains.contains(&part.domain))
            });
            if selected.streams.is_empty() {
                let name = selection.domains.join(" --domain ");
                let origin = Some(Origin::Argument(format!("--domain {name}")));
                let problem = Problem::NoStreamOfDomains;
                return Err(ScenarioError::new(
                    &self.file,
                    origin,
                    KeyPath::root(),
                    problem,
                ));
            }
        }
        let streams = &selected.streams;
        selected
            .domains
            .retain(|domain| streams.iter().any(|stream| stream.has(&domain.name)));
        if !selection.seeds.is_empty() {
            selected.seeds.retain(|seed| selection.seeds.contains(seed));
        }
        Ok(selected)
    }

    /// The domains with these names (`--domain`), in the file's order; without names, all.
    ///
    /// # Errors
    ///
    /// If the scenario has no domain of a name.
    pub fn domains_named(&self, names: &[String]) -> Result<Vec<&DomainUse>, ScenarioError> {
        for name in names {
            if !self.domains.iter().any(|domain| domain.name == *name) {
                let domains = self.domains.iter();
                let known = domains.map(|domain| domain.name.clone()).collect();
                return Err(self.unknown("--domain", "domain", name.clone(), known));
            }
        }
        let named = |domain: &&DomainUse| names.is_empty() || names.contains(&domain.name);
        Ok(self.domains.iter().filter(named).collect())
    }

    fn unknown(
        &self,
        option: &str,
        what: &'static str,
        name: String,
        known: Vec<String>,
    ) -> ScenarioError {
        let origin = Some(Origin::Argument(format!("{option} {name}")));
        ScenarioError::new(
            &self.file,
            origin,
            KeyPath::root(),
            Problem::UnknownName { what, name, known },
        )
    }
}
