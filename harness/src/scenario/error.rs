//! What can be wrong with a scenario, and how it is told.
//!
//! A [`Problem`] says what is wrong and how to fix it; a [`ScenarioError`] adds where: the file and
//! line (or the command-line argument), the key, and the line itself with the key underlined. The
//! words of every message stand here, so that they agree with each other.

use super::yaml::path::KeyPath;
use super::yaml::place::{Origin, Place};
use crate::suggest::{hint, list};
use serde::de::{self, Expected, Unexpected};
use std::fmt;
use std::path::{Path, PathBuf};

/// A mistake in a scenario file, or in an argument that changes or filters it. Its text is the
/// whole message.
#[derive(Debug, Clone)]
pub struct ScenarioError(Box<Report>);

#[derive(Debug, Clone)]
struct Report {
    file: PathBuf,
    origin: Option<Origin>,
    key: KeyPath,
    problem: Problem,
    line_text: Option<String>,
}

impl ScenarioError {
    pub(super) fn new(file: &Path, origin: Option<Origin>, key: KeyPath, problem: Problem) -> Self {
        Self(Box::new(Report {
            file: file.to_owned(),
            origin,
            key,
            problem,
            line_text: None,
        }))
    }

    /// Shows the line of the source that the error points at.
    pub(super) fn with_source(mut self, text: &str) -> Self {
        if let Some(Origin::File(place)) = &self.0.origin {
            self.0.line_text = text
                .lines()
                .nth(place.line as usize - 1)
                .map(|line| line.trim_end().to_owned());
        }
        self
    }

    /// What is wrong, without the place.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// Where the key at fault was written, if the error is about a part of the file rather than the
    /// file.
    pub fn origin(&self) -> Option<&Origin> {
        self.0.origin.as_ref()
    }

    /// The path of the key at fault, such as `strategies.linear.parameters.lr`; the root for the
    /// file as a whole.
    pub fn key(&self) -> &KeyPath {
        &self.0.key
    }
}

impl std::error::Error for ScenarioError {}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            file,
            origin,
            key,
            problem,
            line_text,
        } = &*self.0;
        match origin {
            Some(Origin::File(place)) => write!(f, "{}:{}: ", file.display(), place.line)?,
            Some(Origin::Argument(argument)) => write!(f, "{argument}: ")?,
            None => write!(f, "{}: ", file.display())?,
        }
        if !key.is_root() {
            write!(f, "{key}: ")?;
        }
        write!(f, "{problem}")?;
        if let (Some(Origin::File(place)), Some(line)) = (origin, line_text) {
            write_snippet(f, *place, line)?;
        }
        Ok(())
    }
}

/// A line longer than this is no help in a terminal.
const LONGEST_SNIPPET: usize = 160;

/// The line with its number, and carets under the key.
fn write_snippet(f: &mut fmt::Formatter<'_>, place: Place, line: &str) -> fmt::Result {
    let length = line.chars().count();
    if line.trim().is_empty() || length > LONGEST_SNIPPET {
        return Ok(());
    }
    let before = place.column as usize - 1;
    // Tabs are copied, so that the caret stays under its key whatever the terminal's tab width.
    let margin: String = line
        .chars()
        .take(before)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let width = (place.width as usize)
        .min(length.saturating_sub(before))
        .max(1);
    let number = place.line;
    write!(
        f,
        "\n{number:>5} | {line}\n      | {margin}{}",
        "^".repeat(width)
    )
}

