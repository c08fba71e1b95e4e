//! Generators of embeddings: what is fitted to a class once, when its images are there, and drawn from ever after.
//!
//! A [`Generator`] is a kind of generator and its settings. What it learns of classes is not kept in it but given out, as
//! [`Fitted`]: named tensors, the classes stacked along their first dimension. So all classes of a task are fitted at once, in
//! batched products, all classes seen are drawn from at once, and a strategy's state is those tensors and nothing else.
//!
//! Random numbers come from [`Noise`] with one stream for each class, so that what a class's generator becomes does not
//! depend on which classes it is fitted beside.

pub mod diffusion;
pub mod gaussian;
mod k_means;
pub mod mixture;
pub mod normalisation;
mod stack;
pub mod vae;

#[cfg(test)]
mod toy;

use clbench_torch::During;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::{Noise, bridge};
use harness_abi::{Error, Host, Result, State};

/// The embeddings of one class.
#[derive(Debug)]
pub struct ClassFeatures {
    /// The class's number, which names its stream of random numbers.
    pub class: u32,
    /// Embeddings as the backbone gives them, of any length, f32 `[samples, width]`, at least one sample.
    pub features: Tensor,
}

/// What a fit needs to know besides the features.
#[derive(Debug)]
pub struct Fitting<'a> {
    /// The cell's seed.
    pub seed: u64,
    /// The task that the classes belong to, counted from 1.
    pub task: u32,
    /// Where the features are, and everything is computed.
    pub device: Device,
    /// The type in which matrix products are computed: `Kind::Float` or `Kind::BFloat16`. Parameters stay f32.
    pub kind: Kind,
    /// Told of progress; asked whether to stop.
    pub host: &'a Host,
}

/// A kind of generator.
pub trait Generator: std::fmt::Debug {
    /// How many numbers an optimiser moves for each class, whose embeddings have that width; 0 for a closed form.
    fn trained_parameters(&self, _width: u64) -> u64 {
        0
    }

    /// Fits one generator to each class.
    ///
    /// # Errors
    ///
    /// What libtorch reports, a loss that is no number, or [`Error::cancelled`].
    fn fit(&self, classes: &[ClassFeatures], fitting: &Fitting<'_>) -> Result<Fit>;

    /// Draws `count` embeddings of each class, f32 `[classes, count, width]`, on the device of `fitted`. The noise has one
    /// stream for each class, in order.
    ///
    /// # Errors
    ///
    /// What libtorch reports, or that `fitted` is of another kind of generator.
    fn draw(&self, fitted: &Fitted, count: i64, noise: &mut Noise) -> Result<Tensor>;
}

/// What came of a fit.
#[derive(Debug)]
pub struct Fit {
    /// What is drawn from.
    pub fitted: Fitted,
    /// Steps of optimisers, summed over classes; 0 for a closed form. (A step for each class that takes part in it.)
    pub optimiser_steps: u64,
}

/// The fitted generators of some classes, of one kind: named tensors, `[classes, …]` each.
#[derive(Debug, Default)]
pub struct Fitted {
    tensors: Vec<(String, Tensor)>,
}

/// The beginning of their names in a state.
const PREFIX: &str = "generator.";

impl Fitted {
    /// Of those tensors, `[classes, …]` each.
    pub fn new(tensors: Vec<(String, Tensor)>) -> Fitted {
        Fitted { tensors }
    }

    /// The tensor of that name.
    ///
    /// # Errors
    ///
    /// If there is none: these generators are of another kind.
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

    /// Adds the generators of further classes behind these.
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

    /// Copies them into a state.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn put(&self, state: &mut State) -> Result<()> {
        for (name, tensor) in &self.tensors {
            clbench_torch::bridge::state::put(state, &format!("{PREFIX}{name}"), tensor)?;
        }
        Ok(())
    }

    /// Takes all generators out of a state, bit for bit.
    ///
    /// # Errors
    ///
    /// If a tensor there is not of so many classes, or libtorch reports something.
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
                    "the state's tensor `{whole}` should be of {classes} classes, and has shape {:?}",
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
