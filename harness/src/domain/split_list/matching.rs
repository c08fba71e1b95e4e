//! Turns the images of a source into samples; with a split list, finds each listed image.
//!
//! A listed image is found by its name. The list's author kept the images in other folders, so the
//! folders that all names of a list begin with are ignored, and names also match if one of the two,
//! the list's or the source's, is the end of the other: `data/imagenet-r/n01443537/a.jpg` matches
//! `n01443537/a.jpg`, and in a parquet file `a.jpg`. The image that agrees in most folders is
//! taken; two that agree equally are an error. A name never matches an image in a *different*
//! folder: a missing image is an error. A name without `.jpg`, `.png` or `.webp` matches
//! each of these.
//!
//! The samples have the names of the list, without the folders that all have in common, so one list
//! gives the same split hash for every layout of the images.

use super::entry::{Entry, portable};
use super::form::SplitList;
use super::index::{Found, Index};
use super::listing::Listing;
use crate::domain::classes::list::ClassList;
use crate::domain::classes::tag::{Tag, distinct};
use crate::domain::classes::{Classes, LeaveOut};
use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::match_error::MatchError;
use crate::domain::sample::{Sample, Split};
use crate::domain::source::image_files::unread_ending;
use crate::domain::source::images::SourceImages;
use crate::id::Label;
use std::collections::HashMap;

/// The contents of a source whose images are known, after applying the scenario's keys.
pub(crate) fn contents(
    source: SourceImages,
    split: Option<&SplitList>,
    classes: Option<&Classes>,
    leave_out: Option<&LeaveOut>,
) -> Result<Contents, DomainError> {
    let classes = classes.map(Classes::entries).transpose()?;
    let reference = classes.as_deref().map(ClassList::new);
    let leave_out = leave_out.map_or(&[][..], |classes| &classes.0);
    let listing = match split {
        Some(list) => Some(Listing::read(list)?),
        None => None,
    };
    let mut drafts = match &listing {
        Some(listing) => matched(listing, &source, reference.as_ref())?,
        None => as_it_is(&source)?,
    };
    // The file that assigns classes, for messages about classes.
    let path = (listing.as_ref())
        .map_or(&source.path, |listing| &listing.file)
        .as_path();
    // A source's declared classes count even without samples: a shard may be missing.
    let declared = source.declared.as_deref().filter(|_| listing.is_none());
    let left_out = |tag: &Tag| leave_out.iter().any(|key| tag.is(key));
    for key in leave_out {
        let used = drafts.iter().any(|draft| draft.tag.is(key));
        if !used && !declared.is_some_and(|tags| tags.iter().any(|tag| tag.is(key))) {
            return Err(MatchError::NothingToLeaveOut {
                path: path.to_owned(),
                class: key.to_string(),
            }
            .into());
        }
    }
    drafts.retain(|draft| !left_out(&draft.tag));
    let declared: Option<Vec<Tag>> = declared.map(|tags| {
        let kept = tags.iter().filter(|tag| !left_out(tag));
        kept.cloned().collect()
    });

    let classes = match reference {
        Some(list) => {
            let unknown = declared
                .iter()
                .flatten()
                .find(|tag| list.find(tag).is_none());
            if let Some(tag) = unknown {
                return Err(list.unknown(path.display().to_string(), tag));
            }
            list
        }
        None => {
            let used = distinct(drafts.iter().map(|draft| &draft.tag));
            ClassList::derived(path, declared.as_deref(), used.cloned())?
        }
    };
    let (mut train, mut test) = (Vec::new(), Vec::new());
    let mut uses = HashMap::new();
    for draft in drafts {
        let label = classes.find(&draft.tag).ok_or_else(|| {
            let place = match (&listing, draft.entry) {
                (Some(listing), Some(entry)) => listing.entries[entry].place(),
                _ => source.store.place(draft.image),
            };
            classes.unknown(place, &draft.tag)
        })?;
        source.store.check(draft.image)?;
        let samples = match draft.split {
            Split::Train => &mut train,
            Split::Test => &mut test,
        };
        samples.push(Sample {
            name: unique(draft.name, &mut uses),
            label,
            image: draft.image,
        });
    }
    for (split, samples) in [(Split::Train, &train), (Split::Test, &test)] {
        let mut without = vec![true; classes.names().len()];
        for sample in samples {
            without[sample.label.index()] = false;
        }
        if let Some(class) = without.iter().position(|&without| without) {
            return Err(DomainError::ClassWithoutSamples {
                path: path.to_owned(),
                class: classes.names()[class].clone(),
                split,
            });
        }
    }
    Ok(Contents {
        classes: classes.into_names(),
        train,
        test,
        images: source.store,
    })
}

/// A sample before its class is looked up.
struct Draft {
    name: String,
    tag: Tag,
    split: Split,
    /// Number in the source.
    image: usize,
    /// Number in the list.
    entry: Option<usize>,
}

