//! The strategy `slda`: streaming linear discriminant analysis (Hayes and Kanan, *Lifelong Machine
//! Learning with Deep Streaming Linear Discriminant Analysis*, CVPR Workshops 2020, arXiv
//! 1909.01520).
//!
//! Every class is a normal distribution with its own mean μ and a covariance Σ that all share. With
//! Λ = ((1 − ε)Σ + εI)⁻¹ the score of x is xᵀΛμ − ½ μᵀΛμ. All classes are equally likely.

mod covariance;

pub use covariance::{Covariance, Discriminant};

use crate::features::{Source, for_the_host, ids};
use clbench_torch::bridge::{device, threads};
use clbench_torch::features::Output;
use clbench_torch::tch::Device;
use clbench_torch::training::GradientMode;
use harness_abi::{
    Batch, Declaration, Host, Keeps, Learned, Outline, ParameterSet, Result, Setting, State,
    Strategy, Task,
};
use serde::Deserialize;

/// The parameters of `slda`.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How the shared covariance Σ is estimated.
    #[parameter(default = Covariance::Pooled)]
    pub covariance: Covariance,
    /// ε, the share of the identity in (1 − ε)Σ + εI.
    #[parameter(default = 1e-4, at_least = 0, at_most = 1)]
    pub shrinkage: f64,
    /// The output of the backbone that is an image's feature, not normalised.
    #[parameter(default = Output::Embedding)]
    pub output: Output,
}

/// Streaming linear discriminant analysis. Its state is the class means, the covariance, and the
/// classifier that follows from them.
#[derive(Debug)]
pub struct Slda {
    source: Source,
    host: Host,
    discriminant: Discriminant,
}

impl Strategy for Slda {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        let device = device::named(&outline.device)?;
        let width = u64::from(parameters.output.width(outline.backbone()?)?);
        // A task's features as the host lends them, in libtorch and as deviations in f64; the
        // covariance with its eigenvectors and what computing them takes; the means and the
        // classifier with their copies.
        let bytes = 8
            * (2 * outline.task_samples * width
                + 6 * width * width
                + 8 * u64::from(outline.classes) * width);
        Ok(Declaration {
            keeps: vec![Keeps::Statistics],
            reads: parameters.output.reads(),
            adaptation: (parameters.covariance == Covariance::Pooled)
                .then(|| "a covariance that does not depend on the order of the samples".into()),
            memory_bytes: (device == Device::Cpu).then_some(bytes),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let info = setting.backbone()?.info();
        let source = Source::new(parameters.output, info, setting.classes, device)?;
        Ok(Slda {
            discriminant: Discriminant::new(
                parameters.covariance,
                parameters.shrinkage,
                source.classes,
                source.width,
                device,
            )?,
            source,
            host: setting.host,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        self.source
            .of_task(task)
            .and_then(|samples| self.discriminant.add(&samples, &self.host))
            .map_err(|error| error.context(format!("learning task {}", task.id())))?;
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = self.source.of_batch(batch)?;
        let ids = ids(batch.classes(), self.source.device)?;
        for_the_host(self.discriminant.logits(&features, &ids))
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        self.discriminant.put(&mut written)?;
        Ok(written)
    }

    fn restore(&mut self, mut state: State) -> Result<()> {
        self.discriminant.take(&mut state)
    }
}
