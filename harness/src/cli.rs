//! The command line, as written.

use crate::byte_size::ByteSize;
use crate::conformance::GivenParameter;
use crate::exit_code::ExitCode;
use crate::id::Seed;
use crate::plugin::SearchPath;
use crate::report::export::{self, EXPORTS, Export};
use crate::run::{GpuNumber, SlurmOptions};
use crate::scenario::{Limits, Selection, SetOverride, WrittenDuration};
use crate::shipped;
use crate::stream::open::Restriction;
use clap::builder::{PathBufValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Compare continual-learning strategies for vision-language models
#[derive(Debug, Parser)]
#[command(name = "clbench", version, propagate_version = true, after_help = after_help())]
pub struct Cli {
    /// The command to carry out.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario's remaining cells, write its tables and print the leaderboard
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Check that a scenario would run here: parameters, data, weights, plugins, device
    #[command(after_help = VALIDATE_EXAMPLES)]
    Validate(ValidateArgs),
    /// List the cells that `run` would compute
    #[command(after_help = PLAN_EXAMPLES)]
    Plan {
        /// Which cells.
        #[command(flatten)]
        scenario: ScenarioArgs,
        /// Print each cell as one line of JSON with everything that `clbench cell` needs to run it
        #[arg(long)]
        json: bool,
        /// Print the sets of features that the cells need instead, for `clbench features`
        #[arg(long, requires = "json")]
        features: bool,
    },
    /// Run one cell of a plan, as one task of a cluster's array does
    #[command(after_help = CELL_EXAMPLES)]
    Cell {
        /// Which one.
        #[command(flatten)]
        line: LineArgs,
        /// Run folder
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Run it even if it has a record; the calling process has claimed it
        #[arg(long, hide = true)]
        claimed: bool,
    },
    /// Compute one set of features of a plan, before the cells that need it
    #[command(after_help = FEATURES_EXAMPLES)]
    Features(LineArgs),
    /// List available strategies, backbones, metrics, domains or plugins
    Ls {
        /// What to list
        #[arg(value_name = "KIND")]
        what: Listed,
        /// Show only this one, in full: a strategy's or backbone's parameters, a source's keys
        name: Option<String>,
        /// Where to look for plugins.
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Print the leaderboard of one or more run folders
    #[command(after_help = LEADERBOARD_EXAMPLES)]
    Leaderboard(LeaderboardArgs),
    /// Write a page with tables and figures of one or more run folders
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Test whether the difference between two strategies could be chance
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArgs),
    /// Write a scenario for a folder of images
    #[command(after_help = INIT_EXAMPLES)]
    Init {
        /// Folder with `train/<class>/` and `test/<class>/`, or with `<class>/` alone
        #[arg(value_name = "DIR", default_value = ".")]
        dir: PathBuf,
        /// File to write; an existing file is never overwritten [default: DIR/scenario.yaml]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Create a plugin project
    New {
        /// What to do.
        #[command(subcommand)]
        command: NewCommand,
    },
    /// Inspect a scenario's data
    Data {
        /// What to do.
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Check results, or pack them into one file
    Results {
        /// What to do.
        #[command(subcommand)]
        command: ResultsCommand,
    },
    /// Download model weights
    Fetch {
        /// What to do.
        #[command(subcommand)]
        command: FetchCommand,
    },
    /// Inspect and check plugin files
    Plugin {
        /// What to do.
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Print the JSON Schema of scenario files, with the parameters of the plugins found
    Schema {
        /// Where to look for plugins.
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// Shell to complete commands in
        shell: Shell,
    },
    /// Check plugins' parameters (a process of `run`)
    #[command(hide = true)]
    Probe,
    /// Run the testkit on what a plugin offers (a process of `plugin check`)
    #[command(hide = true)]
    Testkit,
    /// Compute features (a process of `run` and `features`)
    #[command(hide = true)]
    Embed {
        /// Compute a whole set instead of a part of one
        #[arg(long)]
        set: bool,
    },
    /// Write a run's tables (a process of `run`)
    #[command(hide = true)]
    Gather {
        /// Run folder
        dir: PathBuf,
        /// Width of the terminal that shows the table
        #[arg(long, value_name = "COLUMNS")]
        width: Option<usize>,
    },
}

/// Options of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Scenario file, or the name of a scenario that comes with clbench, such as quickstart
    #[arg(value_parser = scenario_parser())]
    pub scenario: PathBuf,
    /// Add what this file has to the scenario, such as your own strategies (repeatable)
    #[arg(long, value_name = "FILE")]
    pub with: Vec<PathBuf>,
    /// Override a key of the scenario, such as strategies.NAME.KEY=VALUE (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<SetOverride>,
    /// Fail if anything could not be checked
    #[arg(long)]
    pub strict: bool,
    /// Where to look for plugins.
    #[command(flatten)]
    pub plugins: PluginArgs,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Which cells.
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// Folder for the results [default: results/runs/NAME, with the scenario's name]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Number of cells to run at a time: on the CPU of this machine [default: 1], or in each array
    /// job on a cluster [default: as many as Slurm allows]
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    pub jobs: Option<NonZeroUsize>,
    /// GPUs to run cells on, one at a time on each, for `device: cuda`, such as cuda:0,cuda:1; list
    /// one twice to run two cells on it [default: all visible GPUs]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub devices: Vec<GpuNumber>,
    /// Where to run cells
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = Engine::Local)]
    pub on: Engine,
    /// Options of sbatch for every job, such as "--partition=gpu --gres=gpu:1 --time=4:00:00"
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub slurm: Option<SlurmOptions>,
    /// Submit jobs to the cluster and return; run again to see how they are doing
    #[arg(long)]
    pub detach: bool,
    /// Print what would be run, or the scripts that would be submitted; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Run cells again that failed in an earlier run
    #[arg(long)]
    pub retry_failed: bool,
    /// Start no cell after one has failed
    #[arg(long)]
    pub fail_fast: bool,
    /// End a cell that runs longer, such as 90s, 30m or 2h [default: the scenario's `limits.time`]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<WrittenDuration>,
    /// End a cell that uses more memory, such as 16GiB [default: the scenario's `limits.memory`]
    #[arg(long, value_name = "SIZE", value_parser = Limits::parse_memory)]
    pub memory_limit: Option<ByteSize>,
    /// Run the first cell of a strategy in Python in the foreground, so that `breakpoint()` stops
    /// in it; without limits, and nothing is recorded
    #[arg(long)]
    pub debug_python: bool,
}

impl RunArgs {
    /// What each cell may use, as far as the command line says it.
    pub fn limits(&self) -> Limits {
        Limits {
            time: self.timeout,
            memory: self.memory_limit,
        }
    }
}

/// What runs cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// This machine
    Local,
    /// A cluster with Slurm, as array jobs
    Slurm,
}

