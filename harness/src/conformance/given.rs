//! Parameters on the command line: `lr=0.1`, or JSON.

use crate::error::Error;
use serde_json::{Map, Value, json};
use std::str::FromStr;

/// One argument: a parameter, or an object of several.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenParameter {
    /// The keys on the way to the value; none for an object of several.
    path: Vec<String>,
    value: Value,
}

impl FromStr for GivenParameter {
    type Err = String;

    fn from_str(argument: &str) -> Result<Self, String> {
        if argument.trim_start().starts_with('{') {
            let value: Map<String, Value> = serde_json::from_str(argument)
                .map_err(|error| format!("not valid JSON: {error}"))?;
            return Ok(GivenParameter {
                path: Vec::new(),
                value: value.into(),
            });
        }
        let (key, value) = argument
            .split_once('=')
            .filter(|(key, _)| !key.split('.').any(|part| part.trim().is_empty()))
            .ok_or_else(|| {
                format!("`{argument}` is neither KEY=VALUE nor a JSON object; write `lr=0.1`")
            })?;
        let path = key.split('.').map(|part| part.trim().to_owned());
        Ok(GivenParameter {
            path: path.collect(),
            value: serde_yaml::from_str(value)
                .map_err(|error| format!("the value of `{key}` is not valid YAML: {error}"))?,
        })
    }
}

/// All arguments together; a later one replaces an earlier one with the same key.
pub(super) fn parameters(given: &[GivenParameter]) -> Result<Value, Error> {
    let mut all = json!({});
    for GivenParameter { path, value } in given {
        let mut place = &mut all;
        for key in path {
            let Value::Object(map) = place else {
                return Err(Error::Usage(format!(
                    "--parameters {}: what comes before `{key}` has been given a value already",
                    path.join(".")
                )));
            };
            place = map.entry(key.clone()).or_insert(json!({}));
        }
        match (place, value) {
            (Value::Object(known), Value::Object(more)) if path.is_empty() => {
                known.extend(more.clone());
            }
            (place, value) => *place = value.clone(),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Value, String> {
        let given: Result<Vec<GivenParameter>, _> =
            arguments.iter().map(|argument| argument.parse()).collect();
        parameters(&given?).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_and_objects_are_put_together() {
        let both = read(&[
            "lr=1e-3",
            "vae.epochs=5",
            r#"{"vae": {"hidden": 8}, "kind": "a"}"#,
        ]);
        assert_eq!(
            both,
            Ok(json!({"lr": 1e-3, "vae": {"hidden": 8}, "kind": "a"}))
        );
        let both = read(&[
            r#"{"vae": {"hidden": 8}}"#,
            "vae.epochs=5",
            "name=x",
            "list=[1, 2]",
        ]);
        let expected = json!({"vae": {"hidden": 8, "epochs": 5}, "name": "x", "list": [1, 2]});
        assert_eq!(both, Ok(expected));
        assert_eq!(read(&[]), Ok(json!({})));
    }

    #[test]
    fn mistakes() {
        let messages = [
            &["lr"][..],
            &["=1"],
            &["{lr: 1"],
            &["a=[1"],
            &["a=1", "a.b=2"],
        ]
        .map(|arguments| read(arguments).unwrap_err() + "\n");
        expect_test::expect![[r#"
            `lr` is neither KEY=VALUE nor a JSON object; write `lr=0.1`
            `=1` is neither KEY=VALUE nor a JSON object; write `lr=0.1`
            not valid JSON: key must be a string at line 1 column 2
            the value of `a` is not valid YAML: did not find expected ',' or ']' at line 2 column 1, while parsing a flow sequence
            --parameters a.b: what comes before `b` has been given a value already
        "#]].assert_eq(&messages.concat());
    }
}
