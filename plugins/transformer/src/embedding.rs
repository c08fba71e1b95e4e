//! Embeds images as tokens, a class token and one per patch, with position embeddings; and inserts
//! prompt tokens.

use crate::visual::{PromptPosition, TokenPrompts};
use clbench_torch::tch::{TchError, Tensor};

/// The embedding of an image's patches.
#[derive(Debug)]
pub struct ImageEmbedding {
    /// `[width]`.
    pub class_token: Tensor,
    /// A convolution, `[width, 3, patch, patch]`. Its stride equals its size, so it is computed as
    /// a matrix product; a convolution on CUDA would round to TF32.
    pub patches: Tensor,
    /// Its bias, `[width]`, if it has one.
    pub patches_bias: Option<Tensor>,
    /// `[1 + patches, width]`, first the class token's.
    pub positions: Tensor,
}

impl ImageEmbedding {
    /// Embeds normalised images, `[images, 3, height, width]`, as class token and patches,
    /// `[images, 1 + patches, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn embed(&self, pixels: &Tensor) -> Result<Tensor, TchError> {
        let images = pixels.size()[0];
        let patches = self
            .cut(pixels)?
            .f_linear(&self.patches.f_flatten(1, -1)?, self.patches_bias.as_ref())?;
        let class = self
            .class_token
            .f_expand([images, 1, self.class_token.size()[0]], false)?;
        Tensor::f_cat(&[&class, &patches], 1)?.f_add(&self.positions)
    }

    /// Cuts images into rows of patches, `[images, patches, 3 · patch · patch]`; incomplete patches
    /// at the right and bottom are dropped, as in a convolution.
    fn cut(&self, pixels: &Tensor) -> Result<Tensor, TchError> {
        let (images, channels, height, width) = pixels.size4()?;
        let patch = self.patches.size()[3];
        let (rows, columns) = (height / patch, width / patch);
        pixels
            .f_narrow(2, 0, rows * patch)?
            .f_narrow(3, 0, columns * patch)?
            .f_reshape([images, channels, rows, patch, columns, patch])?
            .f_permute([0, 2, 4, 1, 3, 5])?
            .f_reshape([images, rows * columns, channels * patch * patch])
    }

    /// Prompt tokens with their position embedding, `[images, n, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn positioned(
        &self,
        TokenPrompts { prompts, position }: &TokenPrompts,
    ) -> Result<Tensor, TchError> {
        match position {
            PromptPosition::Class => prompts.f_add(&self.positions.f_select(0, 0)?),
            PromptPosition::None => Ok(prompts.shallow_clone()),
        }
    }
}

/// Inserts prompt tokens, `[images, n, width]`, between the class token and the patches of `x`.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn insert(x: &Tensor, prompts: &Tensor) -> Result<Tensor, TchError> {
    let patches = x.size()[1] - 1;
    let parts = [&x.f_narrow(1, 0, 1)?, prompts, &x.f_narrow(1, 1, patches)?];
    Tensor::f_cat(&parts, 1)
}
