//! The procedural pictures of the crate `harness-pictures`: each is drawn anew whenever it is asked for, which takes less
//! time than to read a file.

use super::collection::{Contents, ImageStore, Sample};
use super::error::DomainError;
use super::hash::StampBuilder;
use crate::id::Label;
use harness_pictures::{Domain, SIDE, Split, Style, VERSION};
use image::RgbImage;

struct Pictures(Vec<harness_pictures::Sample>);

pub(super) fn open(style: Style) -> Contents {
    let domain = Domain::new(style);
    let mut pictures = Vec::new();
    let mut samples = |split| {
        let classes = (0..).map(Label).zip(domain.classes());
        let of_class = |(label, class)| {
            domain
                .samples(class, split)
                .map(move |sample| (label, sample))
        };
        let sample = |(label, picture): (Label, harness_pictures::Sample)| {
            pictures.push(picture);
            Sample {
                name: picture.to_string(),
                label,
                image: pictures.len() - 1,
            }
        };
        classes.flat_map(of_class).map(sample).collect()
    };
    let (train, test) = (samples(Split::Train), samples(Split::Test));
    let mut stamp = StampBuilder::new();
    stamp.bytes(b"pictures");
    stamp.bytes(&VERSION.to_le_bytes());
    stamp.bytes(style.name().as_bytes());
    Contents {
        classes: domain.classes().map(|class| class.name()).collect(),
        train,
        test,
        images: Box::new(Pictures(pictures)),
        stamp: stamp.finish(),
    }
}

impl ImageStore for Pictures {
    fn image(&self, number: usize) -> Result<RgbImage, DomainError> {
        let side = SIDE as u32;
        let image = RgbImage::from_raw(side, side, self.0[number].picture());
        Ok(image.expect("a picture has three bytes a pixel"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Domain, DomainSource, Split};
    use super::*;
    use std::collections::HashSet;

    fn domain(style: Style) -> Domain {
        Domain::open(&DomainSource::Pictures { style }).unwrap()
    }

    #[test]
    fn every_style_is_a_domain_of_its_own() {
        let domains = Style::ALL.map(domain);
        for domain in &domains {
            assert_eq!(domain.classes().len(), 40);
            assert_eq!(domain.samples(Split::Train).len(), 40 * 60);
            assert_eq!(domain.samples(Split::Test).len(), 40 * 25);
        }
        let different =
            |hash: fn(&Domain) -> &str| domains.iter().map(hash).collect::<HashSet<_>>().len();
        assert_eq!(different(|domain| domain.split_hash().as_str()), 5);
        assert_eq!(different(|domain| domain.stamp().as_str()), 5);
    }

    #[test]
    fn a_sample_has_the_picture_of_its_name_and_class() {
        let domain = domain(Style::Sketch);
        // Of the second class the fourth of 25.
        let index = 25 + 3;
        let sample = &domain.samples(Split::Test)[index];
        assert_eq!(sample.label, Label(1));
        let class = harness_pictures::Combination::all()
            .find(|combination| combination.name() == domain.classes()[1])
            .unwrap();
        let name = format!(
            "v{VERSION}/sketch/{}/test/0003",
            class.name().replace(' ', "-")
        );
        assert_eq!(sample.name, name);
        let image = domain.image(Split::Test, index).unwrap();
        assert_eq!(image.dimensions(), (32, 32));
        let key = harness_pictures::Split::Test.key();
        assert_eq!(
            image.into_raw(),
            harness_pictures::picture(class, Style::Sketch, key, 3)
        );
    }
}
