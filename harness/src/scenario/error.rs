//! What can be wrong with a scenario, and the messages that say so.
//!
//! A [`Problem`] says what is wrong and how to fix it. A [`ScenarioError`] adds where: the file and
//! line (or the command-line argument), the key, and the line itself with the key underlined. A
//! [`Warning`] has the same place, for what is allowed but easily overlooked. All messages are
//! worded here, so that they agree with each other.

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
        if let Some(Origin::File { place, .. }) = &self.0.origin {
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
        self.0.fmt(f)
    }
}

/// Something that a scenario may say, but that changes what its figures can be compared with. Its
/// text is the whole message, on one line.
#[derive(Debug, Clone)]
pub struct Warning(Box<Report>);

impl Warning {
    pub(super) fn new(file: &Path, origin: Option<Origin>, key: KeyPath, message: String) -> Self {
        let problem = Problem::Later(message);
        Self(ScenarioError::new(file, origin, key, problem).0)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            file,
            origin,
            key,
            problem,
            line_text,
        } = self;
        match origin {
            Some(Origin::File { place, .. }) => write!(f, "{}:{}: ", file.display(), place.line)?,
            Some(Origin::Argument(argument)) => write!(f, "{argument}: ")?,
            None => write!(f, "{}: ", file.display())?,
        }
        if !key.is_root() {
            write!(f, "{key}: ")?;
        }
        write!(f, "{problem}")?;
        if let (Some(Origin::File { place, .. }), Some(line)) = (origin, line_text) {
            write_snippet(f, *place, line)?;
        }
        Ok(())
    }
}

