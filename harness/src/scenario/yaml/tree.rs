//! The nodes of the tree, which are found by path and replaced.

use super::path::{KeyPath, Segment};
use super::place::Origin;
use crate::scenario::error::{Problem, ScenarioError};
use indexmap::IndexMap;
use serde_yaml::Number;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The values of a YAML file, or of several that build on each other.
#[derive(Debug, Clone)]
pub struct Tree {
    pub(super) file: PathBuf,
    pub(super) base: PathBuf,
    pub(super) sources: Vec<SourceFile>,
    pub(super) root: Node,
}

/// A file whose values are in a tree.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    /// As the origins of its values have it.
    pub(super) number: u32,
    pub(super) path: PathBuf,
    pub(super) text: Arc<str>,
}

/// A value and its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where a message about this value points: at its key, or at the value itself if it is an
    /// entry of a list. `None` for the whole file, and for values inside one from the command line.
    pub origin: Option<Origin>,
    /// The value.
    pub value: Value,
}

/// A YAML value. Lists and mappings are shared, not copied, by an anchor and its aliases.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, or a float.
    Number(Number),
    /// Text, in quotes or not.
    Text(Arc<str>),
    /// A list.
    List(Arc<Vec<Node>>),
    /// A mapping, in the order of the file.
    Mapping(Arc<Mapping>),
    /// A value with a tag that is not YAML's own, `!fast 0.1`.
    Tagged(Arc<str>),
}

/// The values of a mapping by their keys, which are text.
pub type Mapping = IndexMap<Arc<str>, Node>;

impl Node {
    /// An empty value without a place.
    pub const NULL: Node = Node {
        origin: None,
        value: Value::Null,
    };

    /// Whether it is `null`, `~` or nothing at all.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The entries, if this is a mapping.
    pub fn mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The entries, to be changed, if this is a mapping.
    pub fn mapping_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.value {
            Value::Mapping(mapping) => Some(Arc::make_mut(mapping)),
            _ => None,
        }
    }

    /// The value of a key, to be changed, if this is a mapping with that key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.mapping_mut()?.get_mut(key)
    }

    /// The value of a key, if this is a mapping with that key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.mapping()?.get(key)
    }

    /// The child that the first of these steps leads to, and the steps that remain.
    fn step<'a>(&self, segments: &'a [Segment]) -> Option<(&Node, &'a [Segment])> {
        let (first, rest) = segments.split_first()?;
        match (first, &self.value) {
            (Segment::Index(index), Value::List(items)) => Some((items.get(*index)?, rest)),
            (Segment::Key(key), Value::Mapping(mapping)) => match mapping.get(&**key) {
                Some(child) => Some((child, rest)),
                None => dotted(mapping, key, rest),
            },
            _ => None,
        }
    }
}

/// The value of a key with dots in its name, given the part before the first dot. Plugins spell the
/// paths of their parameters with dots, so such a name arrives in pieces.
fn dotted<'n, 's>(
    mapping: &'n Mapping,
    first: &str,
    mut rest: &'s [Segment],
) -> Option<(&'n Node, &'s [Segment])> {
    let mut name = first.to_owned();
    while let Some((Segment::Key(next), after)) = rest.split_first() {
        name = format!("{name}.{next}");
        rest = after;
        if let Some(child) = mapping.get(&*name) {
            return Some((child, rest));
        }
    }
    None
}

