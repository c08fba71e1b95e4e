//! `clbench leaderboard`: tables of results that are there.

use super::print;
use super::run::RunFile;
use crate::cli::PluginArgs;
use crate::error::Error;
use crate::metric::PluginMetrics;
use crate::plugin::Registry;
use crate::report::{CellRecord, Format, Leaderboard, load};
use std::path::PathBuf;

pub(super) fn leaderboard(
    dirs: &[PathBuf],
    format: Format,
    metrics: &[String],
    plugins: &PluginArgs,
) -> Result<(), Error> {
    let registry = Registry::discover(&plugins.search_path())?;
    let set = PluginMetrics::load(&PluginMetrics::find(&registry, None)?)?;
    let mut records: Vec<CellRecord> = Vec::new();
    for dir in dirs {
        let found = load(std::slice::from_ref(dir))?;
        // Cells that an earlier version of the scenario left behind are not its results any more.
        match RunFile::read(dir)? {
            Some(run) => {
                let position =
                    |record: &CellRecord| run.cells.iter().position(|id| *id == record.id);
                let mut planned: Vec<_> = found
                    .into_iter()
                    .filter_map(|record| Some((position(&record)?, record)))
                    .collect();
                planned.sort_by_key(|(position, _)| *position);
                records.extend(planned.into_iter().map(|(_, record)| record));
            }
            None => records.extend(found),
        }
    }
    print(&Leaderboard::build(&records, &set, None)?.render(format, metrics)?)
}
