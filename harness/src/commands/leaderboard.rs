//! `clbench leaderboard`: tables of results that are there.

use super::print::print;
use crate::cli::PluginArgs;
use crate::error::Error;
use crate::metric::{Choice, PluginMetrics};
use crate::plugin::Registry;
use crate::report::{Export, Leaderboard};
use crate::results::{RunFolder, load};
use std::path::PathBuf;

pub(super) fn leaderboard(
    dirs: &[PathBuf],
    format: &dyn Export,
    columns: Vec<String>,
    rank_by: Option<String>,
    plugins: &PluginArgs,
) -> Result<(), Error> {
    let registry = Registry::discover(&plugins.search_path())?;
    let metrics = PluginMetrics::load(&PluginMetrics::find(&registry, None)?)?;
    let folders: Vec<RunFolder> = dirs.iter().map(RunFolder::new).collect();
    let choice = choice(&folders, columns, rank_by)?;
    let leaderboard = Leaderboard::build(&load(&folders)?, &metrics, &choice, None)?;
    print(&format.write(&leaderboard))
}

/// What the arguments choose; otherwise what the scenarios of all folders agree on.
fn choice(
    folders: &[RunFolder],
    columns: Vec<String>,
    rank_by: Option<String>,
) -> Result<Choice, Error> {
    let mut of_runs: Vec<(&RunFolder, Choice)> = Vec::new();
    for folder in folders {
        if let Some(run) = folder.run_file()? {
            of_runs.push((folder, Choice::of(&run)));
        }
    }
    let agreed = |what: &str, option: &str, part: fn(&Choice) -> String| {
        let Some((first, choice)) = of_runs.first() else {
            return Ok(Choice::default());
        };
        match of_runs
            .iter()
            .find(|(_, other)| part(other) != part(choice))
        {
            None => Ok(choice.clone()),
            Some((other, _)) => Err(Error::Usage(format!(
                "the scenarios of `{}` and `{}` {what} different metrics; choose with `{option}`",
                first.path().display(),
                other.path().display()
            ))),
        }
    };
    let rank_by = match rank_by {
        Some(rank_by) => Some(rank_by),
        None => {
            agreed("rank by", "--rank-by NAME", |choice| {
                choice.rank_by.clone().unwrap_or_default()
            })?
            .rank_by
        }
    };
    let columns = match columns.is_empty() {
        false => columns,
        true => agreed("show", "--metric NAME", |choice| choice.columns.join(","))?.columns,
    };
    Ok(Choice { rank_by, columns })
}
