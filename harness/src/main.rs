//! The program `clbench`. The library's documentation is a tour of the code.

use clap::Parser;
use harness::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match harness::commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code().into()
        }
    }
}
