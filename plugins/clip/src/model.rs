//! CLIP (Radford et al., arXiv 2103.00020): two transformers that meet in one embedding space.
//!
//! The computation of transformers' `CLIPModel`, with the names of its tensors, in the type that the tensors are in. Whether
//! operations are recorded for gradients is the caller's choice; nothing here sets it. Errors are libtorch's, for one caller to
//! say what was being done.

mod encoder;
pub mod pooled;
pub mod text;
pub mod vision;

use crate::config::Config;
use clbench_torch::tch::Tensor;
use clbench_transformer::source::Source;
use harness_abi::Result;
pub use pooled::PooledModel;
pub use text::TextModel;
pub use vision::VisionModel;

/// A CLIP.
#[derive(Debug)]
pub struct Clip {
    /// The image encoder.
    pub vision: VisionModel,
    /// The text encoder.
    pub text: TextModel,
    /// The logarithm of the factor between cosine similarity and logits, a scalar.
    pub logit_scale: Tensor,
}

impl Clip {
    /// A model of that shape, made of the source's tensors.
    ///
    /// # Errors
    ///
    /// What the source reports.
    pub fn new(config: &Config, source: &mut dyn Source) -> Result<Clip> {
        Ok(Clip {
            vision: VisionModel::new(config, source)?,
            text: TextModel::new(config, source)?,
            logit_scale: source.tensor("logit_scale", &[])?,
        })
    }
}
