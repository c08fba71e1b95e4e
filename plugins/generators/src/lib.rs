//! Generators of embeddings: fitted to a class once, when its images are available, and sampled
//! from afterwards. An ordinary library, not a plugin: strategies that replay drawn embeddings link
//! it.
//!
//! A [`Generator`] is a kind of generator with its settings. It does not store what it learns about
//! classes but returns it as [`Fitted`]: named tensors with the classes stacked along their first
//! dimension. So all classes of a task are fitted at once with batched matrix products, all classes
//! seen are sampled at once, and a strategy's state consists of just those tensors. [`Replay`] keeps
//! the generators of all tasks, and knows which class each belongs to.
//!
//! Random numbers come from [`Noise`] with one stream per class, so a class's generator does not
//! depend on the classes fitted with it.

pub mod diffusion;
pub mod gaussian;
mod k_means;
pub mod mixture;
pub mod normalisation;
pub mod replay;
mod stack;
pub mod vae;

#[cfg(test)]
mod toy;

pub use replay::Replay;

use clbench_torch::During;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::{Noise, bridge};
use harness_abi::{Error, Host, Result, State};

/// The embeddings of one class.
#[derive(Debug)]
pub struct ClassFeatures {
    /// The class id, which also names its stream of random numbers.
    pub class: u32,
    /// Embeddings from the backbone, not normalised, f32 `[samples, width]`, at least one sample.
    pub features: Tensor,
}

/// The inputs of a fit besides the features.
#[derive(Debug)]
pub struct Fitting<'a> {
    /// The cell's seed.
    pub seed: u64,
    /// The task that the classes belong to, counted from 1.
    pub task: u32,
    /// The device of the features, on which everything is computed.
    pub device: Device,
    /// The type of matrix products: `Kind::Float` or `Kind::BFloat16`. Parameters stay f32.
    pub kind: Kind,
    /// Gets progress reports; decides whether to cancel.
    pub host: &'a Host,
}

/// A kind of generator.
pub trait Generator: std::fmt::Debug {
    /// The number of parameters trained per class with embeddings of this width; 0 for a closed
    /// form.
    fn trained_parameters(&self, _width: u64) -> u64 {
        0
    }

    /// Fits one generator to each class.
    ///
    /// # Errors
    ///
    /// Errors from libtorch, a loss that is not finite, or [`Error::cancelled`].
    fn fit(&self, classes: &[ClassFeatures], fitting: &Fitting<'_>) -> Result<Fit>;

    /// Draws `count` embeddings of each class, f32 `[classes, count, width]`, on the device of
    /// `fitted`. `noise` has one stream per class, in order.
    ///
    /// # Errors
    ///
    /// Errors from libtorch, or if `fitted` comes from another kind of generator.
    fn draw(&self, fitted: &Fitted, count: i64, noise: &mut Noise) -> Result<Tensor>;
}

/// The result of a fit.
#[derive(Debug)]
pub struct Fit {
    /// The fitted generators.
    pub fitted: Fitted,
    /// Optimiser steps, summed over classes; 0 for a closed form. A batched step counts once for
    /// each class that takes part.
    pub optimiser_steps: u64,
}

/// The fitted generators of some classes, all of one kind: named tensors, `[classes, …]` each.
#[derive(Debug, Default)]
pub struct Fitted {
    tensors: Vec<(String, Tensor)>,
}

/// The prefix of the tensors' names in a state.
const PREFIX: &str = "generator.";

impl Fitted {
    /// Wraps tensors, `[classes, …]` each.
    pub fn new(tensors: Vec<(String, Tensor)>) -> Fitted {
        Fitted { tensors }
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    ///
    /// If there is none, because the generators are of another kind.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors
            .iter()
            .find_map(|(have, tensor)| (have == name).then_some(tensor))
            .ok_or_else(|| {
                Error::failed(format!(
                    "the generators have no tensor `{name}`; they were fitted by another kind of generator"
                ))
            })
    }

    /// Appends the generators of further classes.
    ///
    /// # Errors
    ///
    /// If they are of another kind or size.
    pub fn extend(&mut self, more: Fitted) -> Result<()> {
        if self.tensors.is_empty() {
            *self = more;
            return Ok(());
        }
        let joined = self.tensors.iter().map(|(name, tensor)| {
            let joined = more
                .tensor(name)
                .and_then(|more| Tensor::f_cat(&[tensor, more], 0).during(name))?;
            Ok((name.clone(), joined))
        });
        self.tensors = joined.collect::<Result<_>>()?;
        Ok(())
    }

    /// Copies the generators into a state.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, state: &mut State) -> Result<()> {
        for (name, tensor) in &self.tensors {
            clbench_torch::bridge::state::put(state, &format!("{PREFIX}{name}"), tensor)?;
        }
        Ok(())
    }

    /// Restores all generators from a state, bit for bit.
    ///
    /// # Errors
    ///
    /// If a tensor does not have `classes` rows, or libtorch reports an error.
    pub fn take(state: &mut State, classes: i64, device: Device) -> Result<Fitted> {
        let names: Vec<String> = state
            .tensors
            .iter()
            .filter_map(|(name, _)| name.strip_prefix(PREFIX).map(String::from))
            .collect();
        let tensors = names.into_iter().map(|name| {
            let whole = format!("{PREFIX}{name}");
            let stored = state.take(&whole)?;
            let tensor = bridge::copy_in(stored.view())?
                .f_to_device(device)
                .during(&whole)?;
            if tensor.size().first() != Some(&classes) {
                return Err(Error::failed(format!(
                    "the state's tensor `{whole}` has shape {:?}, expected {classes} classes",
                    tensor.size()
                )));
            }
            Ok((name, tensor))
        });
        Ok(Fitted {
            tensors: tensors.collect::<Result<_>>()?,
        })
    }
}