/// What is wrong, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum Problem {
    // The file as a whole.
    #[error("there is no such file{}", neighbour.as_ref().map_or(String::new(), |file| format!("; did you mean `{file}`?")))]
    NoFile { neighbour: Option<String> },
    #[error("the file cannot be read: {reason}")]
    Unreadable { reason: String },
    #[error("this line is not UTF-8 text; save the file as UTF-8")]
    NotUtf8,
    #[error("the file is empty; a scenario needs at least `seeds`, `domains` and `strategies`")]
    EmptyFile,
    #[error("this is not valid YAML: {message}")]
    Syntax { message: String },
    #[error(
        "a second YAML document begins here; a scenario is a single one, so remove the line `---` or move what follows to another file"
    )]
    SecondDocument,
    #[error(
        "this clbench reads format 1, found {found}; use a newer clbench, or write `format: 1`"
    )]
    UnknownFormat { found: String },

    // Keys and types.
    #[error("the key `{key}` is written twice, first on line {first_line}; keep one of the two")]
    DuplicateKey { key: String, first_line: u32 },
    #[error("a key must be text, found {found}; put it in quotes")]
    KeyNotText { found: String },
    #[error("unknown key `{key}`{}", hint(key, known.iter().map(String::as_str)))]
    UnknownKey { key: String, known: Vec<String> },
    #[error("the key `{key}` is missing; add {example}")]
    MissingKey {
        key: &'static str,
        example: &'static str,
    },
    #[error("expected {expected}, found {found}")]
    WrongType { expected: String, found: String },
    #[error("expected text, found {found}; put it in quotes")]
    NotQuoted { found: String },
    #[error("unknown value `{value}`{}", hint(value, known.iter().map(String::as_str)))]
    UnknownValue { value: String, known: Vec<String> },
    #[error("tags such as `{tag}` have no meaning in a scenario; remove it")]
    Tag { tag: String },
    #[error("{found} is not a finite number")]
    NotFinite { found: String },
    #[error(
        "the number {found} has too many digits; write it with an exponent, as in `1e20`, or in quotes if it is text"
    )]
    TooManyDigits { found: String },
    #[error("must not be negative, and is {found}")]
    Negative { found: i64 },
    #[error("must be at most {most}, and is {found}")]
    TooLarge { found: u64, most: u64 },
    #[error("must be at least 1, and is 0")]
    Zero,
    #[error("must not be empty; {fix}")]
    Empty { fix: &'static str },
    #[error("`{name}` cannot be a name here: use {allowed}")]
    BadName { name: String, allowed: &'static str },
    #[error("tables call the mean over domains `overall`; give the domain another name")]
    ReservedName,
    #[error(
        "the file's name gives the scenario the name `{name}`, which may hold only small letters, digits, `-` and `_`; add `name:`"
    )]
    BadFileName { name: String },

    // What the keys say.
    #[error("unknown device `{found}`; write `cpu`, `cuda` or `cuda:N` with N counted from 0")]
    Device { found: String },
    #[error(
        "no stream says how this domain is cut into tasks; add `stream: {{tasks: 5}}` to the domain or to the scenario"
    )]
    NoStream,
    #[error("`tasks` and `task_sizes` are both given; keep one of the two")]
    TasksTwice,
    #[error(
        "neither `tasks` nor `task_sizes` is given; add `tasks: 5` for five equal tasks, or `task_sizes: [4, 3, 3]`"
    )]
    NoTasks,
    #[error(
        "a class order names one generator; write `{{numpy: seed}}`, `{{numpy: 1993}}`, `{{python: seed}}` or `listed`"
    )]
    ClassOrderGenerator,
    #[error("numpy takes seeds from 0 to 4294967295, and this is {seed}")]
    NumpySeed { seed: u64 },
    #[error(
        "the template `{template}` must hold `{{}}`, the place of the class name, exactly once, and holds it {times} times"
    )]
    Template { template: String, times: usize },
    #[error(
        "a hash is written in at least 12 and at most 64 digits of 0-9 and a-f, and this is `{found}`; `clbench data verify` prints it"
    )]
    Hash { found: String },
    #[error(
        "there are {seeds} seeds and {found} class orders; give one for each seed, in the order of `seeds`"
    )]
    ClassOrders { found: usize, seeds: usize },
    #[error("the source `{domain_source}` takes no `{key}`; remove it")]
    NotForSource {
        domain_source: &'static str,
        key: &'static str,
    },
    #[error("`{path}` begins with `~`, and there is no home folder; write the whole path")]
    NoHome { path: String },
    #[error("`{name}` is not in `metrics`; add it there, or name one that is")]
    NotInMetrics { name: String },
    #[error("`backbone` and `backbones` are both given; keep one of the two")]
    BackbonesTwice,
    #[error("the scenario has several backbones; name the one that this strategy uses: `backbone:` and one of {}; or `backbones: []` for none", list(known.iter().map(String::as_str)))]
    WhichBackbone { known: Vec<String> },
    #[error(
        "`trials` counts the runs that tuning took, so it needs `provenance: tuned`; add that or remove `trials`"
    )]
    TrialsWithoutTuned,
    #[error(
        "`{key}` is no parameter's path; write the names of nested keys with one dot between them, as in `optimizer.lr`"
    )]
    ParameterPath { key: String },
    #[error("`{key}` is varied here and also set by `{other}`; keep one of the two")]
    GridConflict { key: String, other: String },
    #[error("two rows of this grid have the name `{row}`; give each value once")]
    DuplicateRow { row: String },

    // References, in the file and in arguments.
    #[error("there is no {what} `{name}`{}", hint(name, known.iter().map(String::as_str)))]
    UnknownName {
        what: &'static str,
        name: String,
        known: Vec<String>,
    },
    #[error(
        "the scenario declares no backbones, so `{name}` names none; add `backbones: {{{name}: {{}}}}`"
    )]
    NoBackbones { name: String },
    #[error("`{key}` holds {found}, so nothing can be set below it")]
    NotAMapping { key: String, found: String },

    /// What a later stage found to be wrong with a key.
    #[error("{0}")]
    Later(String),
}

/// Values are read with serde, and its complaints become ours.
impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Later(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::WrongType {
            expected: expected.to_string(),
            found: in_words(found),
        }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(value: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownValue {
            value: value.to_owned(),
            known: owned(known),
        }
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownKey {
            key: key.to_owned(),
            known: owned(known),
        }
    }

    fn missing_field(key: &'static str) -> Self {
        let example = match key {
            "seeds" => "a list, as in `seeds: [1992, 1996, 1997]`",
            "domains" => "at least one, as in `domains: {digits: {source: digits}}`",
            "strategies" => "at least one, as in `strategies: {nearest-class-mean: {}}`",
            key => crate::domain::source::example(key).unwrap_or("it"),
        };
        Self::MissingKey { key, example }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// What was found instead, in the words of a YAML file rather than of Rust.
pub(super) fn in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the whole number {value}"),
        Unexpected::Signed(value) => format!("the whole number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) => {
            let short: String = text.chars().take(40).collect();
            let cut = if short.len() < text.len() { "…" } else { "" };
            format!("the text `{short}{cut}`")
        }
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
