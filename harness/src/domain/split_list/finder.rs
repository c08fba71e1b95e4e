//! Finds the images of a list in a source.
//!
//! A listed image is found by its name. The list's author kept the images in other folders, so the
//! folders that all names of a list begin with are ignored, and names also match if one of the two,
//! the list's or the source's, is the end of the other: `data/imagenet-r/n01443537/a.jpg` matches
//! `n01443537/a.jpg`, and in a parquet file `a.jpg`. The image that agrees in most folders is
//! taken; two that agree equally are an error. A name never matches an image in a *different*
//! folder: a missing image is an error. A name without `.jpg`, `.png` or `.webp` matches
//! each of these.

use super::draft::Draft;
use super::entry::Entry;
use super::index::{Found, Index};
use crate::domain::classes::list::ClassList;
use crate::domain::classes::tag::Tag;
use crate::domain::error::DomainError;
use crate::domain::match_error::MatchError;
use crate::domain::source::image_files::unread_ending;
use crate::domain::source::images::SourceImages;
use crate::id::Label;
use std::collections::HashMap;

/// Finds listed images, each of them once.
pub(crate) struct Finder<'list, 'source> {
    source: &'source SourceImages,
    reference: Option<&'source ClassList>,
    index: Index<'source>,
    /// The folders that all names of the two splits begin with.
    common: &'list str,
    /// The entry that each image was found for.
    taken: HashMap<usize, &'list Entry>,
}

impl<'list, 'source> Finder<'list, 'source> {
    /// A finder for a list with these entries.
    pub(crate) fn new(
        entries: &'list [Entry],
        source: &'source SourceImages,
        reference: Option<&'source ClassList>,
    ) -> Self {
        Self {
            source,
            reference,
            index: Index::new(&source.images),
            common: common_folders(entries),
            taken: HashMap::new(),
        }
    }

    /// The images of these entries, which must all be there.
    pub(crate) fn find(
        &mut self,
        entries: &'list [Entry],
    ) -> Result<Vec<Draft<'list>>, DomainError> {
        let mut missing = Vec::new();
        let mut drafts = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = entry.name.strip_prefix(self.common).unwrap_or(&entry.name);
            let image = match self.index.find(&entry.name, name) {
                Found::One(image) => image,
                Found::None => {
                    missing.push(entry);
                    continue;
                }
                Found::Several(one, other) => {
                    return Err(MatchError::AmbiguousImage {
                        place: entry.place(),
                        name: entry.name.clone(),
                        one: self.source.store.place(one),
                        other: self.source.store.place(other),
                    }
                    .into());
                }
            };
            if let Some(first) = self.taken.insert(image, entry) {
                return Err(MatchError::ListedTwice {
                    place: entry.place(),
                    name: entry.name.clone(),
                    image: self.source.store.place(image),
                    first: first.place(),
                    first_name: first.name.clone(),
                }
                .into());
            }
            drafts.push(Draft {
                name: name.to_owned(),
                tag: self.tag(entry, image)?,
                split: entry.split,
                image,
                entry: Some(entry),
            });
        }
        match self.missing(&missing, entries.len()) {
            None => Ok(drafts),
            Some(error) => Err(error.into()),
        }
    }

    /// The class of an image: the list's, else the source's.
    fn tag(&self, entry: &Entry, image: usize) -> Result<Tag, MatchError> {
        let own = self.source.images[image].tag.as_ref();
        match (&entry.tag, own) {
            (Some(tag), own) => {
                self.check_agreement(entry, tag, own, image)?;
                Ok(tag.clone())
            }
            (None, Some(own)) => Ok(own.clone()),
            (None, None) => Err(MatchError::NoLabel {
                place: entry.place(),
            }),
        }
    }

    /// If the reference list knows both names of an image's class, the split list's and the
    /// source's, they must be the same class.
    fn check_agreement(
        &self,
        entry: &Entry,
        tag: &Tag,
        own: Option<&Tag>,
        image: usize,
    ) -> Result<(), MatchError> {
        let text = own.and_then(|own| own.text.as_deref());
        let (Some(reference), Some(text)) = (self.reference, text) else {
            return Ok(());
        };
        let (Some(listed), Some(owned)) = (reference.find(tag), reference.find_text(text)) else {
            return Ok(());
        };
        if listed == owned {
            return Ok(());
        }
        let name = |label: Label| reference.names()[label.index()].clone();
        Err(MatchError::ClassesDisagree {
            place: entry.place(),
            listed: name(listed),
            image: self.source.store.place(image),
            owned: name(owned),
        })
    }

    /// The error about entries without an image, if there are any.
    fn missing(&self, missing: &[&Entry], listed: usize) -> Option<MatchError> {
        let unread = |entry: &&Entry| unread_ending(&entry.name);
        if let Some((entry, ending)) = missing.iter().find_map(|e| Some((e, unread(e)?))) {
            return Some(MatchError::UnsupportedImages {
                place: entry.place(),
                name: entry.name.clone(),
                ending,
                count: missing.iter().filter_map(unread).count(),
            });
        }
        let first = missing.first()?;
        Some(MatchError::MissingImages {
            place: first.place(),
            name: first.name.clone(),
            hint: self.index.nearest(&first.name),
            path: self.source.path.clone(),
            missing: missing.len(),
            listed,
        })
    }
}

/// The folder prefix that all names share.
fn common_folders(entries: &[Entry]) -> &str {
    let folders = |entry: &Entry| entry.name.rfind('/').map_or(0, |at| at + 1);
    let Some(first) = entries.first() else {
        return "";
    };
    let mut common = &first.name[..folders(first)];
    for entry in &entries[1..] {
        while !entry.name.starts_with(common) {
            let shorter = common.trim_end_matches('/');
            common = &common[..shorter.rfind('/').map_or(0, |at| at + 1)];
        }
    }
    common
}

#[cfg(test)]
mod tests;
