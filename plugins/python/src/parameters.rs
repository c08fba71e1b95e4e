//! What a scenario says of a strategy in Python.

use harness_abi::ParameterSet;
use serde::Deserialize;
use std::path::PathBuf;

/// Which class of which file, and what it is given. Scenarios write `python: FILE:CLASS` instead.
#[derive(Debug, Clone, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The file, relative to the scenario.
    #[parameter(required)]
    pub file: PathBuf,
    /// The class in the file, a subclass of `clbench.Strategy`.
    #[parameter(required)]
    pub class: String,
    /// The class's own parameters, checked against its class `Parameters`. Not set: its defaults.
    pub parameters: Option<serde_json::Value>,
    /// The Python interpreter. Not set: that of the active virtual environment, else `python3`.
    pub interpreter: Option<PathBuf>,
    /// A folder with the sources as they were when the run was planned, which are used instead of
    /// the files. Set by the program.
    pub snapshot: Option<PathBuf>,
    /// Whether the terminal is left to the strategy, for a debugger. Set by the program.
    #[serde(default)]
    #[parameter(default = false)]
    pub debug: bool,
}
