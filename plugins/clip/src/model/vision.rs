//! The image side: patches, a class token, positions, an encoder, the class token projected; and the places where prompts
//! enter.

use super::layer::{Attend, Encoder, EncoderShape, LayerNorm, Linear, Prefix};
use crate::config::Config;
use crate::source::{Below, Source};
use clbench_torch::tch::{TchError, Tensor};
use harness_abi::Result;
use std::collections::BTreeMap;

/// The image side.
#[derive(Debug)]
pub struct VisionModel {
    /// `[width]`.
    class_token: Tensor,
    /// A convolution without bias, `[width, 3, patch, patch]`. Its stride is its size, so it is computed as a matrix: a
    /// convolution on CUDA would round to TF32.
    patches: Tensor,
    patch_size: i64,
    /// `[1 + patches, width]`.
    positions: Tensor,
    pre_norm: LayerNorm,
    encoder: Encoder,
    post_norm: LayerNorm,
    projection: Linear,
}

/// Prompts for a batch of images.
#[derive(Debug, Default)]
pub struct VisualPrompts {
    /// Tokens between the class token and the patches.
    pub tokens: Option<TokenPrompts>,
    /// Keys and values before a layer's own, by layer, counted from 0.
    pub prefixes: BTreeMap<usize, Prefix>,
}

/// Prompts that are tokens.
#[derive(Debug)]
pub struct TokenPrompts {
    /// `[images, n, width]`.
    pub prompts: Tensor,
    /// Whether the class token's position embedding is added to each.
    pub with_class_position: bool,
    /// Whether they enter before the norm that stands before the encoder.
    pub before_pre_norm: bool,
}

/// What the image side makes of images.
#[derive(Debug)]
pub struct EncodedImages {
    /// What goes into the first layer, `[images, 1 + n + patches, width]`.
    pub entering: Tensor,
    /// What comes out of the last layer, before any norm, `[images, 1 + n + patches, width]`.
    pub last: Tensor,
    /// The class token after the last norm, `[images, width]`.
    pub class_token: Tensor,
    /// Projected, not normalised, `[images, projection]`.
    pub embedding: Tensor,
}

impl VisionModel {
    pub(super) fn new(config: &Config, source: &mut dyn Source) -> Result<VisionModel> {
        let shape = &config.vision;
        let (width, eps, patch) = (shape.hidden_size, shape.layer_norm_eps, shape.patch_size);
        let mut below = Below::new(source, "vision_model");
        Ok(VisionModel {
            class_token: below.tensor("embeddings.class_embedding", &[width])?,
            patches: below.tensor(
                "embeddings.patch_embedding.weight",
                &[width, shape.num_channels, patch, patch],
            )?,
            patch_size: patch,
            positions: below.tensor(
                "embeddings.position_embedding.weight",
                &[1 + shape.patches(), width],
            )?,
            // Hugging Face's spelling.
            pre_norm: LayerNorm::new(below.below("pre_layrnorm"), width, eps)?,
            encoder: Encoder::new(
                below.below("encoder.layers"),
                &EncoderShape {
                    width,
                    inner: shape.intermediate_size,
                    layers: shape.num_hidden_layers,
                    heads: shape.num_attention_heads,
                    activation: shape.hidden_act,
                    eps,
                    attend: Attend::All,
                },
            )?,
            post_norm: LayerNorm::new(below.below("post_layernorm"), width, eps)?,
            projection: Linear::unbiased(
                Below::new(source, "visual_projection"),
                width,
                config.projection_dim,
            )?,
        })
    }

    /// Encodes normalised images, `[images, 3, height, width]`.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn encode(
        &self,
        pixels: &Tensor,
        prompts: &VisualPrompts,
    ) -> Result<EncodedImages, TchError> {
        let entering = self.entering(pixels, prompts.tokens.as_ref())?;
        let last = self.encoder.forward(entering.shallow_clone(), |layer| {
            prompts.prefixes.get(&layer)
        })?;
        let class_token = self.post_norm.forward(&last.f_select(1, 0)?)?;
        let embedding = self.projection.forward(&class_token)?;
        Ok(EncodedImages {
            entering,
            last,
            class_token,
            embedding,
        })
    }

    /// All tokens as the class token is after the last norm: `last` of [`EncodedImages`] to the same shape.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn tokens(&self, last: &Tensor) -> Result<Tensor, TchError> {
        self.post_norm.forward(last)
    }

    /// Images as rows of patches, `[images, patches, 3 · patch · patch]`; what is left at the right and below is dropped, as a
    /// convolution drops it.
    fn cut(&self, pixels: &Tensor) -> Result<Tensor, TchError> {
        let (images, channels, height, width) = pixels.size4()?;
        let patch = self.patch_size;
        let (rows, columns) = (height / patch, width / patch);
        pixels
            .f_narrow(2, 0, rows * patch)?
            .f_narrow(3, 0, columns * patch)?
            .f_reshape([images, channels, rows, patch, columns, patch])?
            .f_permute([0, 2, 4, 1, 3, 5])?
            .f_reshape([images, rows * columns, channels * patch * patch])
    }

    /// The tokens that go into the first layer: class, prompts, patches.
    fn entering(
        &self,
        pixels: &Tensor,
        prompts: Option<&TokenPrompts>,
    ) -> Result<Tensor, TchError> {
        let images = pixels.size()[0];
        let patches = self
            .cut(pixels)?
            .f_linear(&self.patches.f_flatten(1, -1)?, None::<Tensor>)?;
        let class = self
            .class_token
            .f_expand([images, 1, self.class_token.size()[0]], false)?;
        let x = Tensor::f_cat(&[&class, &patches], 1)?.f_add(&self.positions)?;
        let Some(TokenPrompts {
            prompts,
            with_class_position,
            before_pre_norm,
        }) = prompts
        else {
            return self.pre_norm.forward(&x);
        };
        let prompts = match with_class_position {
            true => prompts.f_add(&self.positions.f_select(0, 0)?)?,
            false => prompts.shallow_clone(),
        };
        let insert = |x: &Tensor| {
            let patches = x.size()[1] - 1;
            let parts = [x.f_narrow(1, 0, 1)?, prompts, x.f_narrow(1, 1, patches)?];
            Tensor::f_cat(&parts, 1)
        };
        match before_pre_norm {
            true => self.pre_norm.forward(&insert(&x)?),
            false => insert(&self.pre_norm.forward(&x)?),
        }
    }
}