/// A line of a plan.
#[derive(Debug, Args)]
pub struct LineArgs {
    /// File written by `clbench plan --json` [default: standard input]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Number of the line, from 1 [default: the only line]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub line: Option<NonZeroUsize>,
}

/// Options of `leaderboard`.
#[derive(Debug, Args)]
pub struct LeaderboardArgs {
    /// Folders written by `run`, such as results/runs/quickstart, or files of packed results
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_parser = export_parser(), default_value = EXPORTS[0].name())]
    pub format: &'static dyn Export,
    /// Show this metric (repeatable) [default: the scenario's `columns`]
    #[arg(long = "metric", value_name = "METRIC")]
    pub metrics: Vec<String>,
    /// Rank by this metric [default: the scenario's `rank_by`]
    #[arg(long, value_name = "METRIC")]
    pub rank_by: Option<String>,
    /// Show all records, also those of earlier versions of the scenario
    #[arg(long)]
    pub all: bool,
    /// Show Transfer, Avg and Last on each domain, among these candidates, instead of metrics
    #[arg(long, value_name = "MATRIX", value_parser = ["task", "all"])]
    pub per_domain: Option<String>,
    /// Add published figures on the same data sets, each with a note on whether its protocol is
    /// the same [default FILE: the figures that come with clbench]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub published: Option<Option<PathBuf>>,
    /// Show only this metric, of every strategy on every stream, as papers do
    #[arg(
        long,
        value_name = "METRIC",
        conflicts_with_all = ["metrics", "rank_by", "per_domain", "published"]
    )]
    pub pivot: Option<String>,
    /// Set the table's caption, in LaTeX; for `--pivot` and `--format latex` [default: the metric
    /// and the seeds]
    #[arg(long, value_name = "TEXT", requires = "pivot")]
    pub caption: Option<String>,
    /// Set the name of the table for `\ref`; for `--pivot` and `--format latex` [default:
    /// tab:METRIC]
    #[arg(long, value_name = "NAME", requires = "pivot")]
    pub label: Option<String>,
    /// Where to look for plugins.
    #[command(flatten)]
    pub plugins: PluginArgs,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Strategy by its name or label; without DIR, a run folder or a file of packed results
    pub a: String,
    /// Strategy or run to compare it with
    pub b: String,
    /// Folders written by `run`, or files of packed results, that have both strategies
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_parser = export_parser(), default_value = EXPORTS[0].name())]
    pub format: &'static dyn Export,
    /// Compare this metric (repeatable) [default: the scenario's `columns`]
    #[arg(long = "metric", value_name = "METRIC")]
    pub metrics: Vec<String>,
    /// Where to look for plugins.
    #[command(flatten)]
    pub plugins: PluginArgs,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folders written by `run`, such as results/runs/quickstart, or files of packed results
    #[arg(required = true, value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Page to write; only a page that clbench wrote is overwritten
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    pub out: PathBuf,
    /// Also write every figure as SVG, and its numbers as CSV, to this folder
    #[arg(long, value_name = "DIR")]
    pub figures: Option<PathBuf>,
    /// Show this metric (repeatable) [default: the scenario's `columns`]
    #[arg(long = "metric", value_name = "METRIC")]
    pub metrics: Vec<String>,
    /// Rank by this metric [default: the scenario's `rank_by`]
    #[arg(long, value_name = "METRIC")]
    pub rank_by: Option<String>,
    /// Show all records, also those of earlier versions of the scenario
    #[arg(long)]
    pub all: bool,
    /// Where to look for plugins.
    #[command(flatten)]
    pub plugins: PluginArgs,
}

