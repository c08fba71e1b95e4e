//! The strategy `klda` (Momeni, Mazumder and Liu, *Continual Learning Using a Kernel-Based Method
//! Over Foundation Models*, AAAI 2025, arXiv 2412.15571).
//!
//! Linear discriminant analysis on random Fourier features φ, which approximate a Gaussian kernel.
//! All classes share one scatter S of φ, and the score is −(φ − μ)ᵀS⁻¹(φ − μ). An ensemble averages
//! the softmax of several draws of φ.

pub mod member;

use crate::features::{Source, for_the_host, ids};
use clbench_torch::bridge::{device, threads};
use clbench_torch::features::Output;
use clbench_torch::tch::Device;
use clbench_torch::training::GradientMode;
use harness_abi::{
    Batch, Declaration, Error, Host, Keeps, Learned, Outline, ParameterSet, Result, Setting, State,
    Strategy, Task,
};
use member::{Fourier, Member, ensemble};
use serde::Deserialize;

/// The parameters of `klda`.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// D, the number of random Fourier features. The scatter takes 8 D² bytes of memory per member
    /// and 4 D² of a state, and inverting it D³ time.
    #[parameter(default = 2000, at_least = 1)]
    pub fourier_features: u32,
    /// σ of the kernel exp(−σ‖x − z‖²): the inverse of a squared width, so it depends on the size
    /// of the features, which are not normalised.
    #[parameter(default = 1e-4, above = 0)]
    pub sigma: f64,
    /// The number of draws to average over.
    #[parameter(default = 1, at_least = 1)]
    pub members: u32,
    /// The output of the backbone that is an image's feature, not normalised.
    #[parameter(default = Output::Embedding)]
    pub output: Output,
}

/// KLDA. Its state is the class means, the scatter and the classifier of every member.
#[derive(Debug)]
pub struct Klda {
    parameters: Parameters,
    seed: u64,
    source: Source,
    host: Host,
    /// Empty before the first task.
    members: Vec<Member>,
}

impl Strategy for Klda {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        let device = device::named(&outline.device)?;
        let width = u64::from(parameters.output.width(outline.backbone()?)?);
        let expanded = u64::from(parameters.fourier_features);
        let members = u64::from(parameters.members);
        let classes = u64::from(outline.classes);
        // A task's features as the host lends them and in libtorch; Ω, the scatter with its state
        // and bytes, the means and the classifier with theirs, per member; and one
        // eigendecomposition.
        let each = width * expanded + 2 * expanded * expanded + 6 * classes * expanded;
        let bytes = 8
            * (outline.task_samples * width
                + members * each
                + 5 * expanded * expanded
                + 3 * 1024 * expanded);
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
        Ok(Klda {
            source: Source::new(parameters.output, info, setting.classes, device)?,
            parameters,
            seed: setting.seed,
            host: setting.host,
            members: Vec::new(),
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        self.add(task)
            .map_err(|error| error.context(format!("learning task {}", task.id())))?;
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        if self.members.is_empty() {
            return Err(Error::failed("cannot score a batch before the first task"));
        }
        let features = self.source.of_batch(batch)?;
        let ids = ids(batch.classes(), self.source.device)?;
        let scores = self
            .members
            .iter()
            .map(|member| member.logits(&features, &ids))
            .collect::<Result<Vec<_>, _>>();
        for_the_host(scores.and_then(|scores| ensemble(&scores)))
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        for (number, member) in self.members.iter().enumerate() {
            let tensors = member.state()?.tensors.into_iter();
            let named = tensors.map(|(name, tensor)| (format!("{number}.{name}"), tensor));
            written.tensors.extend(named);
        }
        Ok(written)
    }

    fn restore(&mut self, state: State) -> Result<()> {
        self.members.clear();
        if state.tensors.is_empty() {
            return Ok(());
        }
        let mut members = self.untrained()?;
        let mut states: Vec<State> = members.iter().map(|_| State::default()).collect();
        for (name, tensor) in state.tensors {
            let its = name.split_once('.').and_then(|(number, name)| {
                let state = states.get_mut(number.parse::<usize>().ok()?)?;
                Some((state, name.to_owned()))
            });
            if let Some((state, name)) = its {
                state.tensors.push((name, tensor));
            }
        }
        for (member, state) in members.iter_mut().zip(states) {
            member.restore(state)?;
        }
        self.members = members;
        Ok(())
    }
}

impl Klda {
    fn untrained(&self) -> Result<Vec<Member>> {
        let Source {
            width,
            classes,
            device,
            ..
        } = self.source;
        let (sigma, expanded) = (self.parameters.sigma, self.parameters.fourier_features);
        (0..self.parameters.members)
            .map(|member| {
                let map = Fourier::drawn(self.seed, member, sigma, width, expanded.into(), device)?;
                Member::new(map, classes, device)
            })
            .collect()
    }

    fn add(&mut self, task: &Task<'_>) -> Result<()> {
        let samples = self.source.of_task(task)?;
        if samples.is_empty() {
            return Ok(());
        }
        if self.members.is_empty() {
            self.members = self.untrained()?;
        }
        let total = self.members.len() as u64;
        for (number, member) in self.members.iter_mut().enumerate() {
            member.add(&samples, &self.host)?;
            self.host.progress("member", number as u64 + 1, total);
        }
        Ok(())
    }
}
