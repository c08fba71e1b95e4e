//! A part of a scenario: some of its strategies, domains and seeds.

use super::error::{Problem, ScenarioError};
use super::resolved::Scenario;
use super::yaml::{KeyPath, Origin};
use crate::id::Seed;
use indexmap::IndexSet;

/// What to keep of a scenario. An empty list keeps everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Strategies (`--only`): the name of a row, `linear[lr=0.1]`, or of a strategy, `linear`, for
    /// all rows of its grid.
    pub only: Vec<String>,
    /// Domains (`--domain`).
    pub domains: Vec<String>,
    /// Seeds (`--seed`).
    pub seeds: Vec<Seed>,
}

impl Scenario {
    /// The scenario with only the selected strategies, domains and seeds, in the file's order.
    ///
    /// # Errors
    ///
    /// If the scenario has no strategy, domain or seed of a selected name.
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
        for name in &selection.domains {
            if !selected.domains.iter().any(|domain| domain.name == *name) {
                let known = selected
                    .domains
                    .iter()
                    .map(|domain| domain.name.clone())
                    .collect();
                return Err(self.unknown("--domain", "domain", name.clone(), known));
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
        if !selection.domains.is_empty() {
            selected
                .domains
                .retain(|domain| selection.domains.contains(&domain.name));
        }
        if !selection.seeds.is_empty() {
            selected.seeds.retain(|seed| selection.seeds.contains(seed));
        }
        Ok(selected)
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
