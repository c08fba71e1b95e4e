//! The strategy `ranpac`: a ridge regression on randomly projected features (McDonnell et al.,
//! *RanPAC: Random Projections and Pre-trained Models for Continual Learning*, NeurIPS 2023, arXiv
//! 2307.02251).
//!
//! A feature f becomes h = relu(f W), with W drawn once and never changed. With G the sum of hᵀh and
//! Q the sum of hᵀy over all samples so far, the classifier is (G + λI)⁻¹Q. This is the paper's
//! second phase. Its first phase trains adapters in the backbone on the first task; for CLIP the
//! authors leave it out too.

mod parameters;

pub use parameters::Parameters;

use crate::features::{Samples, Source, for_the_host, ids};
use crate::linear_scores::LinearScores;
use crate::projection::{Projection, projected_width};
use crate::ridge::{self, RidgeSums, warn_of};
use crate::ridge_choice::{self, RidgeRule, validation_errors};
use clbench_torch::bridge::{device, state, threads};
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Generator};
use harness_abi::host::Level;
use harness_abi::{
    Batch, Declaration, Host, Keeps, Learned, Outline, Result, Setting, State, Strategy, Task,
};
use std::cell::OnceCell;

/// RanPAC's second phase. Its state is the sums over all samples and the classifier.
#[derive(Debug)]
pub struct RanPac {
    parameters: Parameters,
    seed: u64,
    source: Source,
    host: Host,
    /// Drawn when it is first used: a strategy is created more often than it computes.
    projection: OnceCell<Projection>,
    /// `None` before the first task.
    fitted: Option<Fitted>,
}

/// What is known after a task.
#[derive(Debug)]
struct Fitted {
    sums: RidgeSums,
    scores: LinearScores,
    /// λ of the last task, f64 `[1]`.
    lambda: Tensor,
}

