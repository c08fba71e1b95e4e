//! One file per command: from arguments to the library, and back to what the user reads.

mod check;
mod children;
mod compare;
mod completions;
mod describe;
mod fetch;
mod init;
mod inspect;
mod leaderboard;
mod line;
mod ls;
mod new;
mod plan;
mod print;
mod report;
mod resolve;
mod results;
mod run;
mod schema;
mod tables;
mod validate;
mod verify;

use crate::cli::{
    Cli, Command, DataCommand, FetchCommand, NewCommand, PluginCommand, ResultsCommand,
};
use crate::error::Error;
use crate::full_disk;

/// Carries out the command.
///
/// # Errors
///
/// Any [`Error`]: its text is for the user, and it knows its exit code.
pub fn run(cli: Cli) -> Result<(), Error> {
    // If that fails, the system ends the process at the limit, as it does for other programs.
    let _ = full_disk::survive_size_limit();
    command(cli).map_err(Error::or_full_disk)
}

fn command(cli: Cli) -> Result<(), Error> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Validate(args) => validate::validate(&args),
        Command::Plan {
            scenario,
            json,
            features,
        } => plan::plan(&scenario, json, features),
        Command::Cell { line, out, claimed } => line::cell(&line, &out, claimed),
        Command::Features(line) => line::features(&line),
        Command::Ls {
            what,
            name,
            plugins,
        } => ls::ls(what, name.as_deref(), &plugins),
        Command::Leaderboard(args) => leaderboard::leaderboard(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Data {
            command:
                DataCommand::Verify {
                    scenario,
                    domain,
                    with,
                    set,
                },
        } => verify::verify(&scenario, &domain, &with, &set),
        Command::Results {
            command: ResultsCommand::Verify(args),
        } => results::verify(&args),
        Command::Results {
            command: ResultsCommand::Pack { dir, out },
        } => results::pack(&dir, &out),
        Command::Fetch {
            command: FetchCommand::Model { model, revision },
        } => fetch::model(&model, revision.as_deref()),
        Command::Plugin {
            command: PluginCommand::Inspect { file },
        } => inspect::inspect(&file),
        Command::Plugin {
            command: PluginCommand::Check(args),
        } => check::check(&args),
        Command::Init { dir, out } => init::init(&dir, out.as_deref()),
        Command::New {
            command: NewCommand::Strategy(args),
        } => new::strategy(&args),
        Command::Completions { shell } => completions::completions(shell),
        Command::Schema { plugins } => schema::schema(&plugins),
        Command::Probe => children::probe(),
        Command::Testkit => children::testkit(),
        Command::Embed { set } => children::embed(set),
        Command::Report(args) => report::report(&args),
        Command::Gather { dir, width } => children::gather(&dir, width),
    }
}
