//! The command line, as written.

use crate::id::Seed;
use crate::plugin::SearchPath;
use crate::report::export::{self, EXPORTS, Export};
use crate::scenario::{Selection, SetOverride};
use crate::stream::open::Restriction;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Compares continual-learning strategies for vision-language models.
#[derive(Debug, Parser)]
#[command(name = "clbench", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run what is missing of a scenario, write its tables, and print the leaderboard
    Run(RunArgs),
    /// Check a scenario and its domains; needs no plugin
    Validate {
        /// The scenario
        scenario: PathBuf,
        /// Where plugins are.
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Print what `run` would do: a cell per line
    Plan {
        /// What of which scenario.
        #[command(flatten)]
        scenario: ScenarioArgs,
        /// Each cell as a line of JSON that says all that is needed to run it
        #[arg(long)]
        json: bool,
    },
    /// List what there is
    Ls {
        /// Of what kind
        what: Listed,
        /// Show this one in full: a strategy's or a backbone's parameters, a domain source's keys
        name: Option<String>,
        /// Where plugins are.
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Make tables of the results in one or more run folders
    Leaderboard {
        /// Folders that `run` wrote, such as results/runs/quickstart
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// The form
        #[arg(long, value_parser = export_parser(), default_value = EXPORTS[0].name())]
        format: &'static dyn Export,
        /// A metric to show; repeat it for more
        #[arg(long = "metric", value_name = "NAME")]
        metrics: Vec<String>,
        /// Rank by this metric instead of the scenario's
        #[arg(long, value_name = "NAME")]
        rank_by: Option<String>,
        /// Where plugins are.
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Look at the data of a scenario
    Data {
        /// What to do
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Bring what is needed onto this machine; nothing else touches the network
    Fetch {
        /// What to bring
        #[command(subcommand)]
        command: FetchCommand,
    },
    /// Look at plugin files
    Plugin {
        /// What to do
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Print the JSON Schema of scenarios
    Schema {
        /// Where plugins are.
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Check plugins' parameters (a process of `run`)
    #[command(hide = true)]
    Probe,
    /// Compute a cell's features (a process of `run`)
    #[command(hide = true)]
    Embed,
    /// Run the cell whose line of JSON is on standard input
    #[command(hide = true)]
    Cell {
        /// The run's folder
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Write a run's tables (a process of `run`)
    #[command(hide = true)]
    Report {
        /// The run's folder
        dir: PathBuf,
    },
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What of which scenario.
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// The folder for the results [default: results/runs/SCENARIO]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How many cells run at a time
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub jobs: NonZeroUsize,
}

/// What of which scenario.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    /// The scenario
    pub scenario: PathBuf,
    /// Only this strategy; repeat it for more
    #[arg(long, value_name = "STRATEGY")]
    pub only: Vec<String>,
    /// Only this domain; repeat it for more
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Vec<String>,
    /// Only this seed; repeat it for more
    #[arg(long, value_name = "SEED")]
    pub seed: Vec<u64>,
    /// Only the first N samples per class
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<NonZeroUsize>,
    /// Put this part of the training data in the place of every test split
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    pub validation: Option<f64>,
    /// Change a key of the scenario, such as strategies.NAME.KEY=VALUE; repeat it for more
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<SetOverride>,
    /// Keep every prediction: row, sample, class and logits, beside the records
    #[arg(long)]
    pub save_predictions: bool,
    /// Where plugins are.
    #[command(flatten)]
    pub plugins: PluginArgs,
}

/// Where plugins are.
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// A folder with plugins, searched before CLBENCH_PLUGIN_PATH and the program's own; repeat it for more
    #[arg(long = "plugin-dir", value_name = "DIR")]
    pub plugin_dirs: Vec<PathBuf>,
}

/// What to do with data.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Compare each domain with what the scenario expects, decode every image, and look for images in both splits
    Verify {
        /// The scenario
        scenario: PathBuf,
        /// Only this domain; repeat it for more
        #[arg(long, value_name = "DOMAIN")]
        domain: Vec<String>,
        /// Change a key of the scenario, such as domains.NAME.path=FOLDER; repeat it for more
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<SetOverride>,
    },
}

/// What to bring onto this machine.
#[derive(Debug, Subcommand)]
pub enum FetchCommand {
    /// The weights of a CLIP or an ImageNet ViT from the Hugging Face hub, into the hub's own cache (HF_HOME, HF_HUB_CACHE)
    Model {
        /// Its name on the hub, such as openai/clip-vit-large-patch14
        #[arg(value_name = "MODEL")]
        model: String,
        /// A branch, a tag or a commit [default: main]
        #[arg(long, value_name = "REVISION")]
        revision: Option<String>,
    },
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Plugin files
    Plugins,
    /// Strategies that plugins offer
    Strategies,
    /// Backbones that plugins offer
    Backbones,
    /// Metrics that plugins offer
    Metrics,
    /// Kinds of domains
    Domains,
}

/// What to do with a plugin file.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Say what a plugin file is, without running it
    Inspect {
        /// The file
        file: PathBuf,
    },
}

impl PluginArgs {
    /// The folders to search.
    pub fn search_path(&self) -> SearchPath {
        SearchPath::of_process(&self.plugin_dirs)
    }
}

impl ScenarioArgs {
    /// Which strategies, domains and seeds.
    pub fn selection(&self) -> Selection {
        Selection {
            only: self.only.clone(),
            domains: self.domain.clone(),
            seeds: self.seed.iter().map(|&seed| Seed(seed)).collect(),
        }
    }

    /// Which part of the data.
    pub fn restriction(&self) -> Restriction {
        Restriction {
            limit: self.limit,
            validation: self.validation,
        }
    }
}

/// The names of the forms, from where they are registered.
fn export_parser() -> impl TypedValueParser<Value = &'static dyn Export> {
    let value =
        |export: &&'static dyn Export| PossibleValue::new(export.name()).help(export.summary());
    PossibleValuesParser::new(EXPORTS.iter().map(value))
        .map(|name| export::by_name(&name).expect("only these names are let through"))
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "a whole number of at least 1 is needed".into())
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fraction) if fraction > 0.0 && fraction < 1.0 => Ok(fraction),
        _ => Err("a number between 0 and 1, such as 0.2, is needed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
