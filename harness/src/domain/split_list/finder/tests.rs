use super::*;
use crate::domain::classes::{ClassEntry, ClassKey};
use crate::domain::contents::ImageStore;
use crate::domain::source::images::{SourceImage, SourceStore};
use crate::domain::split_list::form::{SplitFile, SplitList};
use crate::domain::split_list::listing::Listing;
use image::RgbImage;
use std::borrow::Cow;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A store that is never asked for an image.
struct Nowhere(Vec<String>);

impl ImageStore for Nowhere {
    fn encoded(&self, _: usize) -> Result<Cow<'_, [u8]>, DomainError> {
        unreachable!("no image is read")
    }

    fn decode(&self, _: usize, _: &[u8]) -> Result<RgbImage, DomainError> {
        unreachable!("no image is decoded")
    }

    fn file(&self, _: usize) -> Option<(&Path, u32)> {
        None
    }
}

impl SourceStore for Nowhere {
    fn place(&self, number: usize) -> String {
        format!("SOURCE/{}", self.0[number])
    }

    fn check(&self, _: usize) -> Result<(), DomainError> {
        Ok(())
    }
}

/// A source with these images; after a space comes an image's class there.
fn source(names: &[&str]) -> SourceImages {
    let images: Vec<SourceImage> = (names.iter())
        .map(|name| {
            let (name, tag) = name.split_once(' ').unwrap_or((name, ""));
            SourceImage {
                name: name.to_owned(),
                tag: Some(Tag::text(tag)).filter(|_| !tag.is_empty()),
                split: None,
            }
        })
        .collect();
    SourceImages {
        path: "SOURCE".into(),
        store: Box::new(Nowhere(images.iter().map(|i| i.name.clone()).collect())),
        images,
        declared: None,
    }
}

/// Matches a CSV list of `file,class` with a source: for each line, the name that the sample has
/// and the number of its image; or the message.
fn matches(
    list: &[&str],
    source: &SourceImages,
    reference: Option<&[ClassEntry]>,
) -> Result<Vec<(String, usize)>, String> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("l.csv");
    let lines = list.iter().map(|line| format!("{line},train\n"));
    fs::write(
        &file,
        format!("file,class,split\n{}", lines.collect::<String>()),
    )
    .unwrap();
    let list = SplitList::One(SplitFile { file, val: None });
    let entries = Listing::read(&list).unwrap().unwrap().entries.used;
    let reference = reference.map(ClassList::new);
    let drafts = Finder::new(&entries, source, reference.as_ref()).find(&entries);
    let root = format!("{}/", folder.path().display());
    drafts
        .map(|drafts| drafts.into_iter().map(|d| (d.name, d.image)).collect())
        .map_err(|error| error.to_string().replace(&root, ""))
}

/// The numbers of the images that a list refers to.
fn meant(list: &[&str], names: &[&str]) -> Vec<usize> {
    let found = matches(list, &source(names), None).unwrap();
    found.into_iter().map(|(_, image)| image).collect()
}

#[test]
fn one_list_matches_the_images_in_any_folders() {
    let list = [
        "data/r/n01/a.jpg,x",
        "data/r/n02/b.jpg,y",
        "./data/r/n02/c.jpg,y",
    ];
    let copies: [&[&str]; 6] = [
        &["n01/a.jpg", "n02/b.jpg", "n02/c.jpg"],
        &["data/r/n01/a.jpg", "data/r/n02/b.jpg", "data/r/n02/c.jpg"],
        &["train/n01/a.jpg", "test/n02/b.jpg", "train/n02/c.jpg"],
        &["a.jpg", "b.jpg", "c.jpg"],
        &["./n01/a.jpg", "n02\\b.jpg", "n02/c.jpg"],
        &["r/n01/a.jpg", "r/n02/b.jpg", "r/n02/c.jpg"],
    ];
    for copy in copies {
        let found = matches(&list, &source(copy), None).unwrap();
        let expected = ["n01/a.jpg", "n02/b.jpg", "n02/c.jpg"].map(String::from);
        assert_eq!(
            found,
            expected.into_iter().zip(0..).collect::<Vec<_>>(),
            "{copy:?}"
        );
    }
}

#[test]
fn the_image_that_agrees_in_most_folders_is_taken() {
    let names = ["a.jpg", "n01/a.jpg", "n02/a.jpg"];
    assert_eq!(meant(&["n01/a.jpg,x", "n02/a.jpg,y"], &names), [1, 2]);
    let names = ["x/a.jpg", "n01/x/a.jpg", "n01/y/a.jpg"];
    assert_eq!(
        meant(&["d/n01/x/a.jpg,x", "d/n01/y/a.jpg,x"], &names),
        [1, 2]
    );
    // Ids instead of files.
    assert_eq!(
        meant(&["ISIC_2,x", "ISIC_1,x"], &["p/ISIC_1.jpg", "p/ISIC_2.JPG"]),
        [1, 0]
    );
}

#[test]
fn missing_and_ambiguous_images_are_errors() {
    let message = |list: &[&str], names: &[&str]| matches(list, &source(names), None).unwrap_err();
    // Never the image of another folder.
    assert_eq!(
        message(&["n01/1.jpg,x", "n02/1.jpg,y"], &["n01/1.jpg", "n03/1.jpg"]),
        "l.csv: line 3: image `n02/1.jpg` not found below SOURCE (did you mean `n01/1.jpg`?); copy the missing images, or \
         use the split list that matches these images"
    );
    assert_eq!(
        message(&["p/a.jpg,x", "q/b.jpg,x", "q/c.jpg,x"], &["p/a.png"]),
        "l.csv: line 2: 3 of 3 listed images not found below SOURCE, first `p/a.jpg` (did you mean `p/a.png`?); copy the \
         missing images, or use the split list that matches these images"
    );
    assert_eq!(
        message(&["a.jpg,x"], &["train/a.jpg", "test/a.jpg"]),
        "l.csv: line 2: `a.jpg` matches both SOURCE/train/a.jpg and SOURCE/test/a.jpg; write more of its folders in the \
         list, or remove one of the images"
    );
    assert_eq!(
        message(&["p/a.jpg,x", "q/a.jpg,x"], &["a.jpg"]),
        "l.csv: line 3: `q/a.jpg` matches SOURCE/a.jpg, as does `p/a.jpg` (l.csv: line 2); list every image once"
    );
}

#[test]
fn a_list_and_a_source_must_agree_on_the_class() {
    let reference = [("ladybug", "n01"), ("jeep", "n02")].map(|(name, key)| ClassEntry {
        name: name.into(),
        key: Some(ClassKey::Text(key.into())),
    });
    let source = source(&["n01/a.jpg n01", "n02/b.jpg n02", "c.jpg other"]);
    let matches = |list: &[&str]| matches(list, &source, Some(&reference));
    assert!(matches(&["n01/a.jpg,0", "n02/b.jpg,n02", "c.jpg,1"]).is_ok());
    assert_eq!(
        matches(&["n01/a.jpg,0", "n02/b.jpg,0"]).unwrap_err(),
        "l.csv: line 3: listed as class `ladybug`, but SOURCE/n02/b.jpg has class `jeep`; use the split list that matches \
         these images, or fix `classes`"
    );
}
