//! From a folder of images to a commented scenario that runs as it is.
//!
//! A survey finds the classes of the folder, and whether its folders say which images are for
//! testing. If they do not, or if the source `image-folder` would refuse the folder, a split list
//! goes with the scenario.

mod error;
mod scenario;
mod split;
mod survey;

pub use error::InitError;
pub(crate) use scenario::write as scenario;
pub(crate) use split::csv as split_list;
use std::path::{Path, PathBuf};
pub(crate) use survey::{Origin, Survey};

/// The model to name if the small CLIP is not there.
pub(crate) const HUB_MODEL: &str = "openai/clip-vit-base-patch32";

/// The file of the split list that goes with a scenario's file.
pub(crate) fn split_file(file: &Path) -> Result<PathBuf, InitError> {
    let ending = file.extension();
    let yaml = ending.is_some_and(|ending| ending == "yaml" || ending == "yml");
    match file.file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) if yaml && !file.is_dir() => {
            Ok(file.with_file_name(format!("{stem}-split.csv")))
        }
        _ => Err(InitError::NotYaml { path: file.into() }),
    }
}