/// All images of a source that has its own splits and classes.
fn as_it_is(source: &SourceImages) -> Result<Vec<Draft>, DomainError> {
    let mut drafts = Vec::with_capacity(source.images.len());
    for (number, image) in source.images.iter().enumerate() {
        let Some(split) = image.split else {
            return Err(MatchError::NoSplit {
                path: source.path.clone(),
            }
            .into());
        };
        let Some(tag) = &image.tag else {
            return Err(MatchError::NoLabel {
                place: source.store.place(number),
            }
            .into());
        };
        drafts.push(Draft {
            name: portable(&image.name),
            tag: tag.clone(),
            split,
            image: number,
            entry: None,
        });
    }
    drafts.sort_by_key(|draft| draft.split == Split::Test);
    Ok(drafts)
}

/// The images of a list, each found in the source.
fn matched(
    listing: &Listing,
    source: &SourceImages,
    reference: Option<&ClassList>,
) -> Result<Vec<Draft>, DomainError> {
    let index = Index::new(&source.images);
    let common = common_folders(&listing.entries);
    let mut taken: HashMap<usize, usize> = HashMap::new();
    let mut missing = Vec::new();
    let mut drafts = Vec::with_capacity(listing.entries.len());
    for (number, entry) in listing.entries.iter().enumerate() {
        let name = &entry.name[common..];
        let image = match index.find(&entry.name, name) {
            Found::One(image) => image,
            Found::None => {
                missing.push(entry);
                continue;
            }
            Found::Several(one, other) => {
                return Err(MatchError::AmbiguousImage {
                    place: entry.place(),
                    name: entry.name.clone(),
                    one: source.store.place(one),
                    other: source.store.place(other),
                }
                .into());
            }
        };
        if let Some(first) = taken.insert(image, number) {
            let first = &listing.entries[first];
            return Err(MatchError::ListedTwice {
                place: entry.place(),
                name: entry.name.clone(),
                image: source.store.place(image),
                first: first.place(),
                first_name: first.name.clone(),
            }
            .into());
        }
        let own = source.images[image].tag.as_ref();
        let tag = match (&entry.tag, own) {
            (Some(tag), own) => {
                check_agreement(entry, tag, own, source, image, reference)?;
                tag.clone()
            }
            (None, Some(own)) => own.clone(),
            (None, None) => {
                return Err(MatchError::NoLabel {
                    place: entry.place(),
                }
                .into());
            }
        };
        drafts.push(Draft {
            name: name.to_owned(),
            tag,
            split: entry.split,
            image,
            entry: Some(number),
        });
    }
    let unread = |entry: &&Entry| unread_ending(&entry.name);
    if let Some((entry, ending)) = missing.iter().find_map(|e| Some((e, unread(e)?))) {
        return Err(MatchError::UnsupportedImages {
            place: entry.place(),
            name: entry.name.clone(),
            ending,
            count: missing.iter().filter_map(unread).count(),
        }
        .into());
    }
    match missing[..] {
        [] => Ok(drafts),
        [first, ..] => Err(MatchError::MissingImages {
            place: first.place(),
            name: first.name.clone(),
            hint: index.nearest(&first.name),
            path: source.path.clone(),
            missing: missing.len(),
            listed: listing.entries.len(),
        }
        .into()),
    }
}

/// If the reference list knows both names of an image's class, the split list's and the source's,
/// they must be the same class.
fn check_agreement(
    entry: &Entry,
    tag: &Tag,
    own: Option<&Tag>,
    source: &SourceImages,
    image: usize,
    reference: Option<&ClassList>,
) -> Result<(), DomainError> {
    let text = own.and_then(|own| own.text.as_deref());
    let (Some(reference), Some(text)) = (reference, text) else {
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
        image: source.store.place(image),
        owned: name(owned),
    }
    .into())
}

/// The length of the folder prefix that all names share.
fn common_folders(entries: &[Entry]) -> usize {
    let folders = |entry: &Entry| entry.name.rfind('/').map_or(0, |at| at + 1);
    let Some(first) = entries.first() else {
        return 0;
    };
    let mut common = &first.name[..folders(first)];
    for entry in &entries[1..] {
        while !entry.name.starts_with(common) {
            let shorter = common.trim_end_matches('/');
            common = &common[..shorter.rfind('/').map_or(0, |at| at + 1)];
        }
    }
    common.len()
}

/// A source's own names may occur twice, in two shards: the second becomes `name#2`.
fn unique(name: String, uses: &mut HashMap<String, u32>) -> String {
    let uses = uses.entry(name.clone()).or_insert(0);
    *uses += 1;
    match *uses {
        1 => name,
        n => format!("{name}#{n}"),
    }
}

#[cfg(test)]
mod tests;
