//! A sample before its class is looked up.

use super::entry::{Entry, portable};
use crate::domain::classes::tag::Tag;
use crate::domain::error::DomainError;
use crate::domain::match_error::MatchError;
use crate::domain::sample::Split;
use crate::domain::source::images::SourceImages;
use std::mem;

/// A sample before its class is looked up.
pub(crate) struct Draft<'a> {
    /// The sample's name.
    pub(crate) name: String,
    /// Its class, as the list or the source calls it.
    pub(crate) tag: Tag,
    /// Its split.
    pub(crate) split: Split,
    /// Its number in the source.
    pub(crate) image: usize,
    /// What the list says about it, if there is a list.
    pub(crate) entry: Option<&'a Entry>,
}

impl Draft<'_> {
    /// Where an image or its class comes from, for a message.
    pub(crate) fn place(&self, source: &SourceImages) -> String {
        match self.entry {
            Some(entry) => entry.place(),
            None => source.store.place(self.image),
        }
    }

    /// All images of a source that has its own splits and classes; train before test. The source
    /// keeps its store alone: names of a million images are not held twice.
    pub(crate) fn of_source(source: &mut SourceImages) -> Result<Vec<Self>, DomainError> {
        let path = source.path.clone();
        let no_split = || MatchError::NoSplit { path: path.clone() };
        let mut drafts = Self::in_order(source, |split| split.ok_or_else(no_split))?;
        drafts.sort_by_key(|draft| draft.split == Split::Test);
        Ok(drafts)
    }

    /// All images of a source in its own order, all of them in the train split for now. The source
    /// keeps its store alone.
    pub(crate) fn unsplit(source: &mut SourceImages) -> Result<Vec<Self>, DomainError> {
        Self::in_order(source, |_| Ok(Split::Train))
    }

    fn in_order(
        source: &mut SourceImages,
        split: impl Fn(Option<Split>) -> Result<Split, MatchError>,
    ) -> Result<Vec<Self>, DomainError> {
        let images = mem::take(&mut source.images);
        let mut drafts = Vec::with_capacity(images.len());
        for (number, image) in images.into_iter().enumerate() {
            let split = split(image.split)?;
            let Some(tag) = image.tag else {
                return Err(MatchError::NoLabel {
                    place: source.store.place(number),
                }
                .into());
            };
            drafts.push(Self {
                name: portable(image.name),
                tag,
                split,
                image: number,
                entry: None,
            });
        }
        Ok(drafts)
    }
}
