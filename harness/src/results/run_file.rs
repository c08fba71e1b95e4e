//! `run.json`: the plans of the runs in a folder.
//!
//! A folder belongs to one scenario. Each run of it joins with the plan of its selection, such as
//! `--seed 1`, and replaces older plans of the same or a smaller selection. Tables show the cells
//! of all plans together; if two plans have a cell for the same stream, row and seed, that of the
//! newer one.

use super::Cell;
use crate::id::Seed;
use crate::plugin::PluginRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::num::NonZeroUsize;

/// The format of `run.json`.
pub const RUN_FORMAT: u32 = 3;

/// What the runs in a folder consist of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// Its format.
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The plans, the latest last.
    pub plans: Vec<RunPlan>,
}

/// What one run consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    /// Which part of the scenario it runs.
    #[serde(default)]
    pub selection: PlanSelection,
    /// What the scenario is for.
    pub description: Option<String>,
    /// Names of the streams, in the scenario's order.
    #[serde(alias = "domains")]
    pub streams: Vec<String>,
    /// The seeds.
    pub seeds: Vec<Seed>,
    /// The metrics to compute, by name, and the plugin of each.
    pub metrics: Vec<(String, PluginRef)>,
    /// The metric that ranks strategies, if the scenario sets it.
    #[serde(default)]
    pub rank_by: Option<String>,
    /// The metrics that tables show, if the scenario sets them.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// The cells, in the order of the tables.
    pub cells: Vec<PlannedCell>,
}

/// The part of a scenario that a run was asked for. The order and repetitions of arguments do not
/// matter; an empty set selects everything. A key that is overridden with `--set`, or a file that is
/// added with `--with`, is a change of the scenario, as an edit of its file is, and no selection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanSelection {
    /// `--only`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only: BTreeSet<String>,
    /// `--domain`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub domains: BTreeSet<String>,
    /// `--stream`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub streams: BTreeSet<String>,
    /// `--seed`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seeds: BTreeSet<Seed>,
    /// `--limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroUsize>,
    /// `--validation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
}

/// A cell of a plan: its id, and its place in the tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCell {
    /// Its id.
    pub id: String,
    /// The name of its stream.
    pub stream: String,
    /// The strategy's row.
    pub row: String,
    /// What tables call the row, if not by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its seed.
    pub seed: Seed,
}

impl PlannedCell {
    /// The place of a cell.
    pub fn of(cell: &Cell) -> PlannedCell {
        PlannedCell {
            id: cell.id.clone(),
            stream: cell.stream.name.clone(),
            row: cell.strategy.row.clone(),
            label: cell.strategy.label.clone(),
            seed: cell.seed,
        }
    }
}

impl RunFile {
    /// The runs of a scenario, before the first one joins.
    pub fn new(scenario: &str) -> RunFile {
        RunFile {
            format: RUN_FORMAT,
            scenario: scenario.to_owned(),
            plans: Vec::new(),
        }
    }

    /// Reads the content of `run.json`.
    ///
    /// # Errors
    ///
    /// If it is damaged, or of another format.
    pub(super) fn parse(json: &[u8]) -> Result<RunFile, String> {
        let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let parsed = match value["format"].as_u64() {
            Some(2) => RunFileOfFormat2::deserialize(value).map(RunFileOfFormat2::upgraded),
            Some(3) => RunFile::deserialize(value),
            Some(other) => {
                return Err(format!(
                    "it has format {other}, but this clbench reads formats 2 and {RUN_FORMAT}"
                ));
            }
            None => return Err("it does not say its format".into()),
        };
        let run = parsed.map_err(|error| error.to_string())?;
        let mut cells = run.plans.iter().flat_map(|plan| &plan.cells);
        match cells.find(|cell| cell.id.contains('/')) {
            None => Ok(run),
            Some(cell) => Err(format!("`{}` is no cell's id", cell.id)),
        }
    }

    /// Adds a plan as the latest, in place of older ones whose selection it covers.
    pub fn add(&mut self, plan: RunPlan) {
        let selection = &plan.selection;
        self.plans.retain(|old| !selection.covers(&old.selection));
        self.plans.push(plan);
    }

    /// The latest plan.
    pub fn latest(&self) -> Option<&RunPlan> {
        self.plans.last()
    }

    /// What tables call each row: as the latest plan that has it says, whatever records say. `None`
    /// stands for the row's name.
    pub fn labels(&self) -> BTreeMap<&str, Option<&str>> {
        let mut labels = BTreeMap::new();
        for plan in self.plans.iter().rev() {
            // Within a plan, all cells of a row agree.
            let known: Vec<&str> = labels.keys().copied().collect();
            let new = plan.cells.iter();
            let new = new.filter(|cell| known.binary_search(&&*cell.row).is_err());
            labels.extend(new.map(|cell| (&*cell.row, cell.label.as_deref())));
        }
        labels
    }

