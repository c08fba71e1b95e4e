//! Class names into texts, and what is remembered of the texts' embeddings.

use super::cosine::{self, unit_rows};
use crate::bridge::{self, During};
use crate::training::GradientMode;
use harness_abi::{BackboneHandle, Class, Error, Result};
use std::collections::HashMap;
use tch::{Device, Kind, Tensor};

/// How many texts a backbone is given at once when nothing is learned from them: bounds its memory,
/// whatever the number of classes and templates.
pub const TEXTS_AT_ONCE: usize = 256;

/// A class's name as text: underscores become spaces, as in CLIP's and CoOp's code.
pub fn readable(name: &str) -> String {
    name.replace('_', " ")
}

/// Checks that a template holds `{}`, the place of the class name, exactly once.
///
/// # Errors
///
/// [`Error::parameter`] at `path`, if it does not.
pub fn check_template(template: &str, path: &str) -> Result<()> {
    match template.matches("{}").count() {
        1 => Ok(()),
        times => Err(Error::parameter(
            path,
            format!(
                "the template `{template}` must hold `{{}}`, the place of the class name, exactly once, and holds it {times} \
                 times"
            ),
        )),
    }
}

/// The template's text for a class.
pub fn filled(template: &str, name: &str) -> String {
    template.replace("{}", &readable(name))
}

/// The features of texts, raw as the backbone gives them, f32 `[texts, embedding width]` on the
/// device. No gradient.
///
/// # Errors
///
/// What the backbone reports.
pub fn text_features(backbone: &BackboneHandle, texts: &[&str], device: Device) -> Result<Tensor> {
    let _mode = GradientMode::off();
    let doing = "encoding class names in their templates";
    let mut features = Vec::new();
    for texts in texts.chunks(TEXTS_AT_ONCE) {
        let encoded = backbone
            .encode_texts(texts)
            .map_err(|error| error.context(doing))?;
        features.push(bridge::copy_in(encoded.view())?);
    }
    Tensor::f_cat(&features, 0)
        .and_then(|features| features.f_to_device(device))
        .and_then(|features| features.f_to_kind(Kind::Float))
        .during(doing)
}

/// The text features of classes, computed once and kept by class id. No part of a strategy's state:
/// they are made again of it.
#[derive(Debug, Default)]
pub struct TextFeatures {
    /// Which row of `features` is a class's.
    rows: HashMap<u32, i64>,
    /// `[classes known, width]`.
    features: Option<Tensor>,
}

impl TextFeatures {
    /// Forgets all of them.
    pub fn clear(&mut self) {
        *self = TextFeatures::default();
    }

    /// The features of those classes, `[classes, width]`, in that order. `encode` makes those that
    /// are not known yet, `[classes asked for, width]`; they are kept as they are, so it makes them
    /// of unit length where that is wanted.
    ///
    /// # Errors
    ///
    /// What `encode` reports.
    pub fn of(
        &mut self,
        classes: &[Class],
        encode: impl FnOnce(&[&Class]) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let missing: Vec<&Class> = classes
            .iter()
            .filter(|class| !self.rows.contains_key(&class.id))
            .collect();
        if !missing.is_empty() {
            let doing = "keeping text features";
            let new = encode(&missing)?;
            let features = match &self.features {
                Some(known) => Tensor::f_cat(&[known, &new], 0).during(doing)?,
                None => new,
            };
            let first = self.rows.len() as i64;
            let ids = missing.iter().map(|class| class.id);
            self.rows.extend(ids.zip(first..));
            self.features = Some(features);
        }
        let Some(features) = &self.features else {
            return Err(Error::failed("there are no classes to score"));
        };
        let rows: Vec<i64> = classes.iter().map(|class| self.rows[&class.id]).collect();
        if rows.iter().copied().eq(0..features.size()[0]) {
            return Ok(features.shallow_clone());
        }
        Tensor::f_from_slice(&rows)
            .and_then(|rows| features.f_index_select(0, &rows.f_to_device(features.device())?))
            .during("choosing the text features of a batch's classes")
    }
}

/// Image features as the host has them, on the device and of unit length.
///
/// # Errors
///
/// What libtorch reports.
pub fn unit_features(features: &harness_abi::Tensor, device: Device) -> Result<Tensor> {
    bridge::copy_in(features.view())?
        .f_to_device(device)
        .and_then(|features| unit_rows(&features))
        .during("preparing the image features")
}

/// The logits of a batch of images for texts, both of unit length, as a host takes them.
///
/// # Errors
///
/// What libtorch reports.
pub fn scored(images: &Tensor, texts: &Tensor, scale: f64) -> Result<harness_abi::Tensor> {
    let logits = cosine::logits(images, texts, scale)
        .and_then(|logits| logits.f_to_device(Device::Cpu))
        .during("scoring a batch")?;
    bridge::copy_out(&logits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(id: u32) -> Class {
        Class {
            id,
            name: format!("class_{id}"),
            templates: Vec::new(),
        }
    }

    #[test]
    fn names_are_made_readable_in_their_template() {
        assert_eq!(
            filled("a photo of a {}, a type of pet.", "german_short_haired"),
            "a photo of a german short haired, a type of pet."
        );
        // A name that looks like a template's place is a name.
        assert_eq!(filled("the {}", "{}_sign"), "the {} sign");
    }

    #[test]
    fn every_class_is_encoded_once_and_comes_in_the_order_asked_for() {
        let mut features = TextFeatures::default();
        let mut asked = Vec::new();
        let mut of = |ids: &[u32]| {
            let classes: Vec<Class> = ids.iter().map(|&id| class(id)).collect();
            let found = features
                .of(&classes, |missing| {
                    asked.push(missing.iter().map(|class| class.id).collect::<Vec<_>>());
                    // Class i: its id along the first axis, 4 along the second.
                    let rows = missing.iter().flat_map(|class| [class.id as f32, 4.0]);
                    Ok(Tensor::from_slice(&rows.collect::<Vec<_>>()).view((-1, 2)))
                })
                .unwrap();
            Vec::<f32>::try_from(found.select(1, 0)).unwrap()
        };
        assert_eq!(of(&[3, 0]), [3.0, 0.0]);
        assert_eq!(of(&[3, 0]), [3.0, 0.0]);
        assert_eq!(of(&[0, 2, 3]), [0.0, 2.0, 3.0]);
        assert_eq!(of(&[2]), [2.0]);
        assert_eq!(asked, [vec![3, 0], vec![2]]);
    }
}