/// A scenario, and which part of it to use.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    /// Scenario file, or the name of a scenario that comes with clbench, such as quickstart
    #[arg(value_parser = scenario_parser())]
    pub scenario: PathBuf,
    /// Select only this strategy (repeatable)
    #[arg(long, value_name = "STRATEGY")]
    pub only: Vec<String>,
    /// Select only streams over this domain (repeatable)
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Vec<String>,
    /// Select only this stream (repeatable)
    #[arg(long, value_name = "STREAM")]
    pub stream: Vec<String>,
    /// Select only this seed (repeatable)
    #[arg(long, value_name = "SEED")]
    pub seed: Vec<u64>,
    /// Use only the first N samples of each class and split
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<NonZeroUsize>,
    /// Test on this fraction of the training data instead of the test split, such as 0.2
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    pub validation: Option<f64>,
    /// Add what this file has to the scenario, such as your own strategies (repeatable)
    #[arg(long, value_name = "FILE")]
    pub with: Vec<PathBuf>,
    /// Override a key of the scenario, such as strategies.NAME.KEY=VALUE (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<SetOverride>,
    /// Save every prediction (row, sample, class and logits) next to the records
    #[arg(long)]
    pub save_predictions: bool,
    /// Keep which classes are taken for which after the last task: in records and confusion.csv
    #[arg(long)]
    pub confusion: bool,
    /// Where to look for plugins.
    #[command(flatten)]
    pub plugins: PluginArgs,
}

/// Where to look for plugins.
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// Search this folder for plugins before CLBENCH_PLUGIN_PATH and the program's folder
    /// (repeatable)
    #[arg(long = "plugin-dir", value_name = "DIR")]
    pub plugin_dirs: Vec<PathBuf>,
}

/// Kinds of projects that `new` creates.
#[derive(Debug, Subcommand)]
pub enum NewCommand {
    /// Create a strategy to start from: a Rust crate, or a Python file, and a scenario that runs it
    #[command(after_help = NEW_STRATEGY_EXAMPLES)]
    Strategy(NewStrategyArgs),
}

/// Options of `new strategy`.
#[derive(Debug, Args)]
pub struct NewStrategyArgs {
    /// Folder to create for a Rust crate; its name becomes the name of the strategy
    #[arg(value_name = "DIR", required_unless_present = "python")]
    pub dir: Option<PathBuf>,
    /// Write a Python file and a scenario beside it instead; its name becomes that of the class
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "name", "abi"])]
    pub python: Option<PathBuf>,
    /// Name of the crate and the strategy, such as my-strategy [default: DIR's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Folder of the harness-abi crate [default: the one this program was built with]
    #[arg(long, value_name = "DIR")]
    pub abi: Option<PathBuf>,
}

