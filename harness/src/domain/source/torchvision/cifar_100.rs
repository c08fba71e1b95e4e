//! CIFAR-100: pickles of the train images, the test images and the names of the classes.
//!
//! The images are held in memory, three bytes per pixel: 180 MB.

mod pickle;

use super::super::images::{SourceImage, SourceImages, SourceStore};
use super::dataset::{Dataset, spaced};
use super::listed::bad_file;
use super::train_part::TrainPart;
use crate::domain::classes::tag::Tag;
use crate::domain::contents::ImageStore;
use crate::domain::error::DomainError;
use crate::domain::file::read;
use crate::domain::sample::Split;
use image::{Rgb, RgbImage};
use pickle::{Item, Pickle};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

pub(super) const DATASET: Dataset = Dataset {
    name: "cifar-100",
    title: "CIFAR100",
    summary: "100 classes of things, 32×32; train and test parts",
    folder: "cifar-100-python",
    markers: &["meta"],
    has_validation: false,
    class_name: spaced,
    images,
};

const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE;

/// One image: all of its red, then green, then blue, each row by row.
const IMAGE: usize = 3 * PIXELS;

/// The images of one file.
struct Batch {
    path: PathBuf,
    /// Image after image.
    pixels: Vec<u8>,
}

/// Train images, then test images.
struct Images([Batch; 2]);

fn images(root: &Path, _: TrainPart) -> Result<SourceImages, DomainError> {
    let path = root.join("meta");
    let bytes = read(&path)?;
    let names = Pickle::parse(&bytes).map_err(|problem| bad_file(&path, problem))?;
    let names = names.root().get("fine_label_names").and_then(texts);
    let names = names.ok_or_else(|| bad_file(&path, "list `fine_label_names` not found"))?;
    let (train, train_labels) = batch(root.join("train"), &names)?;
    let (test, test_labels) = batch(root.join("test"), &names)?;
    let of_split = |split: Split, labels: Vec<usize>| {
        let image = |(index, label): (usize, usize)| SourceImage {
            name: format!("{split}/{index}"),
            tag: Some(Tag::numbered(label as u64, &names[label])),
            split: Some(split),
        };
        labels
            .into_iter()
            .enumerate()
            .map(image)
            .collect::<Vec<_>>()
    };
    let mut images = of_split(Split::Train, train_labels);
    images.extend(of_split(Split::Test, test_labels));
    Ok(SourceImages {
        path: root.to_owned(),
        images,
        declared: Some(
            (0..)
                .zip(names)
                .map(|(n, name)| Tag::numbered(n, name))
                .collect(),
        ),
        store: Box::new(Images([train, test])),
    })
}

fn texts(list: Item) -> Option<Vec<String>> {
    let text = |item: Item| String::from_utf8(item.bytes()?.to_vec()).ok();
    list.items()?.map(text).collect()
}

/// The images of a file, and their labels.
fn batch(path: PathBuf, names: &[String]) -> Result<(Batch, Vec<usize>), DomainError> {
    let bytes = read(&path)?;
    let bad = |problem: &str| bad_file(&path, problem);
    let (rows, content, labels) = {
        let pickle = Pickle::parse(&bytes).map_err(|problem| bad(&problem))?;
        let array = pickle.root().get("data").and_then(Item::array);
        let ([rows, width], content) =
            array.ok_or_else(|| bad("array `data` of bytes not found"))?;
        if width != IMAGE {
            return Err(bad(&format!(
                "`data` has rows of {width} bytes instead of {IMAGE}"
            )));
        }
        let labels = pickle.root().get("fine_labels").and_then(Item::items);
        let labels = labels.ok_or_else(|| bad("list `fine_labels` not found"))?;
        let label = |label: Item| {
            let label = label.int().and_then(|label| usize::try_from(label).ok());
            label.filter(|&label| label < names.len())
        };
        let labels: Option<Vec<usize>> = labels.map(label).collect();
        let labels = labels.ok_or_else(|| bad("`fine_labels` has labels that `meta` lacks"))?;
        (rows, content, labels)
    };
    if labels.len() != rows {
        let labels = labels.len();
        return Err(bad(&format!("{labels} labels, but {rows} images")));
    }
    let mut pixels = bytes;
    pixels.truncate(content.end);
    pixels.drain(..content.start);
    Ok((Batch { path, pixels }, labels))
}

impl Images {
    /// The file of an image, and its number there.
    fn find(&self, number: usize) -> (&Batch, usize) {
        let [train, test] = &self.0;
        match number.checked_sub(train.pixels.len() / IMAGE) {
            None => (train, number),
            Some(number) => (test, number),
        }
    }
}

impl ImageStore for Images {
    /// The image's row of the array.
    fn encoded(&self, number: usize) -> Result<Cow<'_, [u8]>, DomainError> {
        let (batch, number) = self.find(number);
        Ok(Cow::Borrowed(&batch.pixels[number * IMAGE..][..IMAGE]))
    }

    fn decode(&self, _number: usize, encoded: &[u8]) -> Result<RgbImage, DomainError> {
        let rgb = |x, y| {
            let at = y as usize * SIDE + x as usize;
            Rgb([0, 1, 2].map(|colour| encoded[colour * PIXELS + at]))
        };
        Ok(RgbImage::from_fn(SIDE as u32, SIDE as u32, rgb))
    }

    fn file(&self, _number: usize) -> Option<(&Path, u32)> {
        None
    }
}

impl SourceStore for Images {
    fn place(&self, number: usize) -> String {
        let (batch, number) = self.find(number);
        format!("{}: image {number}", batch.path.display())
    }

    /// The files were checked as a whole.
    fn check(&self, _number: usize) -> Result<(), DomainError> {
        Ok(())
    }
}