    /// The cells that tables show, by stream, then strategy, then seed; each in the order of the
    /// latest plan, followed by what only older plans have.
    pub fn current(&self) -> Vec<&PlannedCell> {
        let mut taken = HashSet::new();
        let mut cells: Vec<&PlannedCell> = Vec::new();
        for plan in self.plans.iter().rev() {
            let slots = plan.cells.iter().map(|cell| plan.slot(cell));
            let free: Vec<bool> = slots.clone().map(|slot| !taken.contains(&slot)).collect();
            taken.extend(slots);
            let free = plan.cells.iter().zip(free);
            cells.extend(free.filter(|(_, free)| *free).map(|(cell, _)| cell));
        }
        let streams = ranks(cells.iter().map(|cell| &cell.stream));
        let rows = ranks(cells.iter().map(|cell| &cell.row));
        let seeds = ranks(cells.iter().map(|cell| cell.seed));
        cells.sort_by_key(|cell| (streams[&cell.stream], rows[&cell.row], seeds[&cell.seed]));
        cells
    }
}

impl PlanSelection {
    /// Whether everything that the other selects is selected by this one too.
    fn covers(&self, other: &PlanSelection) -> bool {
        fn all<T: Ord>(ours: &BTreeSet<T>, theirs: &BTreeSet<T>) -> bool {
            ours.is_empty() || (!theirs.is_empty() && theirs.is_subset(ours))
        }
        all(&self.only, &other.only)
            && all(&self.domains, &other.domains)
            && all(&self.streams, &other.streams)
            && all(&self.seeds, &other.seeds)
            && (self.limit, self.validation) == (other.limit, other.validation)
    }
}

impl RunPlan {
    /// What a newer plan's cell must have in common with a cell to replace it in the tables.
    fn slot<'a>(&self, cell: &'a PlannedCell) -> impl Eq + Hash + use<'a> {
        (
            (&cell.stream, &cell.row, cell.seed),
            self.selection.limit,
            self.selection.validation.map(f64::to_bits),
        )
    }
}

/// The rank of each value in the order of first occurrence.
fn ranks<T: Eq + Hash>(values: impl Iterator<Item = T>) -> HashMap<T, usize> {
    let mut ranks = HashMap::new();
    for value in values {
        let next = ranks.len();
        ranks.entry(value).or_insert(next);
    }
    ranks
}

/// `run.json` as it was when it had one plan, without its selection.
#[derive(Deserialize)]
struct RunFileOfFormat2 {
    scenario: String,
    description: Option<String>,
    domains: Vec<String>,
    seeds: Vec<Seed>,
    strategies: Vec<String>,
    metrics: Vec<(String, PluginRef)>,
    #[serde(default)]
    rank_by: Option<String>,
    #[serde(default)]
    columns: Option<Vec<String>>,
    cells: Vec<String>,
}

