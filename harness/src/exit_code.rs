//! The program's exit codes.

use std::process;

/// The exit code of `clbench` and of the processes that it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Everything that was asked for was done.
    Good = 0,
    /// A bug in clbench, or a failure of the system such as a full disk.
    Internal = 1,
    /// The command line or the scenario is wrong.
    Usage = 2,
    /// A plugin is missing, damaged, or failed.
    Plugin = 3,
    /// The files of a domain or a backbone are missing or damaged.
    Data = 4,
    /// Some cells failed; the others have their results.
    Cells = 5,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

impl ExitCode {
    /// All of them, in order.
    pub const ALL: [ExitCode; 7] = [
        ExitCode::Good,
        ExitCode::Internal,
        ExitCode::Usage,
        ExitCode::Plugin,
        ExitCode::Data,
        ExitCode::Cells,
        ExitCode::Interrupted,
    ];

    /// What it means, as `clbench --help` says it.
    pub fn meaning(self) -> &'static str {
        match self {
            ExitCode::Good => "Success",
            ExitCode::Internal => "Internal error, or a system failure such as a full disk",
            ExitCode::Usage => "Invalid command line or scenario",
            ExitCode::Plugin => "A plugin is missing, damaged, or failed",
            ExitCode::Data => "Files of a domain or a backbone are missing or damaged",
            ExitCode::Cells => "Some cells failed; the others have their results",
            ExitCode::Interrupted => "Interrupted by Ctrl-C",
        }
    }

    /// The code that a child process ended with; any other status is an internal error.
    pub fn of_status(code: Option<i32>) -> ExitCode {
        ExitCode::ALL
            .into_iter()
            .find(|&known| code == Some(known as i32))
            .unwrap_or(ExitCode::Internal)
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> process::ExitCode {
        process::ExitCode::from(code as u8)
    }
}
