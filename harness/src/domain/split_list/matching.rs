//! Turns the images of a source into samples, by the source's own split, by a split list or by a
//! random draw.
//!
//! The samples have the names of the list, without the folders that all have in common, so one list
//! gives the same split hash for every layout of the images.

use super::draft::Draft;
use super::finder::Finder;
use super::form::SplitList;
use super::listing::Listing;
use crate::domain::classes::list::ClassList;
use crate::domain::classes::tag::{Tag, distinct};
use crate::domain::classes::{Classes, LeaveOut};
use crate::domain::contents::Contents;
use crate::domain::error::DomainError;
use crate::domain::match_error::MatchError;
use crate::domain::sample::{Sample, Split};
use crate::domain::source::images::SourceImages;
use std::collections::HashMap;

/// The contents of a source whose images are known, after applying the scenario's keys.
pub(crate) fn contents(
    mut source: SourceImages,
    split: Option<&SplitList>,
    classes: Option<&Classes>,
    leave_out: Option<&LeaveOut>,
) -> Result<Contents, DomainError> {
    let classes = classes.map(Classes::entries).transpose()?;
    let reference = classes.as_deref().map(ClassList::new);
    let leave_out = leave_out.map_or(&[][..], |classes| &classes.0);
    let listing = split.map(Listing::read).transpose()?.flatten();
    let random = split.and_then(SplitList::random);
    let (mut drafts, val) = match &listing {
        Some(Listing { entries, .. }) => {
            let mut finder = Finder::new(&entries.used, &source, reference.as_ref());
            (finder.find(&entries.used)?, finder.find(&entries.val))
        }
        None if random.is_some() => (Draft::unsplit(&mut source)?, Ok(Vec::new())),
        None => (Draft::of_source(&mut source)?, Ok(Vec::new())),
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
    if let Some(random) = random {
        drafts = random.split(drafts);
    }
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
    let val = val.map(|mut drafts| {
        drafts.retain(|draft| !left_out(&draft.tag));
        drafts
    });
    let of_val = val.as_ref().map_or(&[][..], Vec::as_slice);
    let mut uses = uses(drafts.iter().chain(of_val)).into_iter();
    let (mut train, mut test) = (Vec::new(), Vec::new());
    let mut sample = |draft: Draft| {
        let unknown = || classes.unknown(draft.place(&source), &draft.tag);
        let nth = uses.next().expect("one number per draft");
        Ok(Sample {
            label: classes.find(&draft.tag).ok_or_else(unknown)?,
            name: unique(draft.name, nth),
            image: draft.image,
        })
    };
    for draft in drafts {
        let split = draft.split;
        let sample = sample(draft)?;
        source.store.check(sample.image)?;
        match split {
            Split::Train => train.push(sample),
            Split::Test => test.push(sample),
        }
    }
    let val = val.and_then(|drafts| drafts.into_iter().map(sample).collect());
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
        val: val.map_err(Box::new),
        images: source.store,
    })
}

/// For each sample, how often its name has been used up to then, itself included.
fn uses<'a>(drafts: impl Iterator<Item = &'a Draft<'a>>) -> Vec<u32> {
    let mut uses: HashMap<&str, u32> = HashMap::new();
    let count = |draft: &'a Draft<'a>| {
        let uses = uses.entry(&draft.name).or_default();
        *uses += 1;
        *uses
    };
    drafts.map(count).collect()
}

/// A source's own names may occur twice, in two shards: the second becomes `name#2`.
fn unique(name: String, nth: u32) -> String {
    match nth {
        1 => name,
        n => format!("{name}#{n}"),
    }
}
