//! Finds a listed image in a source by its name.

use super::entry::portable;
use crate::domain::source::image_files::without_image_ending;
use crate::domain::source::images::SourceImage;
use std::collections::HashMap;

/// The images of a source by the last part of their name.
pub(crate) struct Index<'a> {
    images: &'a [SourceImage],
    names: Vec<String>,
    whole: HashMap<String, Vec<usize>>,
    last: HashMap<String, Vec<usize>>,
}

pub(crate) enum Found {
    One(usize),
    None,
    Several(usize, usize),
}

impl<'a> Index<'a> {
    pub(crate) fn new(images: &'a [SourceImage]) -> Self {
        let names: Vec<String> = (images.iter())
            .map(|image| portable(image.name.clone()))
            .collect();
        let mut index = Self {
            images,
            names,
            whole: HashMap::new(),
            last: HashMap::new(),
        };
        for (at, name) in index.names.iter().enumerate() {
            index.whole.entry(name.clone()).or_default().push(at);
            let last = last(name);
            index.last.entry(last.to_owned()).or_default().push(at);
            if let Some(stem) = without_image_ending(last) {
                index.last.entry(stem.to_owned()).or_default().push(at);
            }
        }
        index
    }

    /// Finds a listed image: `full` is its name, `name` the same without the folders that all names
    /// have in common.
    pub(crate) fn find(&self, full: &str, name: &str) -> Found {
        match self.whole.get(full).map(Vec::as_slice) {
            Some([only]) => return Found::One(*only),
            Some([one, other, ..]) => return Found::Several(*one, *other),
            _ => {}
        }
        let bare = without_image_ending(full).is_none();
        let mut best: Vec<usize> = Vec::new();
        let mut most = 0;
        for &at in self.last.get(last(full)).into_iter().flatten() {
            let own = self.names[at].as_str();
            let own = if bare {
                without_image_ending(own).unwrap_or(own)
            } else {
                own
            };
            if !(ends_in(own, name) || ends_in(full, own)) {
                continue;
            }
            let agreeing = agreeing(own, full);
            if agreeing > most {
                most = agreeing;
                best.clear();
            }
            if agreeing == most {
                best.push(at);
            }
        }
        match best[..] {
            [] => Found::None,
            [only] => Found::One(only),
            [one, other, ..] => Found::Several(one, other),
        }
    }

    /// The name of an image that `name` may be meant to refer to.
    pub(crate) fn nearest(&self, name: &str) -> Option<String> {
        let stem = |name: &str| {
            without_image_ending(last(name))
                .unwrap_or(last(name))
                .to_owned()
        };
        let wanted = stem(name);
        let at = self.names.iter().position(|own| stem(own) == wanted)?;
        Some(self.images[at].name.clone())
    }
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether `name` is `end`, or ends in it after a `/`.
fn ends_in(name: &str, end: &str) -> bool {
    name.strip_suffix(end)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// How many trailing parts two names have in common.
fn agreeing(a: &str, b: &str) -> usize {
    let pairs = a.rsplit('/').zip(b.rsplit('/'));
    pairs.take_while(|(a, b)| a == b).count()
}
