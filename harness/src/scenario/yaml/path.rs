//! The path that leads to a key.

use std::fmt;

/// The path of a key from the top of the file, such as `strategies.linear.parameters.lr` or
/// `seeds[2]`.
///
/// Messages separate keys with dots, but a name may contain dots itself: the keys in `{a.b: 1}` and
/// `{a: {b: 1}}` are shown alike, but have different paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct KeyPath(Vec<Segment>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// To the value of a key.
    Key(String),
    /// To an entry of a list, from 0.
    Index(usize),
}

impl KeyPath {
    /// The path of the whole file.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of a key at the top of the file.
    pub fn top(key: &str) -> Self {
        Self::root().join(key)
    }

    /// The path of a key of the mapping at this path.
    #[must_use]
    pub fn join(&self, key: &str) -> Self {
        self.then(Segment::Key(key.to_owned()))
    }

    /// The path of an entry of the list at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Segment::Index(index))
    }

    /// The path below this one that is spelled `optimizer.lr`, `layers[0].width` or `[2]`; this
    /// path itself if the spelling is empty. Every dot separates two keys.
    #[must_use]
    pub fn spelled(&self, path: &str) -> Self {
        let mut segments = self.0.clone();
        if path.is_empty() {
            return Self(segments);
        }
        for step in path.split('.') {
            let (key, indices) = indexed(step);
            if !key.is_empty() || indices.is_empty() {
                segments.push(Segment::Key(key.to_owned()));
            }
            segments.extend(indices.into_iter().map(Segment::Index));
        }
        Self(segments)
    }

    /// The steps from the top.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether this is the path of the whole file.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    fn then(&self, segment: Segment) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
    }
}

/// Splits `layers[0][1]` into `layers` and its indices. If the brackets contain anything else, all
/// of it is the name.
fn indexed(step: &str) -> (&str, Vec<usize>) {
    let read = || {
        let (key, brackets) = step.strip_suffix(']')?.split_once('[')?;
        let indices = brackets.split("][").map(|index| index.parse().ok());
        Some((key, indices.collect::<Option<Vec<_>>>()?))
    };
    read().unwrap_or((step, Vec::new()))
}

impl FromIterator<Segment> for KeyPath {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

/// From the path that `serde_path_to_error` tracks.
impl From<&serde_path_to_error::Path> for KeyPath {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment as Noted;
        let segments = path.iter().map(|segment| match segment {
            Noted::Seq { index } => Segment::Index(*index),
            Noted::Map { key } | Noted::Enum { variant: key } => Segment::Key(key.clone()),
            Noted::Unknown => Segment::Key("?".to_owned()),
        });
        segments.collect()
    }
}

/// As messages show it.
impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}
