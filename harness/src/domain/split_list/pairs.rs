//! YAML (or JSON) in the format of CODA-Prompt's lists for ImageNet-R, one file per split: `data:`
//! with the files and `targets:` with their classes.

use super::entry::{At, Entry, ListFile};
use crate::domain::classes::ClassKey;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use serde::Deserialize;

/// Files and classes, in the same order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataTargets {
    data: Vec<String>,
    targets: Vec<ClassKey>,
}

const FORM: &str = "write `data:` (the files) and `targets:` (their classes)";

/// The entries of a YAML file with one split.
pub(crate) fn read_yaml(
    file: &ListFile,
    text: &str,
    split: Split,
) -> Result<Vec<Entry>, DomainError> {
    let pairs = serde_yaml::from_str(text).map_err(|error| file.bad(error.to_string(), FORM))?;
    entries(file, pairs, split)
}

/// The entries of a JSON file with one split.
pub(crate) fn read_json(
    file: &ListFile,
    text: &str,
    split: Split,
) -> Result<Vec<Entry>, DomainError> {
    let pairs = serde_json::from_str(text).map_err(|error| file.bad(error.to_string(), FORM))?;
    entries(file, pairs, split)
}

fn entries(file: &ListFile, pairs: DataTargets, split: Split) -> Result<Vec<Entry>, DomainError> {
    let DataTargets { data, targets } = pairs;
    if data.len() != targets.len() {
        let (data, targets) = (data.len(), targets.len());
        let problem = format!(
            "`data` and `targets` must have the same length, but have {data} and {targets} entries"
        );
        return Err(file.bad(problem, "copy the list again"));
    }
    let pairs = data.iter().zip(targets).enumerate();
    let entries = pairs
        .map(|(index, (name, class))| file.entry(name, Some(class.into()), split, At::Data(index)));
    Ok(entries.collect())
}
