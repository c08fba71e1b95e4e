//! Trains the denoisers of some classes, epoch by epoch.

use super::Diffusion;
use super::denoiser::{Denoiser, sinusoids};
use super::schedule::Schedule;
use crate::stack::adam::Adam;
use crate::stack::batches::Batches;
use crate::stack::plan::{Plan, Step};
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Noise};
use harness_abi::Result;

/// A batch of a single sample is allowed.
const LEAST_BATCH: i64 = 1;
/// Times and noise are drawn for this many rows at once, so a class gets the same numbers whatever
/// the batch lengths of other classes.
const NOISE_ROWS: i64 = 64;

/// The state of the training.
#[derive(Debug)]
pub(crate) struct Training {
    pub(crate) plan: Plan,
    /// The networks of all classes, in the order of the stack.
    pub(crate) denoiser: Denoiser,
    /// The networks of the first classes, one entry for each number of active classes, sharing
    /// memory.
    prefixes: Vec<Denoiser>,
    adam: Adam,
    lr: f64,
    batches: Batches,
    /// For each step, one for every [`NOISE_ROWS`] rows.
    noise: Vec<Vec<Noise>>,
    tables: Tables,
    /// 1 / steps per epoch, for each class.
    shares: Tensor,
}

impl Training {
    /// Sets up the training of classes with these names and normalised samples, f32
    /// `[samples, width]` each; `product` is the type of matrix products.
    pub(crate) fn new(
        diffusion: &Diffusion,
        names: &[u32],
        samples: &[Tensor],
        (seed, task): (u64, u32),
        product: Kind,
    ) -> Result<Training> {
        let doing = "setting up the diffusion models";
        let _mode = GradientMode::off();
        let (width, device) = (samples[0].size()[1], samples[0].device());
        let lengths: Vec<i64> = samples.iter().map(|samples| samples.size()[0]).collect();
        let options = (Kind::Float, device);
        let batch_size = diffusion.batch_size.into();
        let plan = Plan::new(&lengths, batch_size, LEAST_BATCH, options).during(doing)?;
        let names: Vec<u32> = plan.order.iter().map(|&class| names[class]).collect();
        let samples: Vec<&Tensor> = plan.order.iter().map(|&class| &samples[class]).collect();
        let noise = |purpose: &str, names: &[u32]| {
            Noise::new(seed, &format!("diffusion/{purpose}"), task, names, device)
        };

        let mut init = noise("init", &names)?;
        let denoiser = Denoiser::new(&diffusion.shape(width), product, &mut init).during(doing)?;
        let groups: Vec<_> = plan
            .groups
            .iter()
            .map(|(classes, _)| classes.clone())
            .collect();
        let prefixes = groups.iter().map(|classes| denoiser.leaves(classes.end));
        let prefixes = prefixes.collect::<Result<_, _>>().during(doing)?;
        let of_step = |(at, step): (usize, &Step)| {
            let parts = 0..(step.rows + NOISE_ROWS - 1) / NOISE_ROWS;
            let names = &names[..step.active as usize];
            parts
                .map(|part| noise(&format!("step/{at}/{part}"), names))
                .collect()
        };
        let of_steps = plan.steps.iter().enumerate().map(of_step);
        Ok(Training {
            adam: Adam::new(&denoiser.parameters(), &groups, diffusion.weight_decay)
                .during(doing)?,
            lr: diffusion.lr,
            batches: Batches::new(&plan, &samples, |classes| noise("order", &names[classes]))?,
            noise: of_steps.collect::<Result<_>>()?,
            tables: Tables::new(diffusion, device).during(doing)?,
            shares: plan.shares(Kind::Float, device).during(doing)?,
            prefixes,
            denoiser,
            plan,
        })
    }

