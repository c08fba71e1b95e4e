//! Turns class names into texts, and caches the texts' embeddings.

use super::cosine::{self, unit_rows};
use crate::bridge::{self, During};
use crate::training::GradientMode;
use harness_abi::{BackboneHandle, Class, Error, Result};
use std::collections::HashMap;
use tch::{Device, Kind, Tensor};

/// How many texts to encode at once when no gradient is needed; limits memory use for any number of
/// classes and templates.
pub const TEXTS_AT_ONCE: usize = 256;

/// A class name as text: underscores become spaces, as in CLIP's and CoOp's code.
pub fn readable(name: &str) -> String {
    name.replace('_', " ")
}

/// Checks that a template contains `{}`, the placeholder for the class name, exactly once.
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
                "the template `{template}` must contain `{{}}`, the placeholder for the class name, exactly once, \
                 not {times} times"
            ),
        )),
    }
}

/// Fills the class name into a template.
pub fn filled(template: &str, name: &str) -> String {
    template.replace("{}", &readable(name))
}

/// The features of texts as the backbone returns them, not normalised: f32
/// `[texts, embedding width]` on the device, without gradient.
///
/// # Errors
///
/// Propagates errors from the backbone.
pub fn text_features(backbone: &BackboneHandle, texts: &[&str], device: Device) -> Result<Tensor> {
    let _mode = GradientMode::off();
    let doing = "encoding templates filled with class names";
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

/// A cache of the text features of classes, by class id. It is not part of a strategy's state, from
/// which the features can be recomputed.
#[derive(Debug, Default)]
pub struct TextFeatures {
    /// The row in `features` of each class.
    rows: HashMap<u32, i64>,
    /// `[cached classes, width]`.
    features: Option<Tensor>,
}

impl TextFeatures {
    /// Clears the cache.
    pub fn clear(&mut self) {
        *self = TextFeatures::default();
    }

    /// The features of `classes`, `[classes, width]`, in that order. `encode` computes those that
    /// are not cached yet, `[missing classes, width]`; they are cached as returned, so `encode`
    /// normalises them if needed.
    ///
    /// # Errors
    ///
    /// Propagates errors from `encode`.
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
            let doing = "caching text features";
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
            return Err(Error::failed(
                "cannot score a batch without candidate classes",
            ));
        };
        let rows: Vec<i64> = classes.iter().map(|class| self.rows[&class.id]).collect();
        if rows.iter().copied().eq(0..features.size()[0]) {
            return Ok(features.shallow_clone());
        }
        Tensor::f_from_slice(&rows)
            .and_then(|rows| features.f_index_select(0, &rows.f_to_device(features.device())?))
            .during("selecting the text features of a batch's classes")
    }
}

/// Copies image features from the host to the device and scales them to unit length.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn unit_features(features: &harness_abi::Tensor, device: Device) -> Result<Tensor> {
    bridge::copy_in(features.view())?
        .f_to_device(device)
        .and_then(|features| unit_rows(&features))
        .during("preparing the image features")
}

/// The logits of a batch of images for texts, both of unit length, as a tensor for the host.
///
/// # Errors
///
/// Propagates errors from libtorch.
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
    fn underscores_in_class_names_become_spaces_in_the_template() {
        assert_eq!(
            filled("a photo of a {}, a type of pet.", "german_short_haired"),
            "a photo of a german short haired, a type of pet."
        );
        // A class name that contains the placeholder stays as it is.
        assert_eq!(filled("the {}", "{}_sign"), "the {} sign");
    }

    #[test]
    fn every_class_is_encoded_once_and_returned_in_the_requested_order() {
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
