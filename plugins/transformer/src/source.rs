//! Where a model's tensors come from.
//!
//! The model asks for each by the name that its layout gives it, in the shape that it must have. A folder answers with what
//! its file holds; pre-training answers with variables that it makes and then trains.

use clbench_torch::tch::Tensor;
use harness_abi::Result;

/// What a model is made of.
pub trait Source {
    /// The tensor of that name, of that shape, on the device and in the type that the model is to compute with.
    ///
    /// # Errors
    ///
    /// If there is none, or one of another shape.
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor>;
}

/// The part of a source below a name: `text_model.encoder` and then `layers.0`.
pub struct Below<'a> {
    source: &'a mut dyn Source,
    prefix: String,
}

impl<'a> Below<'a> {
    /// What stands below that name.
    pub fn new(source: &'a mut dyn Source, prefix: &str) -> Below<'a> {
        Below {
            source,
            prefix: prefix.to_owned(),
        }
    }

    /// What stands below a name below this one.
    pub fn below(&mut self, name: &str) -> Below<'_> {
        Below {
            prefix: format!("{}.{name}", self.prefix),
            source: self.source,
        }
    }

    /// The tensor of that name below this one.
    ///
    /// # Errors
    ///
    /// As for [`Source::tensor`].
    pub fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.source
            .tensor(&format!("{}.{name}", self.prefix), shape)
    }
}