/// What to do with data.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Decode every image, find images in both splits, and compare counts and digests with `expect`
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify {
        /// Scenario file, or the name of a scenario that comes with clbench, such as quickstart
        #[arg(value_parser = scenario_parser())]
        scenario: PathBuf,
        /// Select only this domain (repeatable)
        #[arg(long, value_name = "DOMAIN")]
        domain: Vec<String>,
        /// Add what this file has to the scenario (repeatable)
        #[arg(long, value_name = "FILE")]
        with: Vec<PathBuf>,
        /// Override a key of the scenario, such as domains.NAME.path=DIR (repeatable)
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<SetOverride>,
    },
}

/// What to do with results.
#[derive(Debug, Subcommand)]
pub enum ResultsCommand {
    /// Check a run folder: whole records, tables that follow from them, and cells that give the
    /// same numbers again
    #[command(after_help = VERIFY_RESULTS_EXAMPLES)]
    Verify(VerifyResultsArgs),
    /// Put the records of a run folder into one small file, to be committed or sent
    #[command(after_help = PACK_EXAMPLES)]
    Pack {
        /// Folder written by `run`, such as results/runs/quickstart
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// File to write; only a file of packed results is overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Options of `results verify`.
#[derive(Debug, Args)]
pub struct VerifyResultsArgs {
    /// Folder written by `run`, such as results/runs/quickstart, or a file of packed results
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Run N cells again, chosen at random, and compare their results bit for bit
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub rerun: Option<NonZeroUsize>,
    /// Scenario to run the cells from, a file or a name [default: the plan of the folder's latest run
    /// on this machine]
    #[arg(long, value_name = "FILE", requires = "rerun", value_parser = scenario_parser())]
    pub scenario: Option<PathBuf>,
    /// Add what this file has to the scenario (repeatable)
    #[arg(long, value_name = "FILE", requires = "scenario")]
    pub with: Vec<PathBuf>,
    /// Override a key of the scenario, such as domains.NAME.path=DIR (repeatable)
    #[arg(long, value_name = "KEY=VALUE", requires = "scenario")]
    pub set: Vec<SetOverride>,
    /// Where to look for plugins.
    #[command(flatten)]
    pub plugins: PluginArgs,
}

/// What to download.
#[derive(Debug, Subcommand)]
pub enum FetchCommand {
    /// Download a CLIP or an ImageNet ViT from the Hugging Face hub into the hub's own cache
    ///
    /// Interrupted downloads resume, files are checksummed, and files already in the cache are
    /// skipped. HF_HOME and HF_HUB_CACHE choose the cache; HF_TOKEN gives access to gated models.
    #[command(after_help = FETCH_EXAMPLES)]
    Model {
        /// Name on the hub, such as openai/clip-vit-large-patch14
        #[arg(value_name = "MODEL")]
        model: String,
        /// Branch, tag or commit [default: main]
        #[arg(long, value_name = "REVISION")]
        revision: Option<String>,
    },
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Plugin files
    Plugins,
    /// Strategies offered by plugins
    Strategies,
    /// Backbones offered by plugins
    Backbones,
    /// Metrics offered by plugins
    Metrics,
    /// Sources of domains
    Domains,
}

/// What to do with a plugin file.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Run the testkit on a plugin's strategies and backbones
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Print a plugin file's manifest without running any of its code
    Inspect {
        /// Plugin file
        file: PathBuf,
    },
}

/// Options of `plugin check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Plugin file, or a class in a Python file, such as my_method.py:MyMethod
    pub file: PathBuf,
    /// Check only this strategy
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// Check only this backbone
    #[arg(long, value_name = "NAME", conflicts_with = "strategy")]
    pub backbone: Option<String>,
    /// Set a parameter, such as lr=0.1, or several with a JSON object (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub parameters: Vec<GivenParameter>,
    /// Set the seed of the strategy and of the testkit's inputs [default: 7]
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// Python that runs a strategy in Python [default: the plugin's own choice]
    #[arg(long, value_name = "PATH")]
    pub interpreter: Option<PathBuf>,
    /// Where to look for plugins.
    #[command(flatten)]
    pub plugins: PluginArgs,
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
            streams: self.stream.clone(),
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

/// A scenario's file, named by its path or, if it ships, by its name.
fn scenario_parser() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(shipped::scenario)
}

