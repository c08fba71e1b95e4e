//! `clbench leaderboard`: prints tables of existing results.

use super::print::{print, print_data};
use crate::cli::LeaderboardArgs;
use crate::error::Error;
use crate::metric::{Choice, PluginMetrics};
use crate::plugin::Registry;
use crate::published::Published;
use crate::report::Leaderboard;
use crate::report::export::TERMINAL;
use crate::results::{RunFolder, Shown, load};
use crate::terminal;
use harness_abi::Matrix;

pub(super) fn leaderboard(args: &LeaderboardArgs) -> Result<(), Error> {
    let published = match &args.published {
        Some(Some(file)) => Some(Published::read(file)?),
        Some(None) => Some(Published::built_in()?),
        None => None,
    };
    let registry = Registry::discover(&args.plugins.search_path())?;
    let metrics = PluginMetrics::load(&PluginMetrics::find(&registry, None)?)?;
    let folders: Vec<RunFolder> = args.dirs.iter().map(RunFolder::new).collect();
    let choice = choice(&folders, args.metrics.clone(), args.rank_by.clone())?;
    let shown = if args.all { Shown::All } else { Shown::Current };
    let loaded = load(&folders, shown)?;
    let mut leaderboard = Leaderboard::build(&loaded.records, &metrics, &choice, None)?;
    let mut found = true;
    if let Some(published) = published {
        let shown_only = !args.metrics.is_empty();
        leaderboard = leaderboard.beside(&published, &loaded.records, shown_only);
        let mut sections = leaderboard.sections.iter();
        found = sections.any(|section| !section.published.is_empty());
    }
    leaderboard.per_domain = match args.per_domain.as_deref() {
        Some("all") => Some(Matrix::All),
        Some(_) => Some(Matrix::Task),
        None => None,
    };
    let text = args.format.write(&leaderboard, terminal::width());
    match args.format.name() == TERMINAL.name() {
        true => print(&text)?,
        false => print_data(&text)?,
    }
    if !found {
        terminal::say(format_args!(
            "note: there are no published figures on these data sets{}; a domain is recognised by its name or split hash",
            if args.metrics.is_empty() {
                ""
            } else {
                " in these metrics"
            }
        ));
    }
    for (folder, hidden) in loaded.left_out {
        let (plural, are) = if hidden == 1 {
            ("", "is")
        } else {
            ("s", "are")
        };
        terminal::say(format_args!(
            "note: {hidden} record{plural} of earlier plans in {} {are} not shown; `--all` shows them",
            folder.display()
        ));
    }
    Ok(())
}

/// The metrics that the arguments choose; by default, those that the scenarios of all folders agree
/// on, as they were when they were last run.
fn choice(
    folders: &[RunFolder],
    columns: Vec<String>,
    rank_by: Option<String>,
) -> Result<Choice, Error> {
    let mut runs: Vec<(&RunFolder, Choice)> = Vec::new();
    for folder in folders {
        if let Some(run) = folder.run_file()?
            && let Some(latest) = run.latest()
        {
            runs.push((folder, Choice::of(latest)));
        }
    }
    let rank_by = match rank_by {
        Some(rank_by) => Some(rank_by),
        None => agreed(
            runs.iter().map(|(folder, run)| (*folder, &run.rank_by)),
            "rank by different metrics; choose one with `--rank-by METRIC`",
        )?
        .flatten(),
    };
    let columns = match columns.is_empty() {
        false => columns,
        true => agreed(
            runs.iter().map(|(folder, run)| (*folder, &run.columns)),
            "show different metrics; choose some with `--metric METRIC`",
        )?
        .unwrap_or_default(),
    };
    Ok(Choice { rank_by, columns })
}

/// The value that all runs share; `None` if there are no runs.
fn agreed<'a, T: Clone + PartialEq + 'a>(
    mut runs: impl Iterator<Item = (&'a RunFolder, &'a T)>,
    otherwise: &str,
) -> Result<Option<T>, Error> {
    let Some((first, chosen)) = runs.next() else {
        return Ok(None);
    };
    match runs.find(|(_, other)| *other != chosen) {
        None => Ok(Some(chosen.clone())),
        Some((other, _)) => Err(Error::Usage(format!(
            "the scenarios of `{}` and `{}` {otherwise}",
            first.path().display(),
            other.path().display()
        ))),
    }
}
