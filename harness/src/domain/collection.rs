//! [`Domain`]: samples and images, independent of their source.

use super::content::Content;
use super::contents::{Contents, ImageStore};
use super::error::DomainError;
use super::hash::{SampleDigest, SplitHash};
use super::sample::{Sample, Split};
use super::shots::Shots;
use super::source::Source;
use super::stratified;
use crate::id::Label;
use image::RgbImage;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A labelled image collection with a train and a test split.
pub struct Domain {
    classes: Vec<String>,
    train: Vec<Sample>,
    test: Vec<Sample>,
    held_out: HeldOut,
    images: Box<dyn ImageStore>,
    split_hash: SplitHash,
    /// The folder or file of the source, if it has one.
    root: Option<PathBuf>,
    content: OnceLock<Content>,
}

/// Samples that are in neither split.
enum HeldOut {
    /// The validation part of the split list, or why it cannot be used.
    OfList(Result<Vec<Sample>, Box<DomainError>>),
    /// What was drawn for validation, along with this many shots per class.
    Drawn { samples: Vec<Sample>, shots: u32 },
}

/// The summary that commands print and records hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainSummary {
    /// Number of training samples.
    pub n_train: usize,
    /// Number of test samples.
    pub n_test: usize,
    /// Class names, by label.
    pub classes: Vec<String>,
    /// Identifies the samples.
    pub split_hash: SplitHash,
}

impl Domain {
    /// Opens and checks a domain. Every file is looked at, but only the headers of image files are
    /// read, and images inside archives are not read at all; [`image`](Self::image) reports damage
    /// beyond that.
    ///
    /// # Errors
    ///
    /// If the source, its split list or its classes cannot be used, with one message that names the
    /// file.
    pub fn open(source: &Source) -> Result<Self, DomainError> {
        let Contents {
            classes,
            train,
            test,
            val,
            images,
        } = source.open()?;
        let split_hash = SplitHash::of(&classes, &train, &test);
        Ok(Self {
            classes,
            train,
            test,
            held_out: HeldOut::OfList(val),
            images,
            split_hash,
            root: source.root().map(Path::to_owned),
            content: OnceLock::new(),
        })
    }

    /// Class names, by [`Label`].
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The samples of a split, in their fixed order.
    pub fn samples(&self, split: Split) -> &[Sample] {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }

    /// The index of a sample in the list of all samples, train before test: the row of its
    /// features.
    pub fn row(&self, split: Split, index: usize) -> usize {
        match split {
            Split::Train => index,
            Split::Test => self.train.len() + index,
        }
    }

    /// The image of a sample, decoded, at its own size. As in Pillow's `convert("RGB")`,
    /// transparency is dropped, grey is copied to the three channels, and an orientation in the
    /// file's metadata is not applied.
    ///
    /// # Errors
    ///
    /// If the image cannot be read or decoded, or if its bytes are not those that the domain's
    /// [content](Self::content) was made from.
    ///
    /// # Panics
    ///
    /// If the split has no sample `index`.
    pub fn image(&self, split: Split, index: usize) -> Result<RgbImage, DomainError> {
        self.hashed_image(split, index).map(|(image, _)| image)
    }

    /// The [image](Self::image) of a sample, and the digest of the bytes that it was decoded from.
    ///
    /// # Errors
    ///
    /// As for [`image`](Self::image).
    ///
    /// # Panics
    ///
    /// If the split has no sample `index`.
    pub fn hashed_image(
        &self,
        split: Split,
        index: usize,
    ) -> Result<(RgbImage, SampleDigest), DomainError> {
        let number = self.samples(split)[index].image;
        let encoded = self.images.encoded(number)?;
        let digest = SampleDigest::of(&encoded);
        self.check(split, index, &digest)?;
        Ok((self.images.decode(number, &encoded)?, digest))
    }

    /// Checks the digest of a sample's image against the [content](Self::content), if that is
    /// known.
    ///
    /// # Errors
    ///
    /// If the content was made from other bytes.
    ///
    /// # Panics
    ///
    /// If the split has no sample `index`.
    pub fn check(
        &self,
        split: Split,
        index: usize,
        digest: &SampleDigest,
    ) -> Result<(), DomainError> {
        let known = self.content.get();
        if known.is_none_or(|content| content.samples()[self.row(split, index)] == *digest) {
            return Ok(());
        }
        let sample = &self.samples(split)[index];
        Err(DomainError::ImageChanged {
            place: match self.images.file(sample.image) {
                Some((path, _)) => path.display().to_string(),
                None => format!("{split} set"),
            },
            sample: sample.name.clone(),
        })
    }