/// The export formats, from their registry.
fn export_parser() -> impl TypedValueParser<Value = &'static dyn Export> {
    let value =
        |export: &&'static dyn Export| PossibleValue::new(export.name()).help(export.summary());
    PossibleValuesParser::new(EXPORTS.iter().map(value))
        .map(|name| export::by_name(&name).expect("only registered names are accepted"))
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .map_err(|_| "expected a whole number of at least 1".into())
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fraction) if fraction > 0.0 && fraction < 1.0 => Ok(fraction),
        _ => Err("expected a number between 0 and 1, such as 0.2".into()),
    }
}

fn after_help() -> String {
    let mut text = String::from(
        "\
Examples:
  clbench run quickstart -j 2         Run a scenario, two cells in parallel
  clbench init ~/data/flowers         Write a scenario for your own images
  clbench new strategy my-strategy    Write your own strategy

Environment:
  CLBENCH_PLUGIN_PATH  Folders with plugins, separated like PATH
  CLBENCH_LIBTORCH     Folder with libtorch_cpu.so, for plugins that need libtorch
  CLBENCH_CACHE        Folder for cached features and libtorch [default: ~/.cache/clbench]

Exit codes:",
    );
    for code in ExitCode::ALL {
        text += &format!("\n  {:>3}  {}", code as u8, code.meaning());
    }
    text
}

const RUN_EXAMPLES: &str = "\
Cells that already have a record are skipped, and a cell that was killed resumes at its last
checkpoint, so an interrupted run resumes. Cells that failed are skipped too, unless --retry-failed
is given. Several runs of one scenario, also on several machines, can share a folder; each cell is
run by one of them.

Examples:
  clbench run scenario.yaml -j 4
  clbench run scenario.yaml --only cgil --seed 1992 --limit 20
  clbench run scenarios/quickstart.yaml --with my-strategies.yaml
  clbench run scenario.yaml --validation 0.2 --set strategies.linear-head.lr=0.03
  clbench run scenario.yaml --set device=cuda --devices cuda:0,cuda:1
  clbench run scenario.yaml --on slurm --slurm \"--partition=gpu --gres=gpu:1 --time=4:00:00\"";

const CELL_EXAMPLES: &str = "\
A cell that has a record is not run again, and one that was killed resumes at its last checkpoint.
If another process is running the cell, this one waits for it. The chapter \"On a cluster\" of the
manual has whole scripts.

Examples:
  clbench plan scenario.yaml --json > cells.jsonl
  clbench cell cells.jsonl --line 7 --out results/runs/mine
  clbench cell cells.jsonl --line $SLURM_ARRAY_TASK_ID --out results/runs/mine";

const FEATURES_EXAMPLES: &str = "\
Features that are in the cache are not computed again. A cell computes what is missing itself, so
this only saves cells from waiting for each other.

Examples:
  clbench plan scenario.yaml --json --features > features.jsonl
  clbench features features.jsonl --line 1";

const VALIDATE_EXAMPLES: &str = "\
A scenario is valid if a run of it would start. Images and weights that are not downloaded, plugins
that are not built, and a device that this machine lacks are listed as not checked. The plugins'
own checks run in a separate process.

Examples:
  clbench validate scenario.yaml
  clbench validate scenario.yaml --strict --set device=cuda:0";

const PLAN_EXAMPLES: &str = "\
Plugins check their parameters on the CPU, so a plan can be made on a machine without the
scenario's device.

Examples:
  clbench plan scenario.yaml --only cgil
  clbench plan scenario.yaml --json > cells.jsonl
  clbench plan scenario.yaml --json --features > features.jsonl";

const LEADERBOARD_EXAMPLES: &str = "\
A folder's table has the results of all its runs, such as `--seed 1` and `--seed 2`. After a change
of the scenario, it has the new results only.

Examples:
  clbench leaderboard results/runs/quickstart
  clbench leaderboard results/runs/a results/runs/b --format markdown
  clbench leaderboard results/quickstart.records results/runs/mine
  clbench leaderboard results/runs/quickstart --rank-by ci-transfer --metric ci-transfer
  clbench leaderboard results/runs/quickstart --pivot faa --format latex --label tab:main
  clbench leaderboard results/runs/ranpac-cifar-100 --published
  clbench leaderboard results/runs/mine --published=figures.yaml";

