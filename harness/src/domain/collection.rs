//! [`Domain`]: samples and images, whatever they came from.

use super::contents::{Contents, ImageStore};
use super::error::DomainError;
use super::hash::{SplitHash, Stamp};
use super::sample::{Sample, Split};
use super::source::Source;
use super::stratified;
use crate::id::Label;
use image::RgbImage;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroUsize;

/// A labelled image collection with a train and a test split.
pub struct Domain {
    classes: Vec<String>,
    train: Vec<Sample>,
    test: Vec<Sample>,
    images: Box<dyn ImageStore>,
    split_hash: SplitHash,
    stamp: Stamp,
}

/// What a domain says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainSummary {
    /// Samples to learn from.
    pub n_train: usize,
    /// Samples to be measured on.
    pub n_test: usize,
    /// Class names, by label.
    pub classes: Vec<String>,
    /// Which samples these are.
    pub split_hash: SplitHash,
}

impl Domain {
    /// Opens and checks a domain. Every file is looked at, but image files are read up to their
    /// header only, and images inside archives not at all; damage to them comes to light in
    /// [`image`](Self::image).
    pub fn open(source: &Source) -> Result<Self, DomainError> {
        let Contents {
            classes,
            train,
            test,
            images,
            stamp,
        } = source.open()?;
        let split_hash = SplitHash::of(&classes, &train, &test);
        Ok(Self {
            classes,
            train,
            test,
            images,
            split_hash,
            stamp,
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

    /// Where a sample stands when all samples are laid out in one list, train before test: the row
    /// of its features.
    pub fn row(&self, split: Split, index: usize) -> usize {
        match split {
            Split::Train => index,
            Split::Test => self.train.len() + index,
        }
    }

    /// The image of a sample, decoded, at its own size. Transparency is dropped, grey is spread
    /// over the three channels, and an orientation noted in the file's metadata is not applied: as
    /// Pillow's `convert("RGB")` has it.
    ///
    /// # Panics
    ///
    /// If the split has no sample `index`.
    pub fn image(&self, split: Split, index: usize) -> Result<RgbImage, DomainError> {
        self.images.image(self.samples(split)[index].image)
    }

    /// Which samples this domain has, on every machine the same.
    pub fn split_hash(&self) -> &SplitHash {
        &self.split_hash
    }

    /// Which files on this machine they were read from: of the whole domain, however it was
    /// restricted since.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The first `per_class` samples of each class, of both splits; all of a class that has no
    /// more.
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
            ..self
        }
    }

    /// A domain for choosing hyper-parameters: a seeded part of each class's training samples
    /// becomes the test split and leaves the train split, and the test images proper are out of
    /// reach.
    ///
    /// The part is `fraction` of the class's samples, to the nearest number, with at least one
    /// sample on either side. To have both, call this before [`limited`](Self::limited), which then
    /// limits either side.
    pub fn validation(self, fraction: f64, seed: u64) -> Result<Self, DomainError> {
        stratified::check_fraction(fraction)?;
        let labels: Vec<Label> = self.train.iter().map(|sample| sample.label).collect();
        let drawn =
            stratified::draw(&labels, self.classes.len(), fraction, seed).map_err(|class| {
                DomainError::TooFewForValidation {
                    class: self.classes[class.index()].clone(),
                }
            })?;
        let mut drawn = drawn.into_iter();
        let (test, train): (Vec<_>, Vec<_>) = self
            .train
            .into_iter()
            .partition(|_| drawn.next().expect("one answer per sample"));
        let split_hash = SplitHash::of(&self.classes, &train, &test);
        Ok(Self {
            train,
            test,
            split_hash,
            ..self
        })
    }

    /// What every command reports of a domain.
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
        assert_eq!(limited.stamp(), whole.stamp());
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
    fn validation_takes_from_the_train_split_alone() {
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
    fn validation_needs_two_samples_of_a_class_and_a_true_share() {
        let tiny = || digits().limited(NonZeroUsize::MIN);
        assert_eq!(
            tiny().validation(0.5, 0).unwrap_err().to_string(),
            "class `zero` has a single training sample: a validation split needs one on either side; add samples, or \
             run without a validation split"
        );
        for fraction in [0.0, 1.0, f64::NAN] {
            assert_eq!(
                digits().validation(fraction, 0).unwrap_err().to_string(),
                format!(
                    "a validation fraction of {fraction}: give a number between 0 and 1, such as 0.2"
                )
            );
        }
    }
}
