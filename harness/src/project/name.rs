//! The name of a project: valid for a crate, and for a strategy in a scenario.

use super::error::ProjectError;
use std::path::Path;

/// A name in the three forms that a project needs.
#[derive(Debug)]
pub(super) struct Name {
    /// `my-strategy`: the crate and the strategy.
    pub(super) kebab: String,
    /// `my_strategy`: the library.
    pub(super) snake: String,
    /// `MyStrategy`: the type.
    pub(super) pascal: String,
}

impl Name {
    /// Checks a name; `folder` is where it was taken from, if it was not given.
    pub(super) fn new(name: &str, folder: Option<&Path>) -> Result<Name, ProjectError> {
        match problem(name) {
            None => Ok(Name {
                kebab: name.to_owned(),
                snake: name.replace('-', "_"),
                pascal: pascal(name),
            }),
            Some(problem) => Err(ProjectError::Name {
                name: name.to_owned(),
                problem,
                folder: folder.is_some(),
                suggestion: suggestion(name),
            }),
        }
    }
}

fn problem(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let parts_are_good = name
        .split('-')
        .all(|part| !part.is_empty() && part.chars().all(allowed));
    if !parts_are_good || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some(
            "it must begin with a letter and consist of lower-case letters, digits and `-`",
        );
    }
    if TAKEN.contains(&name) {
        return Some("the project uses a crate, a type or a strategy of that name itself");
    }
    KEYWORDS
        .contains(&name)
        .then_some("it is a keyword of Rust or Cargo")
}

/// The nearest valid name.
fn suggestion(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for c in name.chars() {
        // `MyStrategy` has two words, `LwF` and `EWC` have one.
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() && words.len() > 1 {
            words.push('-');
        }
        words.push(if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        });
        before = c;
    }
    let parts: Vec<_> = words.split('-').filter(|part| !part.is_empty()).collect();
    let name = parts.join("-");
    match &name[..] {
        "" => "my-strategy".to_owned(),
        name if problem(name).is_some() => format!("my-{name}"),
        _ => name,
    }
}

fn pascal(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

/// Crates, types and rows that the project's own files name.
const TAKEN: [&str; 24] = [
    "linear-head",
    "zero-shot",
    "batch",
    "box",
    "clbench",
    "core",
    "alloc",
    "std",
    "declaration",
    "error",
    "harness-abi",
    "keeps",
    "learned",
    "ok",
    "option",
    "outline",
    "parameters",
    "result",
    "serde",
    "setting",
    "state",
    "strategy",
    "task",
    "tensor",
];

const KEYWORDS: [&str; 44] = [
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "break",
    "build",
    "const",
    "continue",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "test",
    "trait",
];
