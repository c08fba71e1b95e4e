//! A list laid over a bank: samples.
//!
//! A listed image is found by its name. Copies are kept in other folders than their list's author kept them in, so the
//! folders in which all names of a list begin say nothing, and a name is also found where one of the two, the list's or
//! the copy's, is the end of the other: `data/imagenet-r/n01443537/a.jpg` is `n01443537/a.jpg`, and in a parquet file it is
//! `a.jpg`. The image that agrees in most folders is taken; two that agree equally are an error. A name never stands for an
//! image in *another* folder: one that is missing is missing. A name without `.jpg` or `.png` stands for either.
//!
//! The samples have the names of the list, less the folders that all have in common, so that one list gives one split hash
//! over every copy.

use super::bank::{self, Bank, without_image_ending};
use super::classes::{ClassList, Tag, distinct};
use super::collection::{Contents, Sample, Split};
use super::copy_error::CopyError;
use super::error::DomainError;
use super::hash::StampBuilder;
use super::layout::ImageCopy;
use super::listing::{Entry, Listing, portable};
use std::collections::HashMap;

/// Opens a copy with all that is said about it.
pub(super) fn open(copy: &ImageCopy) -> Result<Contents, DomainError> {
    let mut bank = bank::open(copy)?;
    let mut stamp = std::mem::replace(&mut bank.stamp, StampBuilder::new());
    let reference = copy.classes.as_deref().map(ClassList::new);
    let listing = match &copy.split {
        Some(list) => Some(Listing::read(list, &mut stamp)?),
        None => None,
    };
    let mut drafts = match &listing {
        Some(listing) => laid(listing, &bank, reference.as_ref())?,
        None => as_it_is(&bank)?,
    };
    // What says which class an image has, for messages about classes.
    let source = listing.as_ref().map_or(bank.path.as_path(), Listing::file);
    // A copy's own classes count without samples too: a shard may be missing.
    let declared = bank.declared.as_deref().filter(|_| listing.is_none());
    let left_out = |tag: &Tag| copy.leave_out.iter().any(|key| tag.is(key));
    for key in &copy.leave_out {
        let used = drafts.iter().any(|draft| draft.tag.is(key));
        if !used && !declared.is_some_and(|tags| tags.iter().any(|tag| tag.is(key))) {
            return Err(CopyError::NothingToLeaveOut {
                path: source.to_owned(),
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
                return Err(list.unknown(source.display().to_string(), tag));
            }
            list
        }
        None => {
            let used = distinct(drafts.iter().map(|draft| &draft.tag));
            ClassList::derived(source, declared.as_deref(), used.cloned())?
        }
    };
    let (mut train, mut test) = (Vec::new(), Vec::new());
    let mut uses = HashMap::new();
    for draft in drafts {
        let label = classes.find(&draft.tag).ok_or_else(|| {
            let place = match (&listing, draft.entry) {
                (Some(listing), Some(entry)) => listing.place(&listing.entries[entry]),
                _ => bank.store.place(draft.image),
            };
            classes.unknown(place, &draft.tag)
        })?;
        let image = &bank.images[draft.image];
        bank.store.check(draft.image, image, &mut stamp)?;
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
                path: source.to_owned(),
                class: classes.names()[class].clone(),
                split,
            });
        }
    }
    Ok(Contents {
        classes: classes.into_names(),
        train,
        test,
        images: bank.store,
        stamp: stamp.finish(),
    })
}

/// A sample whose class is not looked up yet.
struct Draft {
    name: String,
    tag: Tag,
    split: Split,
    /// Number in the bank.
    image: usize,
    /// Number in the list.
    entry: Option<usize>,
}