    /// The number of samples of both splits.
    pub fn n_rows(&self) -> usize {
        self.train.len() + self.test.len()
    }

    /// All samples in the order of the rows of features: train before test.
    pub fn rows(&self) -> Vec<(Split, usize)> {
        [Split::Train, Split::Test]
            .into_iter()
            .flat_map(|split| (0..self.samples(split).len()).map(move |index| (split, index)))
            .collect()
    }

    /// The digests of all images, once they are known: after
    /// [`know_content`](Self::know_content). From then on, every image that is read is checked.
    pub fn content(&self) -> Option<&Content> {
        self.content.get()
    }

    /// Sets the digests of all images, unless they are known already.
    pub fn know_content(&self, content: Content) -> &Content {
        self.content.get_or_init(|| content)
    }

    /// The file of a sample's image, and its place in it; `None` if it is in memory.
    ///
    /// # Panics
    ///
    /// If the split has no sample `index`.
    pub(crate) fn image_file(&self, split: Split, index: usize) -> Option<(&Path, u32)> {
        self.images.file(self.samples(split)[index].image)
    }

    /// Identifies the samples of this domain; the same on every machine.
    pub fn split_hash(&self) -> &SplitHash {
        &self.split_hash
    }

    pub(super) fn images(&self) -> &dyn ImageStore {
        &*self.images
    }

    pub(super) fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The same domain with only a few training samples of each class. The test split stays as it
    /// is. The samples that a [`validation`](Self::validation) split takes are drawn too; see
    /// [`Shots`].
    ///
    /// # Errors
    ///
    /// If the split list has a validation part that cannot be used: an image is missing, say.
    pub fn with_shots(self, shots: &Shots) -> Result<Self, DomainError> {
        let val = match self.held_out {
            HeldOut::OfList(val) => val.map_err(|error| *error)?,
            HeldOut::Drawn { .. } => Vec::new(),
        };
        let (train, samples) = shots.draw(self.train, val);
        let split_hash = SplitHash::of(&self.classes, &train, &self.test);
        let shots = shots.per_class.get();
        Ok(Self {
            train,
            held_out: HeldOut::Drawn { samples, shots },
            split_hash,
            content: OnceLock::new(),
            ..self
        })
    }

    /// The first `per_class` samples of each class in both splits, or all of a class that has
    /// fewer.
    pub fn limited(self, per_class: NonZeroUsize) -> Self {
        let limit = |samples: Vec<Sample>| {
            let mut room = vec![per_class.get(); self.classes.len()];
            let has_room = |sample: &Sample| {
                let room = &mut room[sample.label.index()];
                let had = *room > 0;
                *room = room.saturating_sub(1);
                had
            };
            samples.into_iter().filter(has_room).collect::<Vec<_>>()
        };
        let (train, test) = (limit(self.train), limit(self.test));
        let split_hash = SplitHash::of(&self.classes, &train, &test);
        Self {
            train,
            test,
            split_hash,
            content: OnceLock::new(),
            ..self
        }
    }

    /// A domain for choosing hyper-parameters: a seeded part of each class's training samples moves
    /// to the test split, and the real test images are out of reach.
    ///
    /// The part is `fraction` of the class's samples, to the nearest number, with at least one
    /// sample on each side. After [`with_shots`](Self::with_shots), all shots stay in the train
    /// split, and the samples that were drawn for validation take the place of the test split,
    /// whatever the `fraction` and the `seed`. To combine both, call this before
    /// [`limited`](Self::limited), which then limits each side.
    ///
    /// # Errors
    ///
    /// If `fraction` is not between 0 and 1, or a class has only one training sample, or none for
    /// validation.
    pub fn validation(self, fraction: f64, seed: u64) -> Result<Self, DomainError> {
        stratified::check_fraction(fraction)?;
        let (train, test) = match self.held_out {
            HeldOut::Drawn { ref samples, shots } => {
                let mut without = vec![true; self.classes.len()];
                for sample in samples {
                    without[sample.label.index()] = false;
                }
                if let Some(class) = without.iter().position(|&without| without) {
                    let class = self.classes[class].clone();
                    return Err(DomainError::NoneForValidation { class, shots });
                }
                (self.train, samples.clone())
            }
            HeldOut::OfList(_) => {
                let labels: Vec<Label> = self.train.iter().map(|sample| sample.label).collect();
                let drawn = stratified::draw(&labels, self.classes.len(), fraction, seed);
                let drawn = drawn.map_err(|class| DomainError::TooFewForValidation {
                    class: self.classes[class.index()].clone(),
                })?;
                let mut drawn = drawn.into_iter();
                let (test, train) = (self.train.into_iter())
                    .partition(|_| drawn.next().expect("one answer per sample"));
                (train, test)
            }
        };
        let split_hash = SplitHash::of(&self.classes, &train, &test);
        Ok(Self {
            train,
            test,
            split_hash,
            content: OnceLock::new(),
            ..self
        })
    }

