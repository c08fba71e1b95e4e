//! The procedural pictures of the crate `harness-pictures`: each is drawn whenever it is needed,
//! which is faster than reading a file.

use super::kind::{SourceKind, values};
use crate::domain::contents::{Contents, ImageStore};
use crate::domain::error::DomainError;
use crate::domain::sample::Sample;
use crate::domain::written::KeyValue;
use crate::id::Label;
use harness_pictures::{Domain, SIDE, Split, Style};
use image::RgbImage;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::borrow::Cow;
use std::path::Path;

/// Procedural pictures of 32×32 pixels in one of several styles, each with 40 classes, such as `red
/// striped star`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pictures {
    /// How the pictures look.
    #[schemars(with = "Styles")]
    pub style: Style,
}

impl SourceKind for Pictures {
    const NAME: &'static str = "pictures";
    const SUMMARY: &'static str = "procedural pictures, 32×32, 40 classes; `style`: plain, faded, recoloured, sketch, negative";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "style",
        "`style:` and one of `plain`, `faded`, `recoloured`, `sketch`, `negative`",
    )];

    fn values(&mut self) -> Vec<(&'static str, &mut dyn KeyValue)> {
        values!(self: style)
    }

    fn root(&self) -> Option<&Path> {
        None
    }

    fn open(&self) -> Result<Contents, DomainError> {
        Ok(contents(self.style))
    }
}

impl KeyValue for Style {}

/// The schema of a [`Style`], whose crate does not depend on schemars.
struct Styles;

impl JsonSchema for Styles {
    fn schema_name() -> Cow<'static, str> {
        "Style".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let styles = Style::ALL
            .map(|style| json!({"const": style.name(), "description": style.description()}));
        json_schema!({
            "description": "How procedural pictures look. The styles differ in how far they are from what the small CLIP was trained on.",
            "oneOf": styles,
        })
    }
}

struct Images(Vec<harness_pictures::Sample>);

fn contents(style: Style) -> Contents {
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
    Contents {
        classes: domain.classes().map(|class| class.name()).collect(),
        train,
        test,
        val: Ok(Vec::new()),
        images: Box::new(Images(pictures)),
    }
}

impl ImageStore for Images {
    /// What is drawn: generator version, style, class, split and number.
    fn encoded(&self, number: usize) -> Result<Cow<'_, [u8]>, DomainError> {
        Ok(Cow::Owned(self.0[number].to_string().into_bytes()))
    }

    fn decode(&self, number: usize, _encoded: &[u8]) -> Result<RgbImage, DomainError> {
        let side = SIDE as u32;
        let image = RgbImage::from_raw(side, side, self.0[number].picture());
        Ok(image.expect("a picture has three bytes a pixel"))
    }

    fn file(&self, _number: usize) -> Option<(&Path, u32)> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::collection::Domain;
    use crate::domain::sample::Split;
    use harness_pictures::VERSION;
    use std::collections::HashSet;

    fn domain(style: Style) -> Domain {
        Domain::open(&Pictures { style }.into()).unwrap()
    }

    #[test]
    fn every_style_is_a_different_domain() {
        let domains = Style::ALL.map(domain);
        for domain in &domains {
            assert_eq!(domain.classes().len(), 40);
            assert_eq!(domain.samples(Split::Train).len(), 40 * 60);
            assert_eq!(domain.samples(Split::Test).len(), 40 * 25);
        }
        let different =
            |hash: fn(&Domain) -> &str| domains.iter().map(hash).collect::<HashSet<_>>().len();
        assert_eq!(different(|domain| domain.split_hash().as_str()), 5);
    }

    #[test]
    fn a_sample_has_the_picture_of_its_name_and_class() {
        let domain = domain(Style::Sketch);
        // The fourth of 25 of the second class.
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
