//! A strategy's grid: lists of values for its parameters, expanded into one row per combination.

use super::ScenarioError;
use super::error::Problem;
use super::yaml::{KeyPath, Tree};
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// The value that one row takes from a list of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct GridChoice {
    /// The parameter, as a dotted path.
    pub parameter: String,
    /// The value's position in the list.
    pub index: u32,
    /// The value.
    pub value: Value,
}

/// One combination of a grid's values.
pub(super) struct Combination {
    /// The strategy's parameters, with the chosen values set.
    pub parameters: Map<String, Value>,
    /// The chosen values, in the grid's order; empty without a grid.
    pub choices: Vec<GridChoice>,
}

impl Combination {
    /// The suffix of the row's name, `[lr=0.1,epochs=5]`; empty without a grid.
    pub fn suffix(&self) -> String {
        if self.choices.is_empty() {
            return String::new();
        }
        let choices: Vec<String> = self
            .choices
            .iter()
            .map(
                |GridChoice {
                     parameter, value, ..
                 }| match value {
                    Value::String(text) => format!("{parameter}={text}"),
                    other => format!("{parameter}={other}"),
                },
            )
            .collect();
        format!("[{}]", choices.join(","))
    }
}

/// Every combination of the grid's values, set in the parameters; the first key varies slowest.
/// `key` is the strategy's path, for errors.
pub(super) fn expand(
    parameters: Map<String, Value>,
    grid: &IndexMap<String, Vec<Value>>,
    tree: &Tree,
    key: &KeyPath,
) -> Result<Vec<Combination>, ScenarioError> {
    check(&parameters, grid)
        .map_err(|(parameter, problem)| tree.error(&key.join("grid").join(&parameter), problem))?;
    let mut combinations = vec![Combination {
        parameters,
        choices: Vec::new(),
    }];
    for (parameter, values) in grid {
        combinations = combinations
            .iter()
            .flat_map(|combination| {
                values.iter().zip(0..).map(|(value, index)| {
                    let mut parameters = combination.parameters.clone();
                    insert(&mut parameters, parameter, value.clone());
                    let mut choices = combination.choices.clone();
                    let value = value.clone();
                    choices.push(GridChoice {
                        parameter: parameter.clone(),
                        index,
                        value,
                    });
                    Combination {
                        parameters,
                        choices,
                    }
                })
            })
            .collect();
    }
    Ok(combinations)
}

/// Checks that every key is the path of a parameter, has values, and is not set elsewhere too.
fn check(
    parameters: &Map<String, Value>,
    grid: &IndexMap<String, Vec<Value>>,
) -> Result<(), (String, Problem)> {
    for (index, (parameter, values)) in grid.iter().enumerate() {
        let fault = |problem| Err((parameter.clone(), problem));
        if parameter.split('.').any(str::is_empty) {
            return fault(Problem::ParameterPath {
                key: parameter.clone(),
            });
        }
        if values.is_empty() {
            return fault(Problem::Empty {
                fix: "list the values to try, or remove the key",
            });
        }
        let earlier = grid.keys().take(index);
        let other = earlier
            .filter(|other| overlap(parameter, other))
            .map(|other| format!("grid.{other}"))
            .next()
            .or_else(|| setting_of(parameters, parameter).map(|path| format!("parameters.{path}")));
        if let Some(other) = other {
            return fault(Problem::GridConflict {
                key: parameter.clone(),
                other,
            });
        }
    }
    Ok(())
}

/// Whether the paths are equal, or one is below the other.
fn overlap(one: &str, other: &str) -> bool {
    let below = |path: &str, root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    below(one, other) || below(other, one)
}

/// The path of the value that is already set where this parameter would go, if there is one.
fn setting_of(parameters: &Map<String, Value>, parameter: &str) -> Option<String> {
    let mut table = parameters;
    let mut end = 0;
    for segment in parameter.split('.') {
        end += segment.len();
        match table.get(segment)? {
            Value::Object(inner) if end < parameter.len() => table = inner,
            _ => return Some(parameter[..end].to_owned()),
        }
        end += 1;
    }
    None
}

/// Sets a value. [`check`] has found its place to be free.
fn insert(parameters: &mut Map<String, Value>, parameter: &str, value: Value) {
    match parameter.split_once('.') {
        None => {
            parameters.insert(parameter.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = parameters.entry(first).or_insert_with(|| Map::new().into());
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