/// All images of a copy that says itself what they are.
fn as_it_is(bank: &Bank) -> Result<Vec<Draft>, DomainError> {
    let mut drafts = Vec::with_capacity(bank.images.len());
    for (number, image) in bank.images.iter().enumerate() {
        let Some(split) = image.split else {
            return Err(CopyError::NoSplit {
                path: bank.path.clone(),
            }
            .into());
        };
        let Some(tag) = &image.tag else {
            return Err(CopyError::NoLabel {
                place: bank.store.place(number),
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

/// The images of a list, each found in the bank.
fn laid(
    listing: &Listing,
    bank: &Bank,
    reference: Option<&ClassList>,
) -> Result<Vec<Draft>, DomainError> {
    let index = Index::new(bank);
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
                return Err(CopyError::AmbiguousImage {
                    place: listing.place(entry),
                    name: entry.name.clone(),
                    one: bank.store.place(one),
                    other: bank.store.place(other),
                }
                .into());
            }
        };
        if let Some(first) = taken.insert(image, number) {
            let first = &listing.entries[first];
            return Err(CopyError::ListedTwice {
                place: listing.place(entry),
                name: entry.name.clone(),
                image: bank.store.place(image),
                first: listing.place(first),
                first_name: first.name.clone(),
            }
            .into());
        }
        let own = bank.images[image].tag.as_ref();
        let tag = match (&entry.tag, own) {
            (Some(tag), own) => {
                check_agreement(listing, entry, tag, own, bank, image, reference)?;
                tag.clone()
            }
            (None, Some(own)) => own.clone(),
            (None, None) => {
                return Err(CopyError::NoLabel {
                    place: listing.place(entry),
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
    match missing[..] {
        [] => Ok(drafts),
        [first, ..] => Err(CopyError::MissingImages {
            place: listing.place(first),
            name: first.name.clone(),
            hint: index.nearest(&first.name),
            path: bank.path.clone(),
            missing: missing.len(),
            listed: listing.entries.len(),
        }
        .into()),
    }
}

/// Where the reference list knows both what the list and what the copy calls an image's class in words, they must mean the same
/// class.
fn check_agreement(
    listing: &Listing,
    entry: &Entry,
    tag: &Tag,
    own: Option<&Tag>,
    bank: &Bank,
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
    let name = |label: crate::id::Label| reference.names()[label.index()].clone();
    Err(CopyError::ClassesDisagree {
        place: listing.place(entry),
        listed: name(listed),
        image: bank.store.place(image),
        owned: name(owned),
    }
    .into())
}

/// The images of a bank by the last part of their name.
struct Index<'a> {
    bank: &'a Bank,
    names: Vec<String>,
    whole: HashMap<String, Vec<usize>>,
    last: HashMap<String, Vec<usize>>,
}

enum Found {
    One(usize),
    None,
    Several(usize, usize),
}

impl<'a> Index<'a> {
    fn new(bank: &'a Bank) -> Self {
        let names: Vec<String> = (bank.images.iter())
            .map(|image| portable(&image.name))
            .collect();
        let mut index = Self {
            bank,
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

    /// Finds a listed image: `full` is its name, `name` that without the folders that all names have in common.
    fn find(&self, full: &str, name: &str) -> Found {
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

    /// An image that someone who looks for `name` may mean, in words.
    fn nearest(&self, name: &str) -> Option<String> {
        let stem = |name: &str| {
            without_image_ending(last(name))
                .unwrap_or(last(name))
                .to_owned()
        };
        let wanted = stem(name);
        let at = self.names.iter().position(|own| stem(own) == wanted)?;
        Some(self.bank.images[at].name.clone())
    }
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether `name` is `end`, or ends in it behind a `/`.
fn ends_in(name: &str, end: &str) -> bool {
    name.strip_suffix(end)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// How many parts two names have in common at their ends.
fn agreeing(a: &str, b: &str) -> usize {
    let pairs = a.rsplit('/').zip(b.rsplit('/'));
    pairs.take_while(|(a, b)| a == b).count()
}

/// The length of the folders that all names begin in.
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

/// Names of the copy's own may come twice, in two shards: the second is `name#2`.
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