    /// Trains for one epoch. Returns the mean of each class's losses, measured before each step,
    /// `[classes]` in the order of the stack.
    pub(crate) fn epoch(&mut self) -> Result<Tensor, TchError> {
        self.batches.shuffle()?;
        let losses = self.shares.f_zeros_like()?;
        for (step, noise) in self.plan.steps.iter().zip(&mut self.noise) {
            let samples = self.batches.of(step)?;
            let (times, epsilon) = self.tables.drawn(step, samples.size()[2], noise)?;
            let denoiser = self
                .prefixes
                .iter()
                .find(|own| own.classes() == step.active);
            let denoiser = denoiser.expect("steps use whole groups");
            let _mode = GradientMode::on();
            let each = self.tables.losses(denoiser, &samples, &times, &epsilon)?;
            let own = match &step.weights {
                None => each.f_mean_dim([1_i64].as_slice(), false, None)?,
                Some(weights) => each.f_mul(&weights.f_squeeze_dim(2)?)?.f_sum_dim_intlist(
                    [1_i64].as_slice(),
                    false,
                    None,
                )?,
            };
            let total = own.f_sum(Kind::Float)?;
            let gradients = Tensor::f_run_backward(&[total], &denoiser.parameters(), false, false)?;
            self.adam.step(step.active, &gradients, self.lr)?;
            let _mode = GradientMode::off();
            let _ = losses
                .f_narrow(0, 0, step.active)?
                .f_add_(&own.f_detach()?)?;
        }
        losses.f_mul(&self.shares)
    }

    /// Which classes have a finite loss and finite parameters. Synchronises with the device.
    pub(crate) fn sound(&self, losses: &Tensor) -> Result<Vec<bool>, TchError> {
        let _mode = GradientMode::off();
        Vec::try_from(
            losses
                .f_isfinite()?
                .f_logical_and(&self.denoiser.finite()?)?,
        )
    }
}

/// Constants of the training, on the device.
#[derive(Debug)]
pub(crate) struct Tables {
    /// √ᾱ_t, √(1 − ᾱ_t) and w_t, `[T]` each.
    signal: Tensor,
    noise: Tensor,
    weight: Tensor,
    /// The encodings of all times.
    pub(crate) sinusoids: Tensor,
    /// 0, 1, … T − 1.
    numbers: Tensor,
    /// T.
    steps: u32,
    batch_size: i64,
}

impl Tables {
    pub(crate) fn new(diffusion: &Diffusion, device: Device) -> Result<Tables, TchError> {
        let schedule = Schedule::new(diffusion.steps);
        let table = |numbers: Vec<f64>| {
            Tensor::f_from_slice(&numbers)?
                .f_to_kind(Kind::Float)?
                .f_to_device(device)
        };
        let steps = diffusion.steps.into();
        Ok(Tables {
            signal: table(schedule.signal())?,
            noise: table(schedule.noise())?,
            weight: table(schedule.weight())?,
            sinusoids: sinusoids(steps, diffusion.hidden.into(), device)?,
            numbers: Tensor::f_arange(steps, (Kind::Int64, device))?,
            steps: diffusion.steps,
            batch_size: diffusion.batch_size.into(),
        })
    }

    /// t − 1, `[active, rows]`, and ε, `[active, rows, width]`, for a step's samples.
    fn drawn(
        &self,
        step: &Step,
        width: i64,
        noise: &mut [Noise],
    ) -> Result<(Tensor, Tensor), TchError> {
        let rows = NOISE_ROWS.min(self.batch_size);
        let (mut times, mut epsilon) = (Vec::new(), Vec::new());
        for noise in noise {
            times.push(noise.below(self.steps, &[rows])?);
            epsilon.push(noise.normal(&[rows, width])?);
        }
        let whole = |parts: &[Tensor]| Tensor::f_cat(parts, 1)?.f_narrow(1, 0, step.rows);
        Ok((whole(&times)?, whole(&epsilon)?))
    }

    /// The loss of each sample, `[active, rows]`. `times` count from 0.
    pub(crate) fn losses(
        &self,
        denoiser: &Denoiser,
        samples: &Tensor,
        times: &Tensor,
        epsilon: &Tensor,
    ) -> Result<Tensor, TchError> {
        let of_time = |table: &Tensor| table.f_take(times)?.f_unsqueeze(2);
        let noisy = samples
            .f_mul(&of_time(&self.signal)?)?
            .f_add(&epsilon.f_mul(&of_time(&self.noise)?)?)?;
        // Rows are selected by a matrix product: its gradient is summed in a fixed order, unlike
        // that of an index operation on some devices.
        let time = times
            .f_unsqueeze(2)?
            .f_eq_tensor(&self.numbers)?
            .f_to_kind(Kind::Float)?
            .f_bmm(&denoiser.embedded(&self.sinusoids)?)?;
        denoiser
            .denoised(&noisy, &time)?
            .f_sub(samples)?
            .f_square()?
            .f_mean_dim([2_i64].as_slice(), false, Kind::Float)?
            .f_mul(&self.weight.f_take(times)?)
    }
}
