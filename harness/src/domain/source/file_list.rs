//! Images in any folders; a split list says which of them belong to the domain.

use super::image_files;
use super::kind::{SourceKind, values};
use crate::domain::classes::{Classes, LeaveOut};
use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::split_list::SplitList;
use crate::domain::split_list::matching::contents;
use crate::domain::written::{Folder, KeyValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// PNG, JPEG and WebP files in any folders; `split` lists the ones to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileList {
    /// The folder that file names in the list are relative to; itself relative to the scenario
    /// file. `~` is your home directory.
    pub(crate) path: Folder,
    pub(crate) split: SplitList,
    pub(crate) classes: Option<Classes>,
    pub(crate) leave_out: Option<LeaveOut>,
}

impl SourceKind for FileList {
    const NAME: &'static str = "file-list";
    const SUMMARY: &'static str = "PNG, JPEG and WebP files in any folders, listed in JSON, YAML, CSV or text; `path`, `split`";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "split",
        "the list of images, as in `split: lists/split.json`",
    )];

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: path, split, classes, leave_out)
    }

    fn root(&self) -> Option<&Path> {
        Some(self.path.path())
    }

    fn open(&self) -> Result<Contents, DomainError> {
        let images = image_files::open(self.path.path(), false)?;
        contents(
            images,
            Some(&self.split),
            self.classes.as_ref(),
            self.leave_out.as_ref(),
        )
    }
}
