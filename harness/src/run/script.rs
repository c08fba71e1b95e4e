//! How a strategy that is a script is started: with what its plugin needs to know besides the
//! parameters that are part of the cell.

use serde_json::{Value, json};
use std::path::Path;

/// How a script is started on this machine. It affects no number, so it is not part of a cell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Start<'a> {
    /// The interpreter, if the scenario names one.
    pub interpreter: Option<&'a Path>,
    /// The copy of its sources that is run; none for the files themselves.
    pub snapshot: Option<&'a Path>,
    /// Whether the terminal is left to it, for a debugger.
    pub debug: bool,
}

impl Start<'_> {
    /// The parameters as the plugin gets them.
    pub(super) fn with(self, parameters: &Value) -> Value {
        let mut parameters = parameters.clone();
        if let Some(interpreter) = self.interpreter {
            parameters["interpreter"] = json!(interpreter);
        }
        if let Some(snapshot) = self.snapshot {
            parameters["snapshot"] = json!(snapshot);
        }
        if self.debug {
            parameters["debug"] = json!(true);
        }
        parameters
    }
}