    /// The summary of this domain.
    pub fn summary(&self) -> DomainSummary {
        DomainSummary {
            n_train: self.train.len(),
            n_test: self.test.len(),
            classes: self.classes.clone(),
            split_hash: self.split_hash.clone(),
        }
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("summary", &self.summary())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::source::Digits;
    use std::collections::HashSet;

    fn digits() -> Domain {
        Domain::open(&Digits {}.into()).unwrap()
    }

    fn names(domain: &Domain, split: Split) -> Vec<String> {
        domain
            .samples(split)
            .iter()
            .map(|sample| sample.name.clone())
            .collect()
    }

    fn per_class(domain: &Domain, split: Split) -> Vec<usize> {
        let mut counts = vec![0; domain.classes().len()];
        for sample in domain.samples(split) {
            counts[sample.label.index()] += 1;
        }
        counts
    }

    #[test]
    fn a_limit_keeps_the_first_samples_of_each_class_and_their_images() {
        let whole = digits();
        let limited = digits().limited(NonZeroUsize::new(3).unwrap());
        assert_eq!(per_class(&limited, Split::Train), [3; 10]);
        assert_eq!(per_class(&limited, Split::Test), [3; 10]);
        assert_ne!(limited.split_hash(), whole.split_hash());
        assert_eq!(limited.row(Split::Test, 2), 32);
        for split in [Split::Train, Split::Test] {
            for label in 0..10 {
                let firsts = |domain: &Domain| -> Vec<_> {
                    let samples = domain.samples(split).iter().enumerate();
                    let of_class = samples.filter(|(_, sample)| sample.label == Label(label));
                    of_class
                        .take(3)
                        .map(|(i, sample)| (sample.name.clone(), domain.image(split, i).unwrap()))
                        .collect()
                };
                assert_eq!(firsts(&limited), firsts(&whole));
            }
        }
    }

    #[test]
    fn validation_only_uses_the_train_split() {
        let whole = digits();
        let train: HashSet<String> = names(&whole, Split::Train).into_iter().collect();
        let validation = digits().validation(0.25, 1).unwrap();
        let (kept, drawn) = (
            names(&validation, Split::Train),
            names(&validation, Split::Test),
        );
        let both: HashSet<String> = kept.iter().chain(&drawn).cloned().collect();
        assert_eq!(kept.len() + drawn.len(), train.len());
        assert_eq!(both, train);
        for (n, drawn) in per_class(&whole, Split::Train)
            .iter()
            .zip(per_class(&validation, Split::Test))
        {
            assert_eq!(drawn, (*n as f64 / 4.0).round() as usize);
        }
        let image_of = |domain: &Domain, split, name: &str| {
            let at = domain
                .samples(split)
                .iter()
                .position(|sample| sample.name == name)
                .unwrap();
            domain.image(split, at).unwrap()
        };
        let name = &drawn[17];
        assert_eq!(
            image_of(&validation, Split::Test, name),
            image_of(&whole, Split::Train, name)
        );

        assert_eq!(
            digits().validation(0.25, 1).unwrap().split_hash(),
            validation.split_hash()
        );
        assert_ne!(
            digits().validation(0.25, 2).unwrap().split_hash(),
            validation.split_hash()
        );
        assert_ne!(whole.split_hash(), validation.split_hash());
    }

    #[test]
    fn validation_needs_two_samples_per_class_and_a_proper_fraction() {
        let tiny = || digits().limited(NonZeroUsize::MIN);
        assert_eq!(
            tiny().validation(0.5, 0).unwrap_err().to_string(),
            "class `zero` has only one training sample, but a validation split needs one on each side; add samples, or \
             run without a validation split"
        );
        for fraction in [0.0, 1.0, f64::NAN] {
            assert_eq!(
                digits().validation(fraction, 0).unwrap_err().to_string(),
                format!(
                    "the validation fraction must be between 0 and 1, such as 0.2, but is {fraction}"
                )
            );
        }
    }
}
