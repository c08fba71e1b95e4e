//! Valid names of models, revisions and files.

use crate::quoted::Quoted;
use std::fmt::{self, Display, Formatter};

/// The default revision.
pub const MAIN: &str = "main";

/// An invalid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not the name of a model.
    #[error("{} is not a valid model name; write it like `openai/clip-vit-large-patch14`", Quoted(.0))]
    Model(String),
    /// Not a revision.
    #[error("{} is not a valid revision; name a branch, a tag or a commit", Quoted(.0))]
    Revision(String),
    /// Not a commit.
    #[error("{} is not a commit, which has 40 lowercase hexadecimal digits", Quoted(.0))]
    Commit(String),
    /// Not a content's id, with the number of digits that it should have.
    #[error("{} is not a content's id, which has {} lowercase hexadecimal digits", Quoted(.0), .1)]
    Content(String, usize),
    /// Not the plain name of a file.
    #[error("{} is not a plain file name", Quoted(.0))]
    File(String),
}

/// A model's name on the hub, such as `openai/clip-vit-large-patch14`. The oldest models have a
/// single word (`gpt2`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName(String);

impl ModelName {
    /// Checks a name: one or two parts, separated by a slash, of ASCII letters, digits, `-`, `_`
    /// and `.`, neither of them beginning with a dot.
    ///
    /// # Errors
    ///
    /// [`NameError::Model`] for any other name.
    pub fn new(name: &str) -> Result<ModelName, NameError> {
        let part =
            |part: &str| !part.is_empty() && part.chars().all(plain) && !part.starts_with('.');
        if name.split('/').count() > 2 || !name.split('/').all(part) {
            return Err(NameError::Model(name.into()));
        }
        Ok(ModelName(name.into()))
    }

    /// The name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the model's folder in the cache: `models--openai--clip-vit-large-patch14`.
    pub(crate) fn folder(&self) -> String {
        format!("models--{}", self.0.replace('/', "--"))
    }
}

impl Display for ModelName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A branch, a tag or a commit of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision(String);

impl Revision {
    /// Checks a revision. Branches may have slashes (`refs/pr/3`); `.` and `..` as parts, white
    /// space and characters with a meaning in a URL are rejected.
    ///
    /// # Errors
    ///
    /// [`NameError::Revision`] for an invalid revision.
    pub fn new(revision: &str) -> Result<Revision, NameError> {
        let step = |part: &str| matches!(part, "" | "." | "..");
        let strange = |c: char| c.is_whitespace() || c.is_control() || "?#%\\".contains(c);
        if revision.split('/').any(step) || revision.contains(strange) {
            return Err(NameError::Revision(revision.into()));
        }
        Ok(Revision(revision.into()))
    }

    /// The revision as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Revision {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a file in the top folder of a model, such as `config.json`. A backbone reads no
/// other files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// Checks a name: ASCII letters, digits, `-`, `_` and `.`, and neither `.` nor `..`.
    ///
    /// # Errors
    ///
    /// [`NameError::File`] for any other name.
    pub fn new(name: &str) -> Result<FileName, NameError> {
        if matches!(name, "" | "." | "..") || !name.chars().all(plain) {
            return Err(NameError::File(name.into()));
        }
        Ok(FileName(name.into()))
    }

    /// The name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for FileName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character means nothing but itself, in a path, a URL and a terminal.
fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_has_one_or_two_plain_parts() {
        for name in ["gpt2", "openai/clip-vit-large-patch14", "a_b/c.d-E"] {
            assert_eq!(ModelName::new(name).unwrap().as_str(), name);
        }
        for name in [
            "", "/", "a/", "/a", "a/b/c", "../etc", "a/..", "a b", "ä", ".a", "a\\b",
        ] {
            assert_eq!(
                ModelName::new(name),
                Err(NameError::Model(name.into())),
                "{name}"
            );
        }
        assert_eq!(
            ModelName::new("a b").unwrap_err().to_string(),
            "`a b` is not a valid model name; write it like `openai/clip-vit-large-patch14`"
        );
    }

    #[test]
    fn a_revision_stays_within_its_folder_and_its_url() {
        for revision in [MAIN, "refs/pr/3", "v1.0", "c0ffee", "a..b"] {
            assert_eq!(Revision::new(revision).unwrap().as_str(), revision);
        }
        for revision in [
            "", "/", "a//b", "../x", "a/..", "./a", "a b", "a?b", "a#b", "a%2e", "a\\b", "a\n",
        ] {
            assert_eq!(
                Revision::new(revision),
                Err(NameError::Revision(revision.into())),
                "{revision}"
            );
        }
        assert_eq!(
            Revision::new("a b").unwrap_err().to_string(),
            "`a b` is not a valid revision; name a branch, a tag or a commit"
        );
    }

    #[test]
    fn a_file_name_is_a_single_plain_part() {
        for name in [
            "config.json",
            ".gitattributes",
            "model-00001-of-00002.safetensors",
            "a..b",
        ] {
            assert_eq!(FileName::new(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            ".",
            "..",
            "../x",
            "/x",
            "a/b",
            "a/",
            "model-/../../x.safetensors",
            "a\\b",
            "C:x",
            "a b",
            "a\n",
            "a\0",
            "\u{1b}[31m",
            "a%2fb",
            "a?b",
            "a#b",
            "ä",
            "a\u{202e}b",
        ] {
            assert_eq!(
                FileName::new(name),
                Err(NameError::File(name.into())),
                "{name}"
            );
        }
    }
}
