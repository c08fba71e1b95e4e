//! The program `clbench`. The library's documentation is a tour of the code.

use clap::Parser;
use harness::cli::Cli;
use harness::terminal;
use std::process::ExitCode;

fn main() -> ExitCode {
    match harness::commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::say(format_args!("error: {error}"));
            error.exit_code().into()
        }
    }
}
