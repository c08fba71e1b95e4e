//! From the parser's events to the tree.

use super::path::{KeyPath, Segment};
use super::place::{Origin, Place};
use super::scalar;
use super::syntax::{self, Bracket, Explanation};
use super::tree::{Mapping, Node, SourceFile, Tree, Value};
use crate::scenario::error::{Problem, ScenarioError};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// How deep lists and mappings may be nested. Everything that reads the tree is recursive.
const DEEPEST: usize = 128;

/// How much text all aliases together may repeat, as a multiple of the file's length, so that a
/// short file cannot fill the memory.
const MOST_REPEATED: usize = 100;

/// How much text aliases may repeat even in a short file, in characters.
const ALWAYS_REPEATED: usize = 4 << 20;

/// What a value counts for, in addition to its text, in characters.
const NODE_SIZE: usize = 16;

/// The key that merges other mappings into its own.
const MERGE: &str = "<<";

impl Tree {
    /// Reads the text of a file. A file without a document gives an empty tree.
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, ScenarioError> {
        Self::parse_as(0, file, text)
    }

    /// Reads the text of one of several files that are merged. Each has a number of its own.
    pub(in crate::scenario) fn parse_as(
        number: u32,
        file: &Path,
        text: &str,
    ) -> Result<Self, ScenarioError> {
        let mut builder = Builder::new(number, text);
        for event in Parser::new_from_str(text) {
            event
                .map_err(|error| builder.syntax_fault(&error))
                .and_then(|(event, span)| builder.step(event, Place::of(span)))
                .map_err(|fault| {
                    let source = number;
                    let origin = fault.place.map(|place| Origin::File { source, place });
                    ScenarioError::new(file, origin, fault.key, fault.problem).with_source(text)
                })?;
        }
        Ok(Self {
            file: file.to_owned(),
            base: file.to_owned(),
            sources: vec![SourceFile {
                number,
                path: file.to_owned(),
                text: text.into(),
            }],
            root: builder.root,
        })
    }
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

/// What is wrong, and where. The caller knows the file.
struct Fault {
    key: KeyPath,
    place: Option<Place>,
    problem: Problem,
}

/// The tree so far.
struct Builder<'text> {
    source: u32,
    text: &'text str,
    root: Node,
    open: Vec<Open>,
    anchors: HashMap<usize, Measured>,
    repeated: usize,
    documents: u32,
}

/// A list or mapping that has begun and not ended.
struct Open {
    begin: Place,
    anchor: usize,
    tag: Option<String>,
    size: usize,
    height: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Mapping {
        entries: Mapping,
        /// The key whose value comes next.
        key: Option<(Arc<str>, Place)>,
        /// What `<<` holds.
        merge: Option<Node>,
    },
}

/// A finished value, and its size, which counts again whenever an alias repeats it.
#[derive(Clone)]
struct Measured {
    value: Value,
    /// In characters: the text, and [`NODE_SIZE`] for every value.
    size: usize,
    /// How deep the lists and mappings in it are nested.
    height: usize,
}

impl<'text> Builder<'text> {
    fn new(source: u32, text: &'text str) -> Self {
        Self {
            source,
            text,
            root: Node::NULL,
            open: Vec::new(),
            anchors: HashMap::new(),
            repeated: 0,
            documents: 0,
        }
    }

