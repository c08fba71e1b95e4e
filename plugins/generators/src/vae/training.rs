//! Trains the autoencoders of a stack of classes.

use super::decoder::Decoder;
use super::fused::Fused;
use super::network::{Parameters, Sizes};
use super::recorded::Recorded;
use super::{Posterior, Vae};
use crate::stack::batches::Batches;
use crate::stack::plan::{Plan, Step};
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::{During, Noise};
use harness_abi::Result;
use std::fmt::Debug;

/// Batch normalisation needs at least two samples.
const LEAST_BATCH: i64 = 2;

/// Noise is drawn for this many samples at once, so a class gets the same numbers whatever the
/// batch lengths of other classes.
const NOISE_ROWS: i64 = 64;

/// The networks of a stack of classes, and their optimiser.
pub(super) trait Networks: Debug + Send {
    /// Makes a step for the first classes, one for each batch in `samples`,
    /// `[active, rows, width]`. For `weights` and `epsilon` see
    /// [`Network::pass`](super::network::Network::pass). Returns their losses before the step,
    /// `[active]`.
    fn step(
        &mut self,
        samples: &Tensor,
        weights: Option<&Tensor>,
        epsilon: &Tensor,
        lr: f64,
    ) -> Result<Tensor, TchError>;

    /// The decoders of all classes.
    fn decoder(&self) -> Result<Decoder, TchError>;
}

/// The training of the classes of a stack, epoch by epoch.
#[derive(Debug)]
pub(super) struct Training {
    pub plan: Plan,
    networks: Box<dyn Networks>,
    batches: Batches,
    /// For each step, one for every [`NOISE_ROWS`] rows.
    noise: Vec<Vec<Noise>>,
    latent: i64,
    /// 1 / steps per epoch for each class, `[classes]`; 0 for one that takes none.
    shares: Tensor,
}

impl Training {
    /// Sets up the training of classes with these names and normalised samples, `[samples, width]`
    /// each. Tensors have the samples' type and device.
    pub fn new(
        vae: &Vae,
        posterior: Posterior,
        names: &[u32],
        samples: &[Tensor],
        (seed, task): (u64, u32),
        product: Kind,
    ) -> Result<Training> {
        let doing = "setting up the autoencoders";
        let (kind, device) = (samples[0].kind(), samples[0].device());
        let lengths: Vec<i64> = samples.iter().map(|samples| samples.size()[0]).collect();
        let plan = Plan::new(&lengths, vae.batch_size.into(), LEAST_BATCH, (kind, device))
            .during(doing)?;
        let names: Vec<u32> = plan.order.iter().map(|&class| names[class]).collect();
        let samples: Vec<&Tensor> = plan.order.iter().map(|&class| &samples[class]).collect();
        let noise = |purpose: &str, names: &[u32]| Noise::new(seed, purpose, task, names, device);

        let sizes = Sizes {
            classes: names.len() as i64,
            width: samples[0].size()[1],
            hidden: vae.hidden.into(),
            latent: vae.latent.into(),
        };
        let mut uniform = noise("vae/init", &names)?;
        let parameters =
            Parameters::init(sizes, kind, |shape| uniform.uniform(shape)).during(doing)?;
        let of_step = |(at, step): (usize, &Step)| {
            let drawn = 0..(step.rows + NOISE_ROWS - 1) / NOISE_ROWS;
            let names = &names[..step.active as usize];
            drawn
                .map(|part| noise(&format!("vae/posterior/{at}/{part}"), names))
                .collect()
        };
        let of_steps = plan.steps.iter().enumerate().map(of_step);
        let networks: Box<dyn Networks> = match (kind, device) {
            (Kind::Float, Device::Cpu) => {
                let fused = Fused::new(&parameters, sizes, &plan, product, posterior);
                Box::new(fused.during(doing)?)
            }
            _ => {
                let recorded = Recorded::new(&parameters, sizes, &plan, product, posterior);
                Box::new(recorded.during(doing)?)
            }
        };
        Ok(Training {
            networks,
            batches: Batches::new(&plan, &samples, |classes| {
                noise("vae/order", &names[classes])
            })?,
            noise: of_steps.collect::<Result<_>>()?,
            latent: sizes.latent,
            shares: plan.shares(kind, device).during(doing)?,
            plan,
        })
    }

    /// Trains for one epoch. Returns the mean of each class's losses, `[classes]` in the order of
    /// the stack; 0 for a class that takes no steps.
    pub fn epoch(&mut self, lr: f64) -> Result<Tensor, TchError> {
        self.batches.shuffle()?;
        let losses = self.shares.f_zeros_like()?;
        for (step, noise) in self.plan.steps.iter().zip(&mut self.noise) {
            let samples = self.batches.of(step)?;
            let columns = NOISE_ROWS.min(self.plan.batch_size);
            let parts = noise
                .iter_mut()
                .map(|noise| noise.normal(&[self.latent, columns]));
            let mut epsilon: Vec<Tensor> = parts.collect::<Result<_, _>>()?;
            let epsilon = match epsilon.len() {
                1 => epsilon.remove(0),
                _ => Tensor::f_cat(&epsilon, 2)?,
            };
            let epsilon = epsilon
                .f_narrow(2, 0, step.rows)?
                .f_to_kind(samples.kind())?;
            let own = self
                .networks
                .step(&samples, step.weights.as_ref(), &epsilon, lr)?;
            let _ = losses.f_narrow(0, 0, step.active)?.f_add_(&own)?;
        }
        losses.f_mul(&self.shares)
    }

    /// The mean over trained classes of the losses from [`Training::epoch`]. Synchronises with the
    /// device.
    pub fn mean(&self, losses: &Tensor) -> Result<f64, TchError> {
        let trained = self.plan.steps.first().map_or(0, |step| step.active);
        losses
            .f_narrow(0, 0, trained)?
            .f_mean(None)?
            .f_double_value(&[])
    }

    /// The decoders of all classes, in the order of the stack.
    pub fn decoder(&self) -> Result<Decoder, TchError> {
        self.networks.decoder()
    }
}
