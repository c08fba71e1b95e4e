//! What models and revisions may be called.

use std::fmt::{self, Display, Formatter};

/// The revision that is meant where none is given.
pub const MAIN: &str = "main";

/// Why a name cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a model's name.
    #[error(
        "`{0}` is no name of a model on the hub; write it as in `openai/clip-vit-large-patch14`"
    )]
    Model(String),
    /// Not a revision.
    #[error("`{0}` is no revision: a branch, a tag or a commit")]
    Revision(String),
}

/// A model's name on the hub: `openai/clip-vit-large-patch14`, or a single word for the oldest ones
/// (`gpt2`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName(String);

impl ModelName {
    /// Takes a name that may be one: one or two parts of ASCII letters, digits, `-`, `_` and `.`,
    /// none beginning with a dot.
    ///
    /// # Errors
    ///
    /// [`NameError::Model`] for any other.
    pub fn new(name: &str) -> Result<ModelName, NameError> {
        let part = |part: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && part.chars().all(plain) && !part.starts_with('.')
        };
        if name.split('/').count() > 2 || !name.split('/').all(part) {
            return Err(NameError::Model(name.into()));
        }
        Ok(ModelName(name.into()))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its folder in the cache: `models--openai--clip-vit-large-patch14`.
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
    /// Takes a revision that may be one. Branches may have slashes (`refs/pr/3`); a path that
    /// leaves its folder, white space and whatever means something in an address are refused.
    ///
    /// # Errors
    ///
    /// [`NameError::Revision`] for any other.
    pub fn new(revision: &str) -> Result<Revision, NameError> {
        let step = |part: &str| matches!(part, "" | "." | "..");
        let strange = |c: char| c.is_whitespace() || c.is_control() || "?#%\\".contains(c);
        if revision.split('/').any(step) || revision.contains(strange) {
            return Err(NameError::Revision(revision.into()));
        }
        Ok(Revision(revision.into()))
    }

    /// The revision as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Revision {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_one_or_two_plain_parts() {
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
            "`a b` is no name of a model on the hub; write it as in `openai/clip-vit-large-patch14`"
        );
    }

    #[test]
    fn a_revision_stays_in_its_folder_and_in_an_address() {
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
            "`a b` is no revision: a branch, a tag or a commit"
        );
    }
}
