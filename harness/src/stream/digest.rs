//! The class order digest: a hash of what arrives when.

use crate::id::ClassId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A hash of a stream's class names in order, of its task boundaries, and of its templates, as 64
/// hexadecimal digits. For a stream over several domains it covers which task is of which domain,
/// and which classes come back, too. Two streams have the same digest if and only if their tasks
/// have the same classes, and the same templates turn these into text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderDigest(String);

/// A task, as the digest sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestTask<'a> {
    /// The index of its domain in the stream.
    pub domain: usize,
    /// Its classes, lowest first, with their names.
    pub classes: Vec<(ClassId, &'a str)>,
}

impl OrderDigest {
    /// The digest of these tasks, with the templates of each domain of the stream.
    pub fn of(tasks: &[DigestTask<'_>], templates: &[&[String]]) -> OrderDigest {
        let mut hasher = blake3::Hasher::new();
        let several = templates.len() > 1;
        if several {
            text(&mut hasher, "clbench stream over several domains 1");
            number(&mut hasher, tasks.len());
        }
        for DigestTask { domain, classes } in tasks {
            if several {
                number(&mut hasher, *domain);
            }
            number(&mut hasher, classes.len());
            for (class, name) in classes {
                if several {
                    number(&mut hasher, class.index());
                }
                text(&mut hasher, name);
            }
        }
        for templates in templates {
            number(&mut hasher, templates.len());
            for template in *templates {
                text(&mut hasher, template);
            }
        }
        OrderDigest(hasher.finalize().to_hex().to_string())
    }

    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn number(hasher: &mut blake3::Hasher, number: usize) {
    hasher.update(&(number as u64).to_le_bytes());
}

fn text(hasher: &mut blake3::Hasher, text: &str) {
    number(hasher, text.len());
    hasher.update(text.as_bytes());
}

impl fmt::Display for OrderDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
