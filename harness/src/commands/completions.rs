//! `clbench completions`: scripts that complete commands and options in a shell.

use super::print::print_data;
use crate::cli::Cli;
use crate::error::Error;
use clap::{Command, CommandFactory};
use clap_complete::Shell;

pub(super) fn completions(shell: Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(&Cli::command()), "clbench", &mut script);
    print_data(&String::from_utf8_lossy(&script))
}

/// The command without the subcommands that only clbench itself calls.
fn visible(command: &Command) -> Command {
    let subcommands = command.get_subcommands();
    Command::new("clbench")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .subcommand_required(true)
        .args(command.get_arguments())
        .subcommands(subcommands.filter(|subcommand| !subcommand.is_hide_set()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_completes_the_commands_that_users_call() {
        for &shell in Shell::value_variants() {
            let mut script = Vec::new();
            let mut command = visible(&Cli::command());
            clap_complete::generate(shell, &mut command, "clbench", &mut script);
            let script = String::from_utf8(script).unwrap();
            for shown in ["leaderboard", "save-predictions", "completions"] {
                assert!(script.contains(shown), "{shell}: {shown}");
            }
            for hidden in ["probe", "embed"] {
                assert!(!script.contains(hidden), "{shell}: {hidden}");
            }
        }
    }
}
