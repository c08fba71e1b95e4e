//! `cargo xtask …`: everything that takes more than one cargo command.
//!
//! Plugins on libtorch need exactly one version of libtorch to compile, link and load. This crate
//! finds or fetches it ([`libtorch`]), then calls cargo with flags that let build, lints, tests,
//! docs and benchmarks share one compilation of tch's C++ code ([`steps`]). It also builds the
//! manual ([`book`]) and packs what Python installs ([`wheel`]). It depends on few crates, so that
//! it compiles in seconds.

mod book;
mod cli;
mod environment;
mod libtorch;
mod stand_alone;
mod steps;
mod wheel;
mod workspace;

use cli::Command;
use std::process::ExitCode;
use workspace::Workspace;

/// Exit codes of xtask itself: a step or the set-up failed; the command line is wrong.
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
