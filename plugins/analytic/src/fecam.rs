//! The strategy `fecam` (Goswami et al., *FeCAM: Exploiting the Heterogeneity of Class
//! Distributions in Exemplar-Free Continual Learning*, NeurIPS 2023, arXiv 2309.14062).
//!
//! Every class has a mean and a covariance of its own, of unit features. The covariance is shrunk
//! and scaled to correlations C, so that classes can be compared, and the score of x is
//! −(x − μ)ᵀC⁻¹(x − μ). This is the form of the authors' script for vision transformers.

pub mod classes;

use crate::features::{Source, for_the_host, ids};
use classes::Classes;
use clbench_torch::bridge::{device, threads};
use clbench_torch::features::Output;
use clbench_torch::tch::Device;
use clbench_torch::training::GradientMode;
use harness_abi::{
    Batch, Declaration, Host, Keeps, Learned, Outline, ParameterSet, Result, Setting, State,
    Strategy, Task,
};
use serde::Deserialize;

/// The parameters of `fecam`. The defaults are those of `FeCAM_vit_cifar100.py` of
/// dipamgoswami/FeCAM; its settings for ResNets (`exps/*.json`) have γ₂ = 1.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// γ₁: this times the mean variance of a class is added to its variances.
    #[parameter(default = 1.0, at_least = 0)]
    pub gamma_1: f64,
    /// γ₂: this times the mean covariance of a class is added to its covariances.
    #[parameter(default = 0.0, at_least = 0)]
    pub gamma_2: f64,
    /// The output of the backbone that is an image's feature; scaled to unit length.
    #[parameter(default = Output::Embedding)]
    pub output: Output,
}

/// FeCAM. Its state is the mean and the scatter of every class.
#[derive(Debug)]
pub struct FeCam {
    source: Source,
    host: Host,
    classes: Classes,
}

impl Strategy for FeCam {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        let device = device::named(&outline.device)?;
        let width = u64::from(parameters.output.width(outline.backbone()?)?);
        // A task's features as the host lends them and in libtorch; the scatter of every class with
        // its inverse, or with the state and its bytes.
        let bytes = 8
            * (outline.task_samples * width
                + 2 * u64::from(outline.classes) * width * (width + 2)
                + 4 * width * width);
        Ok(Declaration {
            keeps: vec![Keeps::Statistics],
            reads: parameters.output.reads(),
            memory_bytes: (device == Device::Cpu).then_some(bytes),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let info = setting.backbone()?.info();
        let source = Source::new(parameters.output, info, setting.classes, device)?;
        let gamma = [parameters.gamma_1, parameters.gamma_2];
        Ok(FeCam {
            classes: Classes::new(gamma, source.classes, source.width, device)?,
            source,
            host: setting.host,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        self.source
            .of_task(task)
            .and_then(|samples| self.classes.add(&samples, &self.host))
            .map_err(|error| error.context(format!("learning task {}", task.id())))?;
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = self.source.of_batch(batch)?;
        let ids = ids(batch.classes(), self.source.device)?;
        for_the_host(self.classes.logits(&features, &ids))
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        self.classes.put(&mut written)?;
        Ok(written)
    }

    fn restore(&mut self, mut state: State) -> Result<()> {
        self.classes.take(&mut state)
    }
}
