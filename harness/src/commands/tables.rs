//! The CSV files of a run folder, made from its records.

use crate::error::Error;
use crate::metric::{Choice, PluginMetrics};
use crate::report::{Coverage, Leaderboard, write_tables};
use crate::results::{CellRecord, RunFolder, RunPlan};
use std::collections::HashSet;

/// What a folder's tables were made from.
pub(super) struct Tables {
    /// The leaderboard of the plan's own cells.
    pub(super) leaderboard: Leaderboard,
    /// How many cells of other runs the tables have.
    pub(super) others: usize,
    /// How many records of other runs cannot be read.
    pub(super) unreadable: usize,
}

/// Writes the tables of all current plans' cells in `folder` to `into`, as a run with this plan
/// does. `None` if none of its cells has a record.
///
/// # Errors
///
/// If a record of the plan cannot be read, or a file cannot be written.
pub(super) fn write(
    folder: &RunFolder,
    into: &RunFolder,
    plan: &RunPlan,
    metrics: &PluginMetrics,
) -> Result<Option<Tables>, Error> {
    let own = folder.records_of(plan.cells.iter().map(|cell| cell.id.as_str()))?;
    if own.is_empty() {
        return Ok(None);
    }
    let choice = Choice::of(plan);
    let coverage = Coverage {
        streams: plan.streams.clone(),
        seeds: plan.seeds.clone(),
    };
    let (shared, unreadable) = shared_records(folder, plan, &own);
    let leaderboard = match &shared {
        None => write_tables(into, &own, metrics, &choice, Some(&coverage))?,
        Some(shared) => {
            write_tables(into, shared, metrics, &choice, None)?;
            Leaderboard::build(&own, metrics, &choice, Some(&coverage))?
        }
    };
    let own: HashSet<&str> = own.iter().map(|record| record.cell.id.as_str()).collect();
    let others = shared.iter().flatten();
    Ok(Some(Tables {
        leaderboard,
        others: others
            .filter(|record| !own.contains(record.cell.id.as_str()))
            .count(),
        unreadable,
    }))
}

/// The records of all current plans of the folder, unless they are this plan's own; and how many
/// cannot be read.
fn shared_records(
    folder: &RunFolder,
    plan: &RunPlan,
    own: &[CellRecord],
) -> (Option<Vec<CellRecord>>, usize) {
    // Whatever is wrong with the results of others, this run has its own.
    let Some(run) = folder.run_file().ok().flatten() else {
        return (None, 0);
    };
    let current = run.current();
    let ids = current.iter().map(|cell| cell.id.as_str());
    // They have been read: there may be ten thousand of them.
    if ids
        .clone()
        .eq(plan.cells.iter().map(|cell| cell.id.as_str()))
    {
        return (None, 0);
    }
    let (records, unreadable) = folder.readable_records_of(ids);
    ((records != own).then_some(records), unreadable)
}
