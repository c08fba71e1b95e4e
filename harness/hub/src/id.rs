//! The ids of commits and of contents. They become names of files in the cache, so that they are
//! nothing but lowercase hexadecimal digits.

use crate::name::NameError;
use std::fmt::{self, Display, Formatter};

/// The digits of a git id, which is a SHA-1.
const GIT: usize = 40;
/// The digits of a SHA-256.
const SHA256: usize = 64;

fn digits(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The id of a commit: 40 lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit(String);

impl Commit {
    /// Checks an id.
    ///
    /// # Errors
    ///
    /// [`NameError::Commit`] for anything else.
    pub fn new(id: &str) -> Result<Commit, NameError> {
        match id.len() == GIT && digits(id) {
            true => Ok(Commit(id.into())),
            false => Err(NameError::Commit(id.into())),
        }
    }

    /// The id as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Commit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a file's content: the SHA-256 of a large file (64 lowercase hexadecimal digits), git's
/// id of a small one (40).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentId(String);

impl ContentId {
    /// Checks an id of git.
    ///
    /// # Errors
    ///
    /// [`NameError::Content`] for anything but 40 lowercase hexadecimal digits.
    pub fn git(id: &str) -> Result<ContentId, NameError> {
        ContentId::new(id, GIT)
    }

    /// Checks a SHA-256.
    ///
    /// # Errors
    ///
    /// [`NameError::Content`] for anything but 64 lowercase hexadecimal digits.
    pub fn sha256(id: &str) -> Result<ContentId, NameError> {
        ContentId::new(id, SHA256)
    }

    fn new(id: &str, length: usize) -> Result<ContentId, NameError> {
        match id.len() == length && digits(id) {
            true => Ok(ContentId(id.into())),
            false => Err(NameError::Content(id.into(), length)),
        }
    }

    /// Whether it is a SHA-256; otherwise it is git's.
    pub fn is_sha256(&self) -> bool {
        self.0.len() == SHA256
    }

    /// The id as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for ContentId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids that are not: of the wrong length or case, and such as would leave the cache.
    fn invalid(length: usize) -> Vec<String> {
        let climbing = format!("{:.<length$}", "../../");
        let absolute = format!("/{}", "a".repeat(length - 1));
        let mut ids: Vec<_> = [
            "", "abc", "é", "../x", "/etc", "main", ".", "..", &climbing, &absolute,
        ]
        .map(String::from)
        .into();
        ids.extend(
            ["A", "g", "\n", "/", "\u{1b}"].map(|c| format!("{}{c}", "a".repeat(length - 1))),
        );
        ids.extend([length - 1, length + 1].map(|length| "a".repeat(length)));
        ids
    }

    #[test]
    fn an_id_is_lowercase_hexadecimal_digits_of_its_length() {
        let (git, sha256) = ("0123456789abcdef".repeat(3), "fedcba9876543210".repeat(4));
        let git = &git[..GIT];
        assert_eq!(Commit::new(git).unwrap().as_str(), git);
        assert_eq!(ContentId::git(git).unwrap().as_str(), git);
        assert_eq!(ContentId::sha256(&sha256).unwrap().as_str(), sha256);
        for id in invalid(GIT).into_iter().chain([sha256.clone()]) {
            assert_eq!(Commit::new(&id), Err(NameError::Commit(id.clone())));
            assert_eq!(ContentId::git(&id), Err(NameError::Content(id, GIT)));
        }
        for id in invalid(SHA256).into_iter().chain([git.to_owned()]) {
            assert_eq!(ContentId::sha256(&id), Err(NameError::Content(id, SHA256)));
        }
        assert_eq!(
            Commit::new("\u{1b}[31m").unwrap_err().to_string(),
            r"`\u{1b}[31m` is not a commit, which has 40 lowercase hexadecimal digits"
        );
        assert_eq!(
            ContentId::sha256("../x").unwrap_err().to_string(),
            "`../x` is not a content's id, which has 64 lowercase hexadecimal digits"
        );
    }
}
