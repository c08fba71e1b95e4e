//! CLIP (Radford et al., arXiv 2103.00020): two transformers with a shared embedding space.
//!
//! Computes what transformers' `CLIPModel` computes, with its tensor names, in the type of the
//! tensors. The caller sets the gradient mode. Errors are libtorch's; the caller adds what was
//! being done.

mod encoder;
pub mod fused;
pub mod pooled;
mod shared;
#[cfg(test)]
mod testing;
pub mod text;
pub mod vision;

use crate::config::Config;
use clbench_torch::tch::Tensor;
use clbench_transformer::source::Source;
use harness_abi::Result;
pub use pooled::PooledModel;
pub use text::TextModel;
pub use vision::VisionModel;

/// A CLIP model.
#[derive(Debug)]
pub struct Clip {
    /// The image encoder.
    pub vision: VisionModel,
    /// The text encoder.
    pub text: TextModel,
    /// The logarithm of the logit scale, a scalar.
    pub logit_scale: Tensor,
}

impl Clip {
    /// Creates a model of the given shape from the source's tensors.
    ///
    /// # Errors
    ///
    /// Propagates errors from the source.
    pub fn new(config: &Config, source: &mut dyn Source) -> Result<Clip> {
        Ok(Clip {
            vision: VisionModel::new(config, source)?,
            text: TextModel::new(config, source)?,
            logit_scale: source.tensor("logit_scale", &[])?,
        })
    }
}