impl RunFileOfFormat2 {
    /// The same as a list of one plan. Its cells are those of all domains, strategies and seeds, in
    /// this order.
    fn upgraded(self) -> RunFile {
        let (rows, seeds) = (&self.strategies, &self.seeds);
        let places = self.domains.iter().flat_map(|stream| {
            let of_row = move |row| seeds.iter().map(move |&seed| (stream, row, seed));
            rows.iter().flat_map(of_row)
        });
        let cell = |((stream, row, seed), id): ((&String, &String, Seed), &String)| PlannedCell {
            id: id.clone(),
            stream: stream.clone(),
            row: row.clone(),
            label: None,
            seed,
        };
        let cells = places.zip(&self.cells).map(cell).collect();
        let mut run = RunFile::new(&self.scenario);
        run.add(RunPlan {
            selection: PlanSelection::default(),
            description: self.description,
            streams: self.domains,
            seeds: self.seeds,
            metrics: self.metrics,
            rank_by: self.rank_by,
            columns: self.columns,
            cells,
        });
        run
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::plan;
    use super::*;
    use serde_json::json;

    fn ids(run: &RunFile) -> Vec<&str> {
        run.current().iter().map(|cell| cell.id.as_str()).collect()
    }

    fn seed(seed: u64) -> PlanSelection {
        PlanSelection {
            seeds: [Seed(seed)].into(),
            ..PlanSelection::default()
        }
    }

    #[test]
    fn plans_of_different_selections_are_shown_together() {
        let mut run = RunFile::new("s");
        run.add(plan(seed(1), &["near", "far"], &["a", "b"], &[1], "v1"));
        run.add(plan(seed(2), &["far"], &["b", "c"], &[2], "v1"));
        assert_eq!(
            ids(&run),
            [
                "far-b-2-v1",
                "far-b-1-v1",
                "far-c-2-v1",
                "far-a-1-v1",
                "near-b-1-v1",
                "near-a-1-v1"
            ]
        );
        // The same again is only the latest.
        let again = run.plans[0].clone();
        run.add(again);
        assert_eq!(run.plans.len(), 2);
        assert_eq!(
            ids(&run),
            [
                "near-a-1-v1",
                "near-b-1-v1",
                "far-a-1-v1",
                "far-b-1-v1",
                "far-b-2-v1",
                "far-c-2-v1"
            ]
        );
    }

    #[test]
    fn an_edited_scenario_replaces_the_cells_of_its_rows_and_seeds() {
        let mut run = RunFile::new("s");
        let whole = PlanSelection::default;
        run.add(plan(whole(), &["d"], &["a", "b"], &[1, 2], "v1"));
        // The same selection of an edited scenario: all of the older plan, also a deleted row.
        run.add(plan(whole(), &["d"], &["a", "c"], &[1, 2], "v2"));
        assert_eq!(ids(&run), ["d-a-1-v2", "d-a-2-v2", "d-c-1-v2", "d-c-2-v2"]);
        // Another selection: only what it has, even before it has been run.
        run.add(plan(seed(1), &["d"], &["a"], &[1], "v3"));
        assert_eq!(ids(&run), ["d-a-1-v3", "d-a-2-v2", "d-c-1-v2", "d-c-2-v2"]);
        // A quick try replaces nothing of a full run.
        let limited = PlanSelection {
            limit: NonZeroUsize::new(5),
            ..whole()
        };
        run.add(plan(limited, &["d"], &["a"], &[1], "v4"));
        assert_eq!(
            ids(&run),
            ["d-a-1-v4", "d-a-1-v3", "d-a-2-v2", "d-c-1-v2", "d-c-2-v2"]
        );
        // A run of everything replaces all older plans but that.
        run.add(plan(whole(), &["d"], &["b"], &[1], "v5"));
        assert_eq!(ids(&run), ["d-b-1-v5", "d-a-1-v4"]);
        assert_eq!(run.plans.len(), 2);
    }

    #[test]
    fn the_latest_plan_that_has_a_row_labels_it() {
        let mut run = RunFile::new("s");
        let labelled = |selection, rows: &[&str], label: Option<&str>| {
            let mut plan = plan(selection, &["d"], rows, &[1], "v1");
            for cell in &mut plan.cells {
                cell.label = label.map(|label| format!("{} {label}", cell.row));
            }
            plan
        };
        run.add(labelled(seed(1), &["a", "b", "c"], Some("(old)")));
        run.add(labelled(seed(2), &["a"], Some("(new)")));
        run.add(labelled(seed(3), &["b"], None));
        let labels = BTreeMap::from([("a", Some("a (new)")), ("b", None), ("c", Some("c (old)"))]);
        assert_eq!(run.labels(), labels);
        let json = serde_json::to_vec(&run).unwrap();
        assert_eq!(RunFile::parse(&json).unwrap().labels(), labels);
    }

    #[test]
    fn a_file_with_one_plan_is_read_and_a_later_format_is_not() {
        let old = json!({
            "format": 2, "scenario": "s", "description": null, "domains": ["near", "far"], "seeds": [1, 2],
            "strategies": ["a"], "metrics": [], "rank_by": "faa",
            "cells": ["near-a-1-v1", "near-a-2-v1", "far-a-1-v1", "far-a-2-v1"],
        });
        let mut run = RunFile::new("s");
        let selection = PlanSelection::default();
        let mut expected = plan(selection, &["near", "far"], &["a"], &[1, 2], "v1");
        expected.rank_by = Some("faa".into());
        run.add(expected);
        assert_eq!(RunFile::parse(old.to_string().as_bytes()).unwrap(), run);
        let now = serde_json::to_vec(&run).unwrap();
        assert_eq!(RunFile::parse(&now).unwrap(), run);
        let outside = String::from_utf8(now)
            .unwrap()
            .replace("far-a-2", "../far-a-2");
        assert_eq!(
            RunFile::parse(outside.as_bytes()).unwrap_err(),
            "`../far-a-2-v1` is no cell's id"
        );
        assert_eq!(
            RunFile::parse(br#"{"format": 4}"#).unwrap_err(),
            "it has format 4, but this clbench reads formats 2 and 3"
        );
    }
}
