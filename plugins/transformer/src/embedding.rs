//! Images as the tokens that go into an encoder: a class token and one for each patch, with positions; and how tokens of a
//! prompt join them.

use crate::visual::{PromptPosition, TokenPrompts};
use clbench_torch::tch::{TchError, Tensor};

/// The embedding of an image's patches.
#[derive(Debug)]
pub struct ImageEmbedding {
    /// `[width]`.
    pub class_token: Tensor,
    /// A convolution, `[width, 3, patch, patch]`. Its stride is its size, so it is computed as a matrix: a convolution on
    /// CUDA would round to TF32.
    pub patches: Tensor,
    /// Its bias `[width]`, where it has one.
    pub patches_bias: Option<Tensor>,
    /// `[1 + patches, width]`, the class token's first.
    pub positions: Tensor,
}

impl ImageEmbedding {
    /// Normalised images, `[images, 3, height, width]`, to class token and patches, `[images, 1 + patches, width]`.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
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

    /// Images as rows of patches, `[images, patches, 3 · patch · patch]`; what is left at the right and below is dropped, as a
    /// convolution drops it.
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

    /// The tokens of a prompt with the position embedding that was chosen for them, `[images, n, width]`.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
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

/// Puts the tokens of a prompt, `[images, n, width]`, between the class token and the patches of `x`.
///
/// # Errors
///
/// What libtorch reports.
pub fn insert(x: &Tensor, prompts: &Tensor) -> Result<Tensor, TchError> {
    let patches = x.size()[1] - 1;
    let parts = [&x.f_narrow(1, 0, 1)?, prompts, &x.f_narrow(1, 1, patches)?];
    Tensor::f_cat(&parts, 1)
}