    fn step(&mut self, event: Event<'_>, place: Place) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, full(tag).as_deref(), place)
            }
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::SequenceStart(anchor, tag) => {
                let inside = Inside::List(Vec::new());
                self.begin("a list", anchor, full(tag), place, inside)
            }
            Event::MappingStart(anchor, tag) => {
                let inside = Inside::Mapping {
                    entries: Mapping::new(),
                    key: None,
                    merge: None,
                };
                self.begin("a mapping", anchor, full(tag), place, inside)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::DocumentStart(_) => {
                self.documents += 1;
                match self.documents {
                    1 => Ok(()),
                    _ => Err(Fault {
                        key: KeyPath::root(),
                        place: Some(place),
                        problem: Problem::SecondDocument,
                    }),
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&str>,
        place: Place,
    ) -> Result<(), Fault> {
        let is_key = self.expects_key();
        let value = scalar::resolve(text, style, tag).map_err(|problem| match is_key {
            true => self.fault(place, problem),
            false => self.fault_of_value(place, problem),
        })?;
        let measured = Measured {
            value,
            size: NODE_SIZE + text.len(),
            height: 0,
        };
        self.remember(anchor, &measured);
        if is_key {
            return self.key(measured, place);
        }
        self.value(measured, place);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Fault> {
        self.no_key("an alias", place)?;
        let Some(target) = self.anchors.get(&anchor).cloned() else {
            let message = "this alias is inside the value that it repeats".to_owned();
            return Err(self.fault_of_value(place, Problem::Syntax { message }));
        };
        self.check_depth(target.height, place)?;
        self.repeated = self.repeated.saturating_add(target.size);
        let most = self.text.len().saturating_mul(MOST_REPEATED);
        if self.repeated > most.max(ALWAYS_REPEATED) {
            return Err(of_the_file(
                "its aliases repeat more text than a scenario can need",
            ));
        }
        self.value(target, place);
        Ok(())
    }

    /// A list or a mapping begins.
    fn begin(
        &mut self,
        what: &str,
        anchor: usize,
        tag: Option<String>,
        place: Place,
        inside: Inside,
    ) -> Result<(), Fault> {
        self.no_key(what, place)?;
        self.check_depth(1, place)?;
        self.open.push(Open {
            begin: place,
            anchor,
            tag: tag.filter(|tag| tag.starts_with('!')),
            size: NODE_SIZE,
            height: 0,
            inside,
        });
        Ok(())
    }

    /// The innermost list or mapping ends.
    fn end(&mut self) -> Result<(), Fault> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.inside {
            Inside::List(items) => Value::List(items.into()),
            Inside::Mapping {
                mut entries, merge, ..
            } => {
                if let Some(merge) = merge {
                    merge_into(&mut entries, &merge.value)
                        .map_err(|problem| self.fault_of_merge(&merge, problem))?;
                }
                Value::Mapping(entries.into())
            }
        };
        let measured = Measured {
            value: match open.tag {
                Some(tag) => Value::Tagged(tag.into()),
                None => value,
            },
            size: open.size,
            height: open.height + 1,
        };
        self.remember(open.anchor, &measured);
        self.value(measured, open.begin);
        Ok(())
    }

    /// Keeps a value for its aliases. The anchor 0 means that it has none.
    fn remember(&mut self, anchor: usize, measured: &Measured) {
        if anchor != 0 {
            self.anchors.insert(anchor, measured.clone());
        }
    }

    /// Adds a finished value: to the open mapping under its last key, to the open list, or as the
    /// whole document.
    fn value(&mut self, measured: Measured, place: Place) {
        let Measured {
            value,
            size,
            height,
        } = measured;
        let Some(open) = self.open.last_mut() else {
            self.root.value = value;
            return;
        };
        open.size = open.size.saturating_add(size);
        open.height = open.height.max(height);
        let source = self.source;
        let node = |place, value| Node {
            origin: Some(Origin::File { source, place }),
            value,
        };
        match &mut open.inside {
            Inside::List(items) => items.push(node(place, value)),
            Inside::Mapping {
                entries,
                key,
                merge,
            } => {
                if let Some((key, place)) = key.take() {
                    if &*key == MERGE {
                        *merge = Some(node(place, value));
                    } else {
                        entries.insert(key, node(place, value));
                    }
                }
            }
        }
    }

    /// Whether the next node is a key.
    fn expects_key(&self) -> bool {
        let inside = self.open.last().map(|open| &open.inside);
        matches!(inside, Some(Inside::Mapping { key: None, .. }))
    }

    /// Adds a key to the open mapping.
    fn key(&mut self, measured: Measured, place: Place) -> Result<(), Fault> {
        let text = match measured.value {
            Value::Text(text) => text,
            // `{0.1, 0.2}` is a mapping of two keys without values.
            _ if self.ends_entry(place) => return Err(self.fault(place, Problem::ListInBraces)),
            other => return Err(self.fault(place, other.not_a_key())),
        };
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        let Inside::Mapping {
            entries,
            key,
            merge,
        } = &mut open.inside
        else {
            return Ok(());
        };
        open.size = open.size.saturating_add(measured.size);
        let first = match &*text {
            MERGE => merge.as_ref(),
            _ => entries.get(&text),
        };
        let first = first.and_then(|first| first.origin.clone());
        *key = Some((text.clone(), place));
        let Some(Origin::File { place: first, .. }) = first else {
            return Ok(());
        };
        let problem = Problem::DuplicateKey {
            key: text.as_ref().to_owned(),
            first_line: first.line,
        };
        Err(self.fault(place, problem))
    }

    /// Whether a comma or a closing brace follows what is at this place.
    fn ends_entry(&self, place: Place) -> bool {
        let line = self.text.lines().nth(place.line as usize - 1);
        let end = (place.column - 1 + place.width) as usize;
        let rest = line.into_iter().flat_map(|line| line.chars().skip(end));
        let mut rest = rest.skip_while(|letter| letter.is_whitespace());
        rest.next()
            .is_some_and(|letter| letter == ',' || letter == '}')
    }

    /// Refuses a key that is not a scalar.
    fn no_key(&self, what: &str, place: Place) -> Result<(), Fault> {
        if self.expects_key() {
            let found = what.to_owned();
            return Err(self.fault(place, Problem::KeyNotText { found }));
        }
        Ok(())
    }

    /// Checks that a value with this many levels does not nest too deep here.
    fn check_depth(&self, height: usize, place: Place) -> Result<(), Fault> {
        if self.open.len() + height <= DEEPEST {
            return Ok(());
        }
        // Its path would fill the screen.
        Err(Fault {
            place: Some(place),
            ..of_the_file(syntax::TOO_DEEP)
        })
    }

    /// The parser's complaint, explained.
    fn syntax_fault(&self, error: &ScanError) -> Fault {
        let place = Place::of(Span::empty(*error.marker()));
        let bracket = self.open.last().and_then(|open| {
            let Place { line, column, .. } = open.begin;
            let opening = self.text.lines().nth(line as usize - 1)?;
            let sign = opening.chars().nth(column as usize - 1)?;
            matches!(sign, '[' | '{').then_some(Bracket { sign, line })
        });
        let Explanation { place, message } =
            syntax::explain(error.info(), self.text, place, bracket);
        self.fault(place, Problem::Syntax { message })
    }

    /// A fault of the key whose value comes next, or of the open list or mapping.
    fn fault(&self, place: Place, problem: Problem) -> Fault {
        Fault {
            key: self.path(),
            place: Some(place),
            problem,
        }
    }

    /// A fault of a value. It points at the value's key in a mapping, or at the value in a list.
    fn fault_of_value(&self, place: Place, problem: Problem) -> Fault {
        match self.open.last().map(|open| &open.inside) {
            Some(Inside::Mapping {
                key: Some((_, place)),
                ..
            }) => self.fault(*place, problem),
            Some(Inside::List(items)) => Fault {
                key: self.path().index(items.len()),
                place: Some(place),
                problem,
            },
            _ => self.fault(place, problem),
        }
    }

    /// A fault of the value of `<<` in the mapping that has just ended.
    fn fault_of_merge(&self, merge: &Node, problem: Problem) -> Fault {
        let place = match &merge.origin {
            Some(Origin::File { place, .. }) => Some(*place),
            _ => None,
        };
        let around = match self.open.last().map(|open| &open.inside) {
            Some(Inside::List(items)) => self.path().index(items.len()),
            _ => self.path(),
        };
        let key = around.join(MERGE);
        Fault {
            key,
            place,
            problem,
        }
    }

    /// The path of the innermost key that has begun, or of the list that is open.
    fn path(&self) -> KeyPath {
        let innermost = self.open.len().saturating_sub(1);
        let segments = self.open.iter().enumerate();
        segments
            .filter_map(|(depth, open)| match &open.inside {
                Inside::Mapping { key, .. } => {
                    let (key, _) = key.as_ref()?;
                    Some(Segment::Key(key.as_ref().to_owned()))
                }
                Inside::List(items) => (depth < innermost).then_some(Segment::Index(items.len())),
            })
            .collect()
    }
}

/// A tag with its prefix written out.
fn full(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    tag.map(|tag| format!("{}{}", tag.handle, tag.suffix))
}

/// Adds the value of `<<`, one mapping or several, to the entries of its mapping. An entry of the
/// mapping itself wins over a merged one, and an earlier merged mapping over a later one.
fn merge_into(entries: &mut Mapping, merged: &Value) -> Result<(), Problem> {
    let mut add = |mapping: &Mapping| {
        for (key, node) in mapping {
            if !entries.contains_key(key) {
                entries.insert(key.clone(), node.clone());
            }
        }
    };
    match merged {
        Value::Mapping(mapping) => add(mapping),
        Value::List(items) => {
            for item in items.iter() {
                match &item.value {
                    Value::Mapping(mapping) => add(mapping),
                    other => return Err(not_merged("a list with", other)),
                }
            }
        }
        other => return Err(not_merged("", other)),
    }
    Ok(())
}

/// The value of `<<` cannot be merged.
fn not_merged(around: &str, value: &Value) -> Problem {
    let found = format!("{around} {}", value.in_words());
    Problem::Merge {
        found: found.trim_start().to_owned(),
    }
}

/// A fault of the file as a whole.
fn of_the_file(message: &str) -> Fault {
    Fault {
        key: KeyPath::root(),
        place: None,
        problem: Problem::Syntax {
            message: message.to_owned(),
        },
    }
}
