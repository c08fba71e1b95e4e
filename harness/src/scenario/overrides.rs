//! `--set KEY=VALUE`: change one key of the scenario from the command line.
//!
//! An override changes the YAML tree before it is typed, so it can set whatever the file can, and
//! is checked by the same code. Errors about an overridden key name the argument instead of a line.

use super::error::{Problem, ScenarioError};
use super::spec;
use super::yaml::{KeyPath, Node, Origin, Tree, Value};
use schemars::{JsonSchema, schema_for};
use std::str::FromStr;

/// A change to one key of a scenario, written `KEY=VALUE` with the value in YAML.
///
/// The key is a path: `threads`, `stream.tasks`, `domains.digits.stream.tasks`. Below
/// `strategies.NAME` and `backbones.NAME`, any key that the entry itself does not have is a
/// parameter: `strategies.linear.lr` is `strategies.linear.parameters.lr`, while
/// `strategies.linear.regime` is the strategy's regime. Names may contain dots.
#[derive(Debug, Clone, PartialEq)]
pub struct SetOverride {
    key: String,
    value: Value,
    argument: String,
}

/// An override that is not `KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Not a key and a value.
    #[error(
        "`{0}` is not KEY=VALUE; write `threads=2` or `strategies.NAME.KEY=VALUE`, for example"
    )]
    NotKeyValue(String),
    /// A value that is not YAML.
    #[error("the value of `{key}` is not valid YAML: {reason}")]
    NotYaml {
        /// The key to set.
        key: String,
        /// The parser's message.
        reason: String,
    },
    /// A value with a key that is not text.
    #[error("the value of `{key}`: {problem}")]
    KeyNotText {
        /// The key to set.
        key: String,
        /// What is wrong with the key inside the value.
        problem: Box<Problem>,
    },
}

impl FromStr for SetOverride {
    type Err = OverrideError;

    fn from_str(argument: &str) -> Result<Self, OverrideError> {
        let (key, value) = argument
            .split_once('=')
            .filter(|(key, _)| !key.split('.').any(|segment| segment.trim().is_empty()))
            .ok_or_else(|| OverrideError::NotKeyValue(argument.to_owned()))?;
        let value: serde_yaml::Value =
            serde_yaml::from_str(value).map_err(|error| OverrideError::NotYaml {
                key: key.to_owned(),
                reason: error.to_string(),
            })?;
        let value = Value::try_from(value).map_err(|problem| OverrideError::KeyNotText {
            key: key.to_owned(),
            problem: Box::new(problem),
        })?;
        let argument = format!("--set {argument}");
        Ok(Self {
            key: key.trim().to_owned(),
            value,
            argument,
        })
    }
}

/// Applies the overrides in order, so that the last one for a key wins.
pub(super) fn apply(tree: &mut Tree, sets: &[SetOverride]) -> Result<(), ScenarioError> {
    for set in sets {
        let origin = Origin::Argument(set.argument.clone());
        segments(tree.root(), &set.key)
            .and_then(|keys| tree.replace(&keys, set.value.clone(), origin.clone()))
            .map_err(|problem| {
                ScenarioError::new(tree.file(), Some(origin), KeyPath::root(), problem)
            })?;
    }
    Ok(())
}

/// The keys on the path that an override sets, or that `without` names. Names of strategies, backbones, domains and
/// streams are looked up, since they may contain dots.
pub(super) fn segments(root: &Node, key: &str) -> Result<Vec<String>, Problem> {
    let plain = |key: &str| key.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (what, own_keys) = match key.split('.').next() {
        Some("strategies") => ("strategy", Some(keys_of::<spec::Strategy>())),
        Some("backbones") => ("backbone", Some(keys_of::<spec::Backbone>())),
        Some("domains") => ("domain", None),
        Some("streams") => ("stream", None),
        _ => return Ok(plain(key)),
    };
    let Some((table, rest)) = key.split_once('.') else {
        return Ok(plain(key));
    };
    let names: Vec<&str> = root
        .get(table)
        .and_then(Node::mapping)
        .map(|mapping| mapping.keys().map(|name| &**name).collect())
        .unwrap_or_default();
    let below = |name: &str| -> Option<Vec<String>> {
        let rest = rest.strip_prefix(name)?;
        if rest.is_empty() {
            Some(Vec::new())
        } else {
            rest.strip_prefix('.').map(plain)
        }
    };
    let found = names.iter().filter_map(|&name| Some((name, below(name)?)));
    let (name, mut rest) =
        found
            .max_by_key(|(name, _)| name.len())
            .ok_or_else(|| Problem::UnknownName {
                what,
                name: rest.split('.').next().unwrap_or(rest).to_owned(),
                known: names.iter().map(|&name| name.to_owned()).collect(),
            })?;
    if let (Some(own_keys), Some(first)) = (own_keys, rest.first())
        && !own_keys.contains(first)
    {
        rest.insert(0, "parameters".to_owned());
    }
    let mut segments = vec![table.to_owned(), name.to_owned()];
    segments.append(&mut rest);
    Ok(segments)
}

/// The keys of an entry, as its schema lists them.
pub(super) fn keys_of<T: JsonSchema>() -> Vec<String> {
    let schema = schema_for!(T);
    let properties = schema
        .get("properties")
        .and_then(|properties| properties.as_object());
    properties
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}
