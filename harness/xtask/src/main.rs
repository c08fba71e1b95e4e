//! `cargo xtask …`: everything that takes more than one cargo command.
//!
//! Plugins on libtorch need a libtorch of exactly one version to compile, link and load. This crate sees to it that there is one
//! ([`libtorch`]), then calls cargo with the flags that let build, lints, tests, docs and benchmarks share one compilation of
//! tch's C++ side ([`steps`]). It depends on nothing else of the workspace and on few crates, so it is there in seconds.

mod cli;
mod environment;
mod libtorch;
mod steps;
mod workspace;

use cli::Command;
use std::process::ExitCode;
use workspace::Workspace;

/// What xtask itself ends with when a step or the set-up fails, and when it is called wrongly.
const FAILED: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let command = match Command::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            print!("{}", cli::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(command) => command,
        Err(error) => {
            eprintln!("error: {error}\n\n{}", cli::HELP.trim_end());
            return ExitCode::from(USAGE);
        }
    };
    match Workspace::locate().and_then(|workspace| steps::carry_out(&command, &workspace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}
