//! JSON in the format of CoOp's `split_zhou_*.json`: `{"train": [[file, label, class name], …],
//! "val": […], "test": […]}`.

use super::entry::{At, Entries, ListFile};
use super::form::ValidationPart;
use crate::domain::classes::tag::Tag;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use serde::Deserialize;

/// The content of such a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Zhou {
    train: Vec<(String, u64, String)>,
    #[serde(default)]
    val: Vec<(String, u64, String)>,
    test: Vec<(String, u64, String)>,
}

/// The entries of a file with both splits.
pub(crate) fn read(
    file: &ListFile,
    text: &str,
    val: ValidationPart,
) -> Result<Entries, DomainError> {
    let zhou: Zhou = serde_json::from_str(text).map_err(|error| {
        let form = r#"{"train": [[file, label, class name], …], "test": […]}"#;
        file.bad(error.to_string(), &format!("write the list as {form}"))
    })?;
    let parts = [
        ("train", zhou.train, Some(Split::Train)),
        ("val", zhou.val, val.split()),
        ("test", zhou.test, Some(Split::Test)),
    ];
    let mut entries = Entries::default();
    for (part, images, split) in parts {
        for (index, (name, label, class)) in images.into_iter().enumerate() {
            let tag = Some(Tag::numbered(label, class));
            let at = At::Part(part, index);
            match split {
                Some(split) => entries.used.push(file.entry(&name, tag, split, at)),
                None => entries.val.push(file.entry(&name, tag, Split::Train, at)),
            }
        }
    }
    Ok(entries)
}
