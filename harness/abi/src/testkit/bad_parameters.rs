//! Bad parameters: a mistake in the scenario must come back as one line that names the key.

use super::report::{Check, Report};
use crate::error::{Error, ErrorCode};
use serde_json::{Value, json};

/// Parameters that must be rejected, and the path of the key that is wrong.
pub(crate) type Bad = (Value, String);

/// A key that no plugin has.
const UNKNOWN: &str = "no_such_parameter";

/// Passes every set of bad parameters to `attempt`, and the good ones with an unknown key added.
pub(crate) fn check(
    good: &Value,
    bad: &[Bad],
    attempt: impl Fn(&Value) -> Result<(), Error>,
    report: &mut Report,
) {
    let mut unknown = match good {
        Value::Object(_) => good.clone(),
        _ => json!({}),
    };
    unknown[UNKNOWN] = json!(1);
    let unknown = (unknown, UNKNOWN.to_owned());
    for (parameters, path) in bad.iter().chain([&unknown]) {
        let wrong = match attempt(parameters) {
            Ok(()) => "was accepted".to_owned(),
            Err(error) if error.code() != ErrorCode::PARAMETER => {
                format!("gave an error with another code than `PARAMETER`: {error}")
            }
            Err(error) if error.parameter_path() != Some(path) => {
                format!("gave an error that does not name the key: {error}")
            }
            Err(_) => continue,
        };
        let fix = if path == UNKNOWN {
            "add `#[serde(deny_unknown_fields)]` to the type of the parameters"
        } else {
            "reject it with `Error::parameter` and the key's dotted path"
        };
        report.fail(
            Check::Parameters,
            format!("{parameters}, which is invalid at `{path}`, {wrong}; {fix}"),
        );
    }
}