impl Strategy for RanPac {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        let device = device::named(&outline.device)?;
        let width = u64::from(parameters.output.width(outline.backbone()?)?);
        let projected = projected_width(width as i64, parameters.projection_width) as u64;
        let choice = match parameters.lambda {
            None => ridge_choice::memory_bytes(outline.task_samples, projected),
            Some(_) => 0,
        };
        // A task's features as the host lends them and in libtorch, then W, the sums, and the
        // choice of λ with the features in f64.
        let bytes = 8 * 2 * outline.task_samples * width
            + 8 * width * u64::from(parameters.projection_width)
            + ridge::memory_bytes(outline.classes.into(), projected)
            + choice;
        let chosen = parameters.lambda.is_none();
        let departs = chosen && parameters.ridge_rule == RidgeRule::WithinOnePercent;
        Ok(Declaration {
            keeps: vec![Keeps::Statistics],
            reads: parameters.output.reads(),
            adaptation: departs.then(|| "takes the largest λ within 1 % of the best".into()),
            memory_bytes: (device == Device::Cpu).then_some(bytes),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let info = setting.backbone()?.info();
        Ok(RanPac {
            source: Source::new(parameters.output, info, setting.classes, device)?,
            parameters,
            seed: setting.seed,
            host: setting.host,
            projection: OnceCell::new(),
            fitted: None,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        self.source
            .of_task(task)
            .and_then(|samples| self.add(task.id(), &samples))
            .map_err(|error| error.context(format!("learning task {}", task.id())))?;
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = self.source.of_batch(batch)?;
        let ids = ids(batch.classes(), self.source.device)?;
        let projection = self.projection()?;
        for_the_host(match &self.fitted {
            Some(fitted) => fitted.logits(projection, &features, &ids),
            None => features.f_new_full(
                [batch.len() as i64, ids.size()[0]],
                f64::NEG_INFINITY,
                (Kind::Double, self.source.device),
            ),
        })
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        if let Some(fitted) = &self.fitted {
            fitted.sums.put(&mut written)?;
            fitted.scores.put(&mut written)?;
            state::put(&mut written, "lambda", &fitted.lambda)?;
        }
        Ok(written)
    }

    fn restore(&mut self, mut state: State) -> Result<()> {
        if state.tensors.is_empty() {
            self.fitted = None;
            return Ok(());
        }
        let mut fitted = self.unfitted()?;
        fitted.sums.take(&mut state)?;
        fitted.scores.take(&mut state)?;
        state::take(&mut state, "lambda", &mut fitted.lambda)?;
        self.fitted = Some(fitted);
        Ok(())
    }
}

impl RanPac {
    /// M, the width of what the regression takes.
    fn width(&self) -> i64 {
        projected_width(self.source.width, self.parameters.projection_width)
    }

    fn projection(&self) -> Result<&Projection> {
        if self.projection.get().is_none() {
            let drawn = Projection::normal(
                self.seed,
                self.source.width,
                self.parameters.projection_width.into(),
                self.source.device,
            )?;
            return Ok(self.projection.get_or_init(|| drawn));
        }
        Ok(self.projection.get().expect("it was drawn"))
    }

    fn unfitted(&self) -> Result<Fitted> {
        let (classes, width, device) = (self.source.classes, self.width(), self.source.device);
        Ok(Fitted {
            sums: RidgeSums::new(classes, width, device)?,
            scores: LinearScores::zeros(classes, width, device)?,
            lambda: Tensor::f_ones([1], (Kind::Double, device)).during("making a ridge")?,
        })
    }

    /// Adds a task's samples to the sums, chooses λ, and solves.
    fn add(&mut self, task: u32, samples: &Samples) -> Result<()> {
        if samples.is_empty() {
            return Ok(());
        }
        let lambda = match self.parameters.lambda {
            Some(lambda) => Some(lambda),
            None => self.chosen(task, samples)?,
        };
        let mut fitted = match self.fitted.take() {
            Some(fitted) => fitted,
            None => self.unfitted()?,
        };
        fitted
            .sums
            .add(samples, self.projection()?, Ok, &self.host)?;
        if self.host.cancelled() {
            return Err(harness_abi::Error::cancelled());
        }
        let before = fitted.lambda.f_double_value(&[0]).during("reading λ")?;
        let used = fitted
            .sums
            .solve(lambda.unwrap_or(before), &mut fitted.scores, |larger| {
                warn_of(larger, &self.host)
            })?;
        let _ = fitted.lambda.f_fill_(used).during("keeping λ")?;
        self.host.scalar("lambda", task.into(), used);
        self.fitted = Some(fitted);
        Ok(())
    }

    /// λ chosen on a task's samples; `None` if there are too few.
    fn chosen(&self, task: u32, samples: &Samples) -> Result<Option<f64>> {
        let mut generator = Generator::new(self.seed, "validation", task);
        let order = generator.permutation(samples.len() as usize);
        let shuffled = samples.rows(&order).during("shuffling a task's samples")?;
        let errors = validation_errors(
            &shuffled,
            self.projection()?,
            self.width(),
            self.source.classes,
            &self.host,
        )?;
        let chosen = errors.and_then(|errors| self.parameters.ridge_rule.choose(&errors));
        if chosen.is_none() {
            self.host.log(
                Level::Info,
                &format!("task {task} has too few samples to choose λ; the last one stays"),
            );
        }
        Ok(chosen)
    }
}

impl Fitted {
    /// Logits `[images, candidates]`; −∞ for classes without samples.
    fn logits(
        &self,
        projection: &Projection,
        features: &Tensor,
        ids: &Tensor,
    ) -> Result<Tensor, TchError> {
        let scores = self.scores.of(&projection.of(features)?, ids)?;
        let missing = self.sums.learned(ids)?.f_logical_not()?;
        scores.f_masked_fill(&missing, f64::NEG_INFINITY)
    }
}

#[cfg(test)]
mod tests;
