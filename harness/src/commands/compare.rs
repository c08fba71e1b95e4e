//! `clbench compare`: whether the difference between two strategies, or two runs, could be chance.

use super::leaderboard::{columns, print_report};
use crate::cli::CompareArgs;
use crate::error::Error;
use crate::metric::{Choice, PluginMetrics};
use crate::plugin::Registry;
use crate::report::Comparison;
use crate::results::{RunFolder, Shown, load};
use crate::terminal;
use std::path::Path;

pub(super) fn compare(args: &CompareArgs) -> Result<(), Error> {
    let dirs = match args.dirs.is_empty() {
        true => vec![run(&args.a)?, run(&args.b)?],
        false => args.dirs.iter().map(RunFolder::new).collect(),
    };
    let registry = Registry::discover(&args.plugins.search_path())?;
    let metrics = PluginMetrics::load(&PluginMetrics::find(&registry, None)?)?;
    let choice = Choice {
        rank_by: None,
        columns: columns(&dirs, args.metrics.clone())?,
    };
    let names = [&*args.a, &*args.b];
    let comparison = match args.dirs.is_empty() {
        true => {
            let [a, b] = [0, 1].map(|run| load(&dirs[run..=run], Shown::Current));
            let (a, b) = (a?.records, b?.records);
            Comparison::of_runs([&a, &b], &metrics, &choice, names)?
        }
        false => {
            let records = load(&dirs, Shown::Current)?.records;
            Comparison::of_strategies(&records, &metrics, &choice, names)?
        }
    };
    if comparison.blocks.iter().all(|block| block.lines.is_empty()) {
        let [a, b] = &comparison.sides;
        let why = comparison.left_out.join("\n  ");
        return Err(Error::Usage(format!(
            "`{a}` and `{b}` have nothing to compare: no stream that both learned with the same seed, split and class order\n  {why}"
        )));
    }
    print_report(args.format, &comparison)?;
    for left_out in &comparison.left_out {
        terminal::say(format_args!("note: not compared: {left_out}"));
    }
    Ok(())
}

/// A run, which must be there: a strategy's name needs a folder after it.
fn run(name: &str) -> Result<RunFolder, Error> {
    match Path::new(name).exists() {
        true => Ok(RunFolder::new(name)),
        false => Err(Error::Usage(format!(
            "there is no run folder `{name}`; to compare two strategies, name the folder of their results too: \
             `clbench compare A B DIR`"
        ))),
    }
}
