//! `clbench report`: a page about results, and its figures as files.

use super::leaderboard::{columns, rank_by, say_left_out};
use crate::atomic;
use crate::cli::ReportArgs;
use crate::error::Error;
use crate::metric::{Choice, PluginMetrics};
use crate::plugin::Registry;
use crate::published::Published;
use crate::regular_file::{self, LARGEST_LIST};
use crate::report::{PAGE_MARK, Page};
use crate::results::{RunFolder, Shown, load};
use crate::terminal;
use std::io;
use std::path::Path;

pub(super) fn report(args: &ReportArgs) -> Result<(), Error> {
    check_out(&args.out)?;
    let published = Published::built_in()?;
    let registry = Registry::discover(&args.plugins.search_path())?;
    let metrics = PluginMetrics::load(&PluginMetrics::find(&registry, None)?)?;
    let folders: Vec<RunFolder> = args.dirs.iter().map(RunFolder::new).collect();
    let choice = Choice {
        rank_by: rank_by(&folders, args.rank_by.clone())?,
        columns: columns(&folders, args.metrics.clone())?,
    };
    let shown = if args.all { Shown::All } else { Shown::Current };
    let loaded = load(&folders, shown)?;
    let description = description(&folders)?;
    let page = Page::of(&loaded.records, &metrics, &choice, &published, description)?;
    let html = page.html();
    atomic::write(&args.out, html.as_bytes()).map_err(Error::file(&args.out))?;
    terminal::say(format_args!(
        "wrote {} ({:.1} MB); open it in a browser",
        args.out.display(),
        html.len() as f64 / 1e6
    ));
    if let Some(folder) = &args.figures {
        let figures = page.figures();
        for figure in &figures {
            for (ending, content) in [("svg", &figure.svg), ("csv", &figure.csv)] {
                let path = folder.join(format!("{}.{ending}", figure.name));
                atomic::write(&path, content.as_bytes()).map_err(Error::file(&path))?;
            }
        }
        terminal::say(format_args!(
            "wrote {} figures to {}, each as SVG and its numbers as CSV",
            figures.len(),
            folder.display()
        ));
    }
    say_left_out(&loaded);
    Ok(())
}

/// Refuses to overwrite a file that is not a page of clbench, before anything is computed.
fn check_out(out: &Path) -> Result<(), Error> {
    match regular_file::read(out, LARGEST_LIST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::file(out)(error)),
        Ok(content) if content.is_empty() => Ok(()),
        Ok(content) => {
            let mark = PAGE_MARK.as_bytes();
            let begins = &content[..content.len().min(4096)];
            match begins.windows(mark.len()).any(|window| window == mark) {
                true => Ok(()),
                false => Err(Error::Usage(format!(
                    "`{}` exists and is not a report of clbench; choose another file with `-o FILE`",
                    out.display()
                ))),
            }
        }
    }
}

/// What the scenario is for, if all folders are of one.
fn description(folders: &[RunFolder]) -> Result<Option<String>, Error> {
    let mut found: Vec<Option<String>> = Vec::new();
    for folder in folders {
        let run = folder.run_file()?;
        let latest = run.as_ref().and_then(|run| run.latest());
        found.push(latest.and_then(|plan| plan.description.clone()));
    }
    found.dedup();
    Ok(match &found[..] {
        [one] => one.clone(),
        _ => None,
    })
}