const REPORT_EXAMPLES: &str = "\
The page opens offline: style, script and figures are in the file.

Examples:
  clbench report results/runs/quickstart
  clbench report results/runs/a results/runs/b -o both.html
  clbench report results/quickstart.records --figures figures";

const COMPARE_EXAMPLES: &str = "\
Values are paired by stream and seed; only pairs with the same split, images, tasks and class order
count. The test is an exact permutation test of the paired differences, and its p-values are
corrected for the number of metrics, or of strategies, by Holm's method. Below six pairs there is no
p-value, since none could be below 0.05.

Examples:
  clbench compare ranpac cgil results/runs/quickstart
  clbench compare 'RanPAC (ours)' slda results/runs/a results/runs/b --metric faa
  clbench compare results/runs/after results/runs/before";

const INIT_EXAMPLES: &str = "\
If there is no test folder, init draws 20 % of each class for testing and writes that split to a
CSV file next to the scenario.

Examples:
  clbench init ~/data/flowers
  clbench init ~/data/flowers --out scenarios/flowers.yaml";

const NEW_STRATEGY_EXAMPLES: &str = "\
Examples:
  clbench new strategy my-strategy
  clbench new strategy research/Attempt3 --name my-strategy
  clbench new strategy --python my_method.py";

const CHECK_EXAMPLES: &str = "\
The testkit checks what a host relies on: the same seed gives the same bits, the state is everything
that a strategy remembers, a prediction does not depend on its batch, a pullback returns the
gradient, and more. It needs no data and no weights. Strategies learn short streams of pictures on a
toy backbone five times, so pass parameters that make training quick. Every strategy and backbone is
checked in a process of its own.

Examples:
  clbench plugin check target/release/libmy_strategy.so
  clbench plugin check target/release/libmy_strategy.so --strategy mine --parameters epochs=1
  clbench plugin check libmine.so --backbone mine --parameters '{\"path\": \"weights\"}'
  clbench plugin check my_method.py:MyMethod --interpreter venv/bin/python";

const VERIFY_EXAMPLES: &str = "\
Examples:
  clbench data verify scenario.yaml
  clbench data verify scenario.yaml --domain cub --set domains.cub.path=/data/CUB_200_2011";

const VERIFY_RESULTS_EXAMPLES: &str = "\
Examples:
  clbench results verify results/runs/quickstart
  clbench results verify results/runs/quickstart --rerun 3
  clbench results verify downloaded --rerun 3 --scenario scenarios/quickstart.yaml";

const PACK_EXAMPLES: &str = "\
`leaderboard` and `results verify` read the file like the folder. It has the records that the
folder's tables show, byte for byte, and the plan. It has neither logs nor predictions.

Examples:
  clbench results pack results/runs/quickstart --out results/quickstart.records
  clbench leaderboard results/quickstart.records results/runs/mine";

const FETCH_EXAMPLES: &str = "\
Example:
  clbench fetch model openai/clip-vit-large-patch14";

const COMPLETIONS_HELP: &str = "\
Where to put the script:
  bash        clbench completions bash > ~/.local/share/bash-completion/completions/clbench
  zsh         clbench completions zsh > ~/.zfunc/_clbench
              (before compinit in ~/.zshrc: fpath+=~/.zfunc)
  fish        clbench completions fish > ~/.config/fish/completions/clbench.fish
  powershell  clbench completions powershell >> $PROFILE
  elvish      clbench completions elvish >> ~/.config/elvish/rc.elv";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use expect_test::expect_file;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// What `--help` prints for a command and its visible subcommands.
    fn help(command: &clap::Command, path: &[&str], text: &mut String) {
        let line = [path, &["--help"]].concat();
        let asked = Cli::command().term_width(100);
        let answer = asked.try_get_matches_from(&line).unwrap_err();
        *text += &format!("$ {}\n{answer}\n", line.join(" "));
        for subcommand in command.get_subcommands() {
            if !subcommand.is_hide_set() {
                help(subcommand, &[path, &[subcommand.get_name()]].concat(), text);
            }
        }
    }

    #[test]
    fn help_texts() {
        let mut text = String::new();
        help(&Cli::command(), &["clbench"], &mut text);
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "too wide: {line}");
        }
        expect_file!["cli/help.txt"].assert_eq(&text);
    }
}
