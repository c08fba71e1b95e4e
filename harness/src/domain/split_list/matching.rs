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
    source: SourceImages,
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
        None if random.is_some() => (Draft::unsplit(&source)?, Ok(Vec::new())),
        None => (Draft::of_source(&source)?, Ok(Vec::new())),
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
    let (mut train, mut test) = (Vec::new(), Vec::new());
    let mut uses = HashMap::new();
    let mut sample = |draft: Draft| {
        let unknown = || classes.unknown(draft.place(&source), &draft.tag);
        Ok(Sample {
            label: classes.find(&draft.tag).ok_or_else(unknown)?,
            name: unique(draft.name, &mut uses),
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
    let val = val.and_then(|drafts| {
        let kept = drafts.into_iter().filter(|draft| !left_out(&draft.tag));
        kept.map(sample).collect()
    });
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

/// A source's own names may occur twice, in two shards: the second becomes `name#2`.
fn unique(name: String, uses: &mut HashMap<String, u32>) -> String {
    let uses = uses.entry(name.clone()).or_insert(0);
    *uses += 1;
    match *uses {
        1 => name,
        n => format!("{name}#{n}"),
    }
}
