//! On which line each key of a scenario was written.
//!
//! serde forgets where a value came from. So the file is parsed once more as a stream of events that carry their
//! positions, and the path of every key is noted with its place. Paths are written as messages show them: keys joined by
//! dots, entries of lists by their index, `strategies.linear.parameters.lr`, `seeds[2]`. The same pass finds what a
//! parse into values cannot report well: keys written twice, keys that are not text, a second document.

use super::error::{Problem, ScenarioError, in_words};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde::de::Unexpected;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A place in the file: where a key, or an entry of a list, begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// How many characters of the line belong to it.
    pub width: u32,
}

impl Place {
    fn of(span: Span) -> Self {
        let one_line = span.start.line() == span.end.line();
        let width = if one_line {
            span.end.col().saturating_sub(span.start.col())
        } else {
            1
        };
        Self {
            line: span.start.line().max(1) as u32,
            column: span.start.col() as u32 + 1,
            width: width.max(1) as u32,
        }
    }
}

/// Where a key got its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the file.
    File(Place),
    /// On the command line; the argument as typed, `--set threads=2`.
    Argument(String),
}

/// The origin of each key of one scenario.
#[derive(Debug, Clone)]
pub struct KeyLines {
    file: PathBuf,
    text: String,
    origins: HashMap<String, Origin>,
}

impl KeyLines {
    /// Notes the place of every key in the text of a file.
    pub(super) fn read(file: &Path, text: &str) -> Result<Self, ScenarioError> {
        let mut walk = Walk::default();
        for event in Parser::new_from_str(text) {
            event
                .map_err(|error| walk.syntax_fault(&error, text))
                .and_then(|(event, span)| walk.step(event, Place::of(span)))
                .map_err(|fault| {
                    let origin = Some(Origin::File(fault.place));
                    ScenarioError::new(file, origin, &fault.key, fault.problem).with_source(text)
                })?;
        }
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            origins: walk.origins,
        })
    }

    /// The scenario's file, as it was named.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where this key was written; if it was not, where the closest key around it was. None for a key that no part of
    /// the file surrounds.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        let mut key = key;
        loop {
            if let Some(origin) = self.origins.get(key) {
                return Some(origin);
            }
            key = &key[..key.rfind(['.', '['])?];
        }
    }

    /// An error about this key.
    pub fn error(&self, key: &str, problem: Problem) -> ScenarioError {
        ScenarioError::new(&self.file, self.origin(key).cloned(), key, problem)
            .with_source(&self.text)
    }

    /// Notes that an argument has replaced the value of this key and of all below it.
    pub(super) fn replace(&mut self, key: &str, argument: String) {
        self.origins.retain(|other, _| {
            let below = other.strip_prefix(key);
            !below.is_some_and(|rest| rest.starts_with(['.', '[']))
        });
        self.origins
            .insert(key.to_owned(), Origin::Argument(argument));
    }
}

/// The path of a key below another.
pub(super) fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() {
        key.to_owned()
    } else {
        format!("{parent}.{key}")
    }
}

/// What is wrong, and where; the file is known to the caller.
struct Fault {
    key: String,
    place: Place,
    problem: Problem,
}

impl Fault {
    fn new(key: &str, place: Place, problem: Problem) -> Self {
        let key = key.to_owned();
        Self {
            key,
            place,
            problem,
        }
    }
}

/// The walk through a document: where it is, and what it has noted.
#[derive(Default)]
struct Walk {
    origins: HashMap<String, Origin>,
    open: Vec<Open>,
    documents: u32,
}

/// A mapping or a list that has begun and not ended.
struct Open {
    path: String,
    begin: Place,
    inside: Inside,
}

enum Inside {
    Mapping {
        /// The line of each key so far.
        lines: HashMap<String, u32>,
        /// The path of the key whose value comes next.
        key: Option<String>,
    },
    List {
        next: u32,
    },
}