/// A longer line would only clutter a terminal.
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
    #[error("no such file{}", neighbour.as_ref().map_or(String::new(), |file| format!("; did you mean `{file}`?")))]
    NoFile { neighbour: Option<String> },
    #[error("cannot read the file: {reason}")]
    Unreadable { reason: String },
    #[error("this line is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    #[error("the file is UTF-16 text; save the file as UTF-8")]
    Utf16,
    #[error("the file is empty; a scenario needs at least `seeds`, `domains` and `strategies`")]
    EmptyFile,
    #[error("not valid YAML: {message}")]
    Syntax { message: String },
    #[error(
        "a second YAML document begins here, and a scenario is a single one; remove the line `---`, or move the rest to another file"
    )]
    SecondDocument,
    #[error("expected format 1, found {found}; update clbench, or write `format: 1`")]
    UnknownFormat { found: String },

    // Files that build on others.
    #[error("these files extend each other in a circle: {circle}; remove one `extends`")]
    Circle { circle: String },
    #[error("more than {most} files extend each other; put some of them together")]
    TooManyBases { most: usize },
    #[error(
        "a file after `--with` changes the scenario on the command line, so it cannot extend another; remove the key, or run this file itself"
    )]
    AdditionExtends,
    #[error(
        "`without` lists keys to leave out of the scenario that this file extends, but it extends none; add `extends: base.yaml`, or remove the key"
    )]
    NothingToLeaveOut,
    #[error("the scenario has no `{key}` to leave out; remove this entry")]
    NotThere { key: String },
    #[error("`{key}` can only be written in a file; see `--with` for another way to add one")]
    SetTooLate { key: &'static str },
    #[error(
        "`{path}` is relative to this file, but `{other}` to `{file}`, and the plugin looks for all paths of `{entry}` in one folder; write one of them as an absolute path, or put the files into one folder"
    )]
    TwoFolders {
        path: Box<str>,
        other: Box<str>,
        file: Box<str>,
        entry: Box<str>,
    },

    // Keys and types.
    #[error("duplicate key `{key}`, first on line {first_line}; remove one of them")]
    DuplicateKey { key: String, first_line: u32 },
    #[error("a key must be text, found {found}; put it in quotes")]
    KeyNotText { found: String },
    #[error("a list is written in `[` and `]`, not in `{{` and `}}`")]
    ListInBraces,
    #[error("unknown key `{key}`{}", hint(key, known.iter().map(String::as_str)))]
    UnknownKey { key: String, known: Vec<String> },
    #[error("missing key `{key}`; add {example}")]
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
    #[error("YAML tags such as `{tag}` are not supported; remove it")]
    Tag { tag: String },
    #[error("`<<` merges a mapping or a list of mappings, found {found}")]
    Merge { found: String },
    #[error("must be a finite number, found {found}")]
    NotFinite { found: String },
    #[error(
        "the number {found} has too many digits; write it with an exponent, as in `1e20`, or in quotes if it is text"
    )]
    TooManyDigits { found: String },
    #[error("must be at least 0, got {found}")]
    Negative { found: i64 },
    #[error("must be at most {most}, got {found}")]
    TooLarge { found: u64, most: u64 },
    #[error("must be at least 1, got 0")]
    Zero,
    #[error("must not be empty; {fix}")]
    Empty { fix: &'static str },
    #[error("`{name}` is not a valid name; use {allowed}")]
    BadName { name: String, allowed: &'static str },
    #[error("`overall` is reserved for the mean over streams; choose another name")]
    ReservedName,
    #[error(
        "the file's name, `{name}`, is not a valid scenario name; add `name:` with lowercase letters, digits, `-` and `_`"
    )]
    BadFileName { name: String },

    // What the keys say.
    #[error("unknown device `{found}`; write `cpu`, `cuda` or `cuda:N`, with N from 0")]
    Device { found: String },
    #[error(
        "no stream has this domain; add `stream: {{tasks: 5}}` to the domain or to the scenario, or list the domain in one of `streams`"
    )]
    NoStream,
    #[error(
        "a domain called `{name}` has a stream of its own, which has this name; choose another name"
    )]
    StreamOfDomain { name: String },
    #[error(
        "domain `{name}` is listed twice, but a test image can belong to only one task; list it once"
    )]
    DomainTwice { name: String },
    #[error(
        "domain `{name}` has the same images as domain `{other}`, but a test image can belong to only one task of a stream; \
         list one of them"
    )]
    SameImages { name: String, other: String },
    #[error(
        "class orders belong to a stream, and no `stream` cuts this domain on its own; move them to `streams.NAME.expect`"
    )]
    ClassOrdersOfNoStream,
    #[error("`tasks` and `task_sizes` are both given; remove one of them")]
    TasksTwice,
    #[error(
        "the number of tasks is missing; add `tasks: 5` for five equal tasks, or `task_sizes: [4, 3, 3]`"
    )]
    NoTasks,
    #[error(
        "expected one generator with its seed; write `{{numpy: seed}}`, `{{numpy: 1993}}`, `{{python: seed}}` or `listed`"
    )]
    ClassOrderGenerator,
    #[error("numpy takes seeds from 0 to 4294967295, got {seed}; choose a smaller seed")]
    NumpySeed { seed: u64 },
    #[error(
        "the template `{template}` contains `{{}}` {times} times; write it exactly once, where the class name goes"
    )]
    Template { template: String, times: usize },
    #[error(
        "`{found}` is not a hash, which has 12 to 64 digits 0-9 and a-f; copy it from the output of `clbench data verify`"
    )]
    Hash { found: String },
    #[error(
        "expected {seeds} class orders, found {found}; give one per seed, in the order of `seeds`"
    )]
    ClassOrders { found: usize, seeds: usize },
    #[error("the source `{domain_source}` does not take `{key}`; remove it")]
    NotForSource {
        domain_source: &'static str,
        key: &'static str,
    },
    #[error("`{path}` begins with `~`, but no home folder is set; write the full path")]
    NoHome { path: String },
    #[error("`{name}` is not in `metrics`; add it there, or choose one that is")]
    NotInMetrics { name: String },
    #[error("`backbone` and `backbones` are both given; remove one of them")]
    BackbonesTwice,
    #[error("the scenario has several backbones; choose one of {} with `backbone:`, or write `backbones: []` for none", list(known.iter().map(String::as_str)))]
    WhichBackbone { known: Vec<String> },
    #[error(
        "`trials` counts the runs of a tuning, so it requires `provenance: tuned`; add that, or remove `trials`"
    )]
    TrialsWithoutTuned,
    #[error(
        "`{written}` is not `FILE.py:CLASS`; write the file and the class, as in `my_method.py:MyMethod`"
    )]
    PythonClass { written: String },
    #[error("`python` names the class, so remove `{key}`")]
    PythonAndPlugin { key: &'static str },
    #[error("`interpreter` is for a class in Python; add `python: FILE.py:CLASS`, or remove it")]
    InterpreterAlone,
    #[error(
        "`{key}` is not the path of a parameter; separate nested keys with one dot, as in `optimizer.lr`"
    )]
    ParameterPath { key: String },
    #[error("`{key}` is varied here and also set by `{other}`; remove one of them")]
    GridConflict { key: String, other: String },
    #[error(
        "the scenario has {cells} cells ({product}), and at most {most} are allowed; list fewer values, or divide it into several scenarios"
    )]
    TooManyCells {
        cells: String,
        product: String,
        most: String,
    },
    #[error(
        "repeated for every cell, this and the other keys take more than {most} bytes; shorten it, or list fewer values"
    )]
    TooMuchText { most: String },
    #[error("two rows of this grid are called `{row}`; list each value once")]
    DuplicateRow { row: String },
    #[error("a label is one line of text, and this one has {found}; write it without")]
    ControlInLabel { found: &'static str },
    #[error(
        "tables would call `{row}` and `{other}` both `{label}`; give each row a label of its own"
    )]
    DuplicateLabel {
        label: String,
        row: String,
        other: String,
    },

    // References, in the file and in arguments.
    #[error("unknown {what} `{name}`{}", hint(name, known.iter().map(String::as_str)))]
    UnknownName {
        what: &'static str,
        name: String,
        known: Vec<String>,
    },
    #[error("no stream has only these domains; select a stream by its name with `--stream`")]
    NoStreamOfDomains,
    #[error(
        "the scenario has no backbone `{name}`; add `backbones: {{{name}: {{}}}}` at the top level"
    )]
    NoBackbones { name: String },
    #[error("`{key}` is {found}, so it has no keys to set")]
    NotAMapping { key: String, found: String },

    // What newcomers write; see `guide`.
    #[error("{problem}; write `{instead}`")]
    Instead {
        problem: Box<Problem>,
        instead: String,
    },
    #[error("{problem}; write `{digits}`, without quotes or separators")]
    NotDigits {
        problem: Box<Problem>,
        digits: String,
    },
    #[error("unknown key `{key}` here; it belongs {place}, as in `{example}`")]
    Misplaced {
        key: String,
        place: &'static str,
        example: String,
    },
    #[error(
        "unknown {} {}; if {} under `parameters:`, as in `{example}`",
        if keys.len() == 1 { "key" } else { "keys" },
        list(keys.iter().map(String::as_str)),
        if keys.len() == 1 { "it is a parameter, put it" } else { "they are parameters, put them" }
    )]
    ParametersOutside { keys: Vec<String>, example: String },
    #[error("`{key}` is a key of a {kind}, not the name of one; indent it below the {kind}'s name")]
    NotIndented { key: String, kind: &'static str },
    #[error("`{key}` needs a space after its colon; write `{instead}`")]
    NoSpace { key: String, instead: String },
    #[error(
        "`tasks` is the number of tasks; for the number of classes of each task, write `task_sizes: {sizes}`"
    )]
    TasksListed { sizes: String },
    #[error(
        "expected a list with the number of classes of each task, found {found}; for {count} equal tasks, write `tasks: {count}`"
    )]
    SizesCounted { found: String, count: String },
    #[error(
        "expected a list of seeds, found {found}; list each seed, as in `seeds: [1992, 1996, 1997]` for three, or write `seeds: [{seed}]` for one"
    )]
    SeedsCounted { found: String, seed: String },
    #[error("a class order lists classes by number; write `{instead}`")]
    ClassOrderNames { instead: String },
    #[error(
        "the path contains {found}, since `\\` begins an escape in double quotes; use single quotes"
    )]
    EscapeInPath { found: &'static str },

    /// What a later stage finds wrong with a key.
    #[error("{0}")]
    Later(String),
}

/// Values are read with serde, and its errors become problems here.
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
            "increment" => "the classes of each later task, as in `{base: 50, increment: 10}`",
            key => crate::domain::source::example(key).unwrap_or("it"),
        };
        Self::MissingKey { key, example }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// What was found instead, in the terms of YAML rather than of Rust.
pub(super) fn in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the whole number {value}"),
        Unexpected::Signed(value) => format!("the whole number {value}"),
        Unexpected::Float(value) => format!("the number {value:?}"),
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
