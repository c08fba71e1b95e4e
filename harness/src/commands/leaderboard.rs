//! `clbench leaderboard`: prints tables of existing results.

use super::print::{print, print_data};
use crate::cli::LeaderboardArgs;
use crate::error::Error;
use crate::metric::{Choice, PluginMetrics};
use crate::plugin::Registry;
use crate::published::Published;
use crate::report::export::{LATEX, TERMINAL};
use crate::report::{Export, Leaderboard, Pivot, Report};
use crate::results::{Loaded, RunFolder, Shown, load};
use crate::terminal;
use harness_abi::Matrix;

pub(super) fn leaderboard(args: &LeaderboardArgs) -> Result<(), Error> {
    check_latex(args)?;
    let published = match &args.published {
        Some(Some(file)) => Some(Published::read(file)?),
        Some(None) => Some(Published::built_in()?),
        None => None,
    };
    let registry = Registry::discover(&args.plugins.search_path())?;
    let metrics = PluginMetrics::load(&PluginMetrics::find(&registry, None)?)?;
    let folders: Vec<RunFolder> = args.dirs.iter().map(RunFolder::new).collect();
    let choice = match &args.pivot {
        Some(metric) => Choice {
            rank_by: Some(metric.clone()),
            columns: vec![metric.clone()],
        },
        None => Choice {
            rank_by: rank_by(&folders, args.rank_by.clone())?,
            columns: columns(&folders, args.metrics.clone())?,
        },
    };
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
    match &args.pivot {
        Some(metric) => {
            let pivot = Pivot::of(&leaderboard, metric)?;
            let pivot = pivot.captioned(args.caption.clone(), args.label.clone());
            print_report(args.format, &pivot)?;
        }
        None => print_report(args.format, &leaderboard)?,
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
    say_left_out(&loaded);
    Ok(())
}

/// Says which records are not shown.
pub(super) fn say_left_out(loaded: &Loaded) {
    for (folder, hidden) in &loaded.left_out {
        let (plural, are) = if *hidden == 1 {
            ("", "is")
        } else {
            ("s", "are")
        };
        terminal::say(format_args!(
            "note: {hidden} record{plural} of earlier plans in {} {are} not shown; `--all` shows them",
            folder.display()
        ));
    }
}

/// Prints a report in a format.
pub(super) fn print_report(format: &dyn Export, report: &dyn Report) -> Result<(), Error> {
    let text = format.write(report, terminal::width());
    match format.name() == TERMINAL.name() {
        true => print(&text),
        false => print_data(&text),
    }
}

/// Checks that what only LaTeX has is asked of LaTeX.
fn check_latex(args: &LeaderboardArgs) -> Result<(), Error> {
    let options = [("--caption", &args.caption), ("--label", &args.label)];
    let given = options.iter().find(|(_, value)| value.is_some());
    if let Some((option, _)) = given
        && args.format.name() != LATEX.name()
    {
        return Err(Error::Usage(format!(
            "`{option}` is for `--format latex`, and this is `--format {}`; change one of them",
            args.format.name()
        )));
    }
    let breaks = |letter: char| "{}\\%#~&$^ ".contains(letter) || letter.is_control();
    match &args.label {
        Some(label) if label.is_empty() || label.contains(breaks) => Err(Error::Usage(format!(
            "`--label {label}` is no name that `\\ref` takes; use letters, digits, `:` and `-`, as in `tab:main`"
        ))),
        _ => Ok(()),
    }
}

/// The metric that the argument chooses to rank by; by default, that which the scenarios of all
/// folders agree on, as they were when they were last run.
pub(super) fn rank_by(
    folders: &[RunFolder],
    given: Option<String>,
) -> Result<Option<String>, Error> {
    if given.is_some() {
        return Ok(given);
    }
    let runs = choices(folders)?;
    let agreed = agreed(
        runs.iter().map(|(folder, run)| (*folder, &run.rank_by)),
        "rank by different metrics; choose one with `--rank-by METRIC`",
    )?;
    Ok(agreed.flatten())
}

/// The metrics that the arguments choose to show; by default, as for [`rank_by`].
pub(super) fn columns(folders: &[RunFolder], given: Vec<String>) -> Result<Vec<String>, Error> {
    if !given.is_empty() {
        return Ok(given);
    }
    let runs = choices(folders)?;
    let agreed = agreed(
        runs.iter().map(|(folder, run)| (*folder, &run.columns)),
        "show different metrics; choose some with `--metric METRIC`",
    )?;
    Ok(agreed.unwrap_or_default())
}

/// What the scenario of each folder with `run.json` chooses.
fn choices(folders: &[RunFolder]) -> Result<Vec<(&RunFolder, Choice)>, Error> {
    let mut runs = Vec::new();
    for folder in folders {
        if let Some(run) = folder.run_file()?
            && let Some(latest) = run.latest()
        {
            runs.push((folder, Choice::of(latest)));
        }
    }
    Ok(runs)
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