impl Tree {
    /// The file, as given on the command line.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The file that all others build on; the file itself if it builds on none.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Every file that values may come from.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(|source| &*source.path)
    }

    /// The file in which this key was written, or else the closest key around it. For a key from
    /// the command line, the file there.
    pub fn file_of(&self, key: &KeyPath) -> &Path {
        let source = self.origin(key).and_then(|origin| self.source(origin));
        source.map_or(&self.file, |source| &source.path)
    }

    fn source(&self, origin: &Origin) -> Option<&SourceFile> {
        match origin {
            Origin::File { source: number, .. } => {
                let mut sources = self.sources.iter();
                sources.find(|source| source.number == *number)
            }
            Origin::Argument(_) => None,
        }
    }

    /// The value of the whole file.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Where this key was written, or else the closest key around it. `None` if there is no such
    /// key either.
    pub fn origin(&self, key: &KeyPath) -> Option<&Origin> {
        let (mut node, mut segments) = (&self.root, key.segments());
        let mut origin = node.origin.as_ref();
        while let Some((child, rest)) = node.step(segments) {
            (node, segments) = (child, rest);
            origin = node.origin.as_ref().or(origin);
        }
        origin
    }

    /// The value of this key, if it is there.
    pub fn node(&self, key: &KeyPath) -> Option<&Node> {
        let (mut node, mut segments) = (&self.root, key.segments());
        while !segments.is_empty() {
            (node, segments) = node.step(segments)?;
        }
        Some(node)
    }

    /// An error about this key.
    pub fn error(&self, key: &KeyPath, problem: Problem) -> ScenarioError {
        let origin = self.origin(key);
        let source = origin.and_then(|origin| self.source(origin));
        let file = source.map_or(&self.file, |source| &source.path);
        let error = ScenarioError::new(file, origin.cloned(), key.clone(), problem);
        match source {
            Some(source) => error.with_source(&source.text),
            None => error,
        }
    }

    /// Changes the values by those of another file, whose origins have a number of their own.
    pub(in crate::scenario) fn change(
        &mut self,
        other: Tree,
        change: impl FnOnce(&mut Node, Node),
    ) {
        self.sources.extend(other.sources);
        change(&mut self.root, other.root);
    }

    /// The same values, of which this is the file on the command line.
    pub(in crate::scenario) fn given_as(self, file: &Path) -> Self {
        let file = file.to_owned();
        Self { file, ..self }
    }

    /// Removes the value at the end of this path of keys. `false` if there is none.
    pub(in crate::scenario) fn remove(&mut self, keys: &[String]) -> bool {
        let Some((last, above)) = keys.split_last() else {
            return false;
        };
        let mut node = &mut self.root;
        for key in above {
            match node.get_mut(key) {
                Some(child) => node = child,
                None => return false,
            }
        }
        let keys = node.mapping_mut();
        keys.is_some_and(|keys| keys.shift_remove(last.as_str()).is_some())
    }

    /// Sets the value at the end of this path of keys, and adds the mappings on the way that are
    /// missing.
    pub(in crate::scenario) fn replace(
        &mut self,
        keys: &[String],
        value: Value,
        origin: Origin,
    ) -> Result<(), Problem> {
        let mut node = &mut self.root;
        for (depth, key) in keys.iter().enumerate() {
            if node.value == Value::Null {
                node.value = Value::Mapping(Arc::default());
            }
            let found = node.in_words();
            let Value::Mapping(mapping) = &mut node.value else {
                let above = keys[..depth].iter().cloned().map(Segment::Key);
                let key = above.collect::<KeyPath>().to_string();
                return Err(Problem::NotAMapping { key, found });
            };
            let mapping = Arc::make_mut(mapping);
            node = mapping.entry(key.as_str().into()).or_insert(Node::NULL);
        }
        *node = Node {
            origin: Some(origin),
            value,
        };
        Ok(())
    }
}

/// From a value without places, such as one from the command line.
impl TryFrom<serde_yaml::Value> for Value {
    type Error = Problem;

    fn try_from(value: serde_yaml::Value) -> Result<Self, Problem> {
        let node = |value| {
            Ok(Node {
                origin: None,
                value: Self::try_from(value)?,
            })
        };
        Ok(match value {
            serde_yaml::Value::Null => Self::Null,
            serde_yaml::Value::Bool(value) => Self::Bool(value),
            serde_yaml::Value::Number(number) => Self::Number(number),
            serde_yaml::Value::String(text) => Self::Text(text.into()),
            serde_yaml::Value::Sequence(items) => {
                let items: Result<Vec<_>, _> = items.into_iter().map(node).collect();
                Self::List(items?.into())
            }
            serde_yaml::Value::Mapping(entries) => {
                let entries = entries
                    .into_iter()
                    .map(|(key, value)| match Self::try_from(key)? {
                        Self::Text(key) => Ok((key, node(value)?)),
                        other => Err(other.not_a_key()),
                    });
                Self::Mapping(Arc::new(entries.collect::<Result<_, _>>()?))
            }
            serde_yaml::Value::Tagged(tagged) => Self::Tagged(tagged.tag.to_string().into()),
        })
    }
}
