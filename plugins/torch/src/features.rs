//! The image features that a strategy on frozen features learns from: a backbone's embedding, or
//! the class token that it is projected from.

use crate::bridge::{self, During};
use crate::prompting::images::CLASS_TOKEN;
use crate::training::all_finite;
use harness_abi::{BackboneInfo, Batch, Choice, Error, Result, Task};
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

/// The output of a backbone that a strategy reads as an image's feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The embedding: after the projection into the space that images share with texts, not
    /// normalised.
    Embedding,
    /// The class token after the last layer norm, before the projection: 768 wide in a CLIP ViT-B,
    /// whose embeddings are 512 wide.
    ClassToken,
}

impl Output {
    /// The width of a feature.
    ///
    /// # Errors
    ///
    /// If the backbone has no class token, or does not say how wide it is.
    pub fn width(self, info: &BackboneInfo) -> Result<u32> {
        if self == Output::Embedding {
            return Ok(info.embedding_width);
        }
        match info.output_widths.get(CLASS_TOKEN) {
            Some(&width) if info.outputs.iter().any(|output| output == CLASS_TOKEN) => Ok(width),
            _ => Err(Error::parameter(
                "output",
                format!(
                    "backbone `{}` has no output `{CLASS_TOKEN}`, or does not declare its width; set `output: embedding`, \
                     or `backbone:` to one that has it, such as `clip` or `vit`",
                    info.name
                ),
            )),
        }
    }

    /// The outputs to declare as [`reads`](harness_abi::Declaration::reads).
    pub fn reads(self) -> Vec<String> {
        match self {
            Output::Embedding => Vec::new(),
            Output::ClassToken => vec![CLASS_TOKEN.into()],
        }
    }

    /// The features of a task's rows on the device, f32 `[rows, width]`, as the backbone returns
    /// them.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or are not all finite.
    pub fn of_task(self, task: &Task<'_>, rows: &[u32], device: Device) -> Result<Tensor> {
        let features = match self {
            Output::Embedding => task.features(0, rows)?,
            Output::ClassToken => task.output(0, CLASS_TOKEN, rows)?,
        };
        let doing = "reading a task's features";
        let features = on_device(&features, device)?;
        if !all_finite(&features).during(doing)? {
            return Err(Error::data(
                "the features contain NaN or infinite values; check the backbone and its `dtype`",
            )
            .context(doing));
        }
        Ok(features)
    }

    /// The features of a batch of test images on the device, f32 `[images, width]`.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn of_batch(self, batch: &Batch<'_>, device: Device) -> Result<Tensor> {
        let features = match self {
            Output::Embedding => batch.features(0)?,
            Output::ClassToken => batch.output(0, CLASS_TOKEN)?,
        };
        on_device(&features, device)
    }
}

/// A copy on the device, f32.
fn on_device(features: &harness_abi::Tensor, device: Device) -> Result<Tensor> {
    bridge::copy_in(features.view())?
        .f_to_device(device)
        .and_then(|features| features.f_to_kind(Kind::Float))
        .during("copying features to the device")
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::testkit::ToyBackbone;

    #[test]
    fn the_width_of_the_class_token_is_declared_or_it_cannot_be_read() {
        let mut info = ToyBackbone::handle().info().clone();
        info.output_widths.insert(CLASS_TOKEN.into(), 24);
        assert_eq!(
            Output::Embedding.width(&info).unwrap(),
            info.embedding_width
        );
        assert_eq!(Output::ClassToken.width(&info).unwrap(), 24);
        info.outputs.retain(|output| output != CLASS_TOKEN);
        assert_eq!(
            Output::ClassToken.width(&info).unwrap_err().to_string(),
            format!(
                "parameter `output`: backbone `{}` has no output `class_token`, or does not declare its width; set \
                 `output: embedding`, or `backbone:` to one that has it, such as `clip` or `vit`",
                info.name
            )
        );
    }
}