impl Walk {
    fn step(&mut self, event: Event<'_>, place: Place) -> Result<(), Fault> {
        let (path, inside) = match event {
            Event::Scalar(text, style, ..) => {
                let not_text = || not_text(&text, style);
                self.node(place, &text, not_text)?;
                return Ok(());
            }
            Event::Alias(_) => {
                self.node(place, "", || Some("an alias".to_owned()))?;
                return Ok(());
            }
            Event::MappingStart(..) => {
                let path = self.node(place, "", || Some("a mapping".to_owned()))?;
                let lines = HashMap::new();
                (path, Inside::Mapping { lines, key: None })
            }
            Event::SequenceStart(..) => {
                let path = self.node(place, "", || Some("a list".to_owned()))?;
                (path, Inside::List { next: 0 })
            }
            Event::MappingEnd | Event::SequenceEnd => {
                self.open.pop();
                return Ok(());
            }
            Event::DocumentStart(_) => {
                self.documents += 1;
                return match self.documents {
                    1 => Ok(()),
                    _ => Err(Fault::new("", place, Problem::SecondDocument)),
                };
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {
                return Ok(());
            }
        };
        self.open.push(Open {
            path,
            begin: place,
            inside,
        });
        Ok(())
    }

    /// Takes note of a node that begins here and returns its path: as a key of the open mapping, as the value of the last
    /// such key, or as the next entry of the open list. `not_text` says what it is if it cannot be a key.
    fn node(
        &mut self,
        place: Place,
        text: &str,
        not_text: impl FnOnce() -> Option<String>,
    ) -> Result<String, Fault> {
        let Some(Open { path, inside, .. }) = self.open.last_mut() else {
            return Ok(String::new());
        };
        let (lines, key) = match inside {
            Inside::List { next } => {
                let entry = format!("{path}[{next}]");
                *next += 1;
                self.origins.insert(entry.clone(), Origin::File(place));
                return Ok(entry);
            }
            Inside::Mapping { lines, key } => (lines, key),
        };
        if let Some(key) = key.take() {
            return Ok(key);
        }
        if let Some(found) = not_text() {
            return Err(Fault::new(path, place, Problem::KeyNotText { found }));
        }
        let full = join(path, text);
        if let Some(&first_line) = lines.get(text) {
            let key = text.to_owned();
            let problem = Problem::DuplicateKey { key, first_line };
            return Err(Fault::new(&full, place, problem));
        }
        lines.insert(text.to_owned(), place.line);
        // A name with dots can spell the path of another key; the first to come keeps it.
        let origin = self.origins.entry(full.clone());
        origin.or_insert(Origin::File(place));
        *key = Some(full.clone());
        Ok(full)
    }

    /// The parser's complaint; inside brackets with the place of the opening one, since that it was never closed is the
    /// usual cause and shows up only lines later.
    fn syntax_fault(&self, error: &ScanError, text: &str) -> Fault {
        let place = Place::of(Span::empty(*error.marker()));
        let mut message = error.info().to_owned();
        let Some(open) = self.open.last() else {
            return Fault::new("", place, Problem::Syntax { message });
        };
        let line = text.lines().nth(open.begin.line as usize - 1);
        let bracket = line.and_then(|line| line.chars().nth(open.begin.column as usize - 1));
        if let Some(bracket @ ('[' | '{')) = bracket {
            let line = open.begin.line;
            message += &format!(", inside the `{bracket}` that line {line} opens");
        }
        let key = match &open.inside {
            Inside::Mapping { key: Some(key), .. } => key,
            _ => &open.path,
        };
        Fault::new(key, place, Problem::Syntax { message })
    }
}

/// What a key without quotes is, if YAML does not take it for text.
fn not_text(key: &str, style: ScalarStyle) -> Option<String> {
    if style != ScalarStyle::Plain {
        return None;
    }
    match serde_yaml::from_str(key).ok()? {
        serde_yaml::Value::Null => Some(in_words(Unexpected::Unit)),
        serde_yaml::Value::Bool(value) => Some(in_words(Unexpected::Bool(value))),
        serde_yaml::Value::Number(number) => Some(format!("the number {number}")),
        _ => None,
    }
}
