//! What the program's exit status says.

use std::process;

/// The exit status of `clbench`, of its own processes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// All that was asked for was done.
    Good = 0,
    /// A defect of clbench, or a system that refuses to work (a full disk).
    Internal = 1,
    /// The command line or the scenario is wrong.
    Usage = 2,
    /// A plugin is missing, damaged, or failed.
    Plugin = 3,
    /// A domain's or a backbone's files are missing or damaged.
    Data = 4,
    /// Some cells failed; the others have their results.
    Cells = 5,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

impl ExitCode {
    /// The code that a process of ours ended with.
    pub fn of_status(code: Option<i32>) -> ExitCode {
        match code {
            Some(0) => ExitCode::Good,
            Some(2) => ExitCode::Usage,
            Some(3) => ExitCode::Plugin,
            Some(4) => ExitCode::Data,
            Some(5) => ExitCode::Cells,
            Some(130) => ExitCode::Interrupted,
            _ => ExitCode::Internal,
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> process::ExitCode {
        process::ExitCode::from(code as u8)
    }
}
