//! The source of a model's tensors.
//!
//! The model requests each tensor by its name in the layout and its shape. Weights read them from
//! files; pre-training creates variables and trains them.

use clbench_torch::tch::Tensor;
use harness_abi::Result;

/// A source of tensors.
pub trait Source {
    /// The tensor called `name` with shape `shape`, on the model's device and in its type.
    ///
    /// # Errors
    ///
    /// If there is no such tensor, or it has another shape.
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor>;
}

/// The tensors of a source below a name prefix, such as `text_model.encoder`, then `layers.0`.
pub struct Below<'a> {
    source: &'a mut dyn Source,
    prefix: String,
}

impl<'a> Below<'a> {
    /// The tensors below `prefix`.
    pub fn new(source: &'a mut dyn Source, prefix: &str) -> Below<'a> {
        Below {
            source,
            prefix: prefix.to_owned(),
        }
    }

    /// The tensors below `name` within this prefix.
    pub fn below(&mut self, name: &str) -> Below<'_> {
        Below {
            prefix: format!("{}.{name}", self.prefix),
            source: self.source,
        }
    }

    /// The tensor called `name` within this prefix.
    ///
    /// # Errors
    ///
    /// As for [`Source::tensor`].
    pub fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.source
            .tensor(&format!("{}.{name}", self.prefix), shape)
    }
}
