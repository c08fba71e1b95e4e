//! The kit for strategies.

mod batches;
mod errors;
mod learns;
mod prediction;
mod round_trip;
mod same_bits;
mod snapshot;
mod subject;
#[cfg(test)]
mod tests;

use super::bad_parameters::{self, Bad};
use super::report::{Check, Report};
use super::stream::{Stream, SyntheticStream};
use super::toy::ToyBackbone;
use super::watch::Watch;
use crate::foreign::BackboneHandle;
use crate::strategy::Strategy;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::marker::PhantomData;
use subject::Subject;

/// Starts the checks of a strategy.
pub fn strategy<S: Strategy>() -> StrategyKit<S> {
    StrategyKit {
        parameters: json!({}),
        bad: Vec::new(),
        backbones: Vec::new(),
        stream: SyntheticStream::default(),
        seed: 7,
        device: "cpu".into(),
        threads: 1,
        accuracy: None,
        tolerance: 1e-5,
        watch: Watch::new(),
        strategy: PhantomData,
    }
}

/// The checks of a strategy: set what they need, then [`check`](Self::check).
///
/// The strategy learns the stream four times. Give it parameters that make that quick, such as few epochs.
#[must_use = "nothing is checked before `check` or `report`"]
pub struct StrategyKit<S> {
    parameters: Value,
    bad: Vec<Bad>,
    backbones: Vec<BackboneHandle>,
    stream: SyntheticStream,
    seed: u64,
    device: String,
    threads: u32,
    accuracy: Option<f64>,
    tolerance: f64,
    watch: Watch,
    strategy: PhantomData<S>,
}

impl<S: Strategy> StrategyKit<S> {
    /// The parameters, as a scenario gives them; none by default.
    pub fn parameters(mut self, parameters: Value) -> Self {
        self.parameters = parameters;
        self
    }

    /// Parameters that the strategy's `check` must refuse with the dotted path of the key that is at fault. Call it as
    /// often as there are ways to go wrong; that an unknown key is refused is checked in any case.
    pub fn bad_parameters(mut self, parameters: Value, path: &str) -> Self {
        self.bad.push((parameters, path.into()));
        self
    }

    /// A backbone for the strategy; call it once for each. Without it, the strategy gets one [`ToyBackbone`].
    pub fn backbone(mut self, backbone: BackboneHandle) -> Self {
        self.backbones.push(backbone);
        self
    }

    /// Another stream than the default.
    pub fn stream(mut self, stream: SyntheticStream) -> Self {
        self.stream = stream;
        self
    }

    /// Another seed than 7.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Another device than `cpu`.
    pub fn device(mut self, device: &str) -> Self {
        self.device = device.into();
        self
    }

    /// More threads than one.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = threads;
        self
    }

    /// Expects more than this share (0 to 1) of all test samples to be right after the last task. Guessing gets one in
    /// seven on the default stream.
    pub fn expect_accuracy_above(mut self, share: f64) -> Self {
        self.accuracy = Some(share);
        self
    }

    /// How far the logits of one sample in two batches may lie apart, as a share of the sample's largest logit: 1e-5
    /// by default, since a matrix product may add in another order when it has more rows.
    pub fn batch_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Something that belongs to the whole process, such as a framework's gradient mode or the next number of its
    /// global generator. It is read before and after every call, and must not have changed. The working directory and
    /// the environment are watched in any case.
    pub fn global_state<T: PartialEq + Debug + 'static>(
        mut self,
        name: &str,
        probe: impl Fn() -> T + 'static,
    ) -> Self {
        self.watch.add(name, probe);
        self
    }

    /// Runs the checks.
    ///
    /// # Panics
    ///
    /// With everything that was found, if anything was.
    #[track_caller]
    pub fn check(self) {
        self.report().enforce();
    }

    /// Runs the checks, and gives what they found.
    pub fn report(self) -> Report {
        let mut report = Report::new(std::any::type_name::<S>());
        let backbones = match self.backbones.is_empty() {
            true => vec![ToyBackbone::handle()],
            false => self.backbones,
        };
        let subject = Subject::new::<S>(
            self.parameters,
            self.seed,
            self.device,
            self.threads,
            Stream::new(self.stream, backbones),
            self.watch,
        );
        bad_parameters::check(
            &subject.parameters,
            &self.bad,
            |parameters| subject.check(parameters).map(drop),
            &mut report,
        );
        learns_and_after(&subject, self.accuracy, self.tolerance, &mut report);
        subject.finish(&mut report);
        report
    }
}

/// All that needs a strategy that learns; where it does not, one finding says why.
fn learns_and_after(subject: &Subject, accuracy: Option<f64>, tolerance: f64, report: &mut Report) {
    let mut reference = match learns::check(subject, accuracy, report) {
        Ok(reference) => reference,
        Err(error) => return report.fail(Check::Learns, error.to_string()),
    };
    let run = |check, outcome: crate::Result<()>, report: &mut Report| {
        if let Err(error) = outcome {
            report.fail(check, error.to_string());
        }
    };
    let outcome = prediction::check(subject, &mut reference, report);
    run(Check::Prediction, outcome, report);
    let outcome = batches::check(subject, &mut reference, tolerance, report);
    run(Check::Batches, outcome, report);
    let outcome = same_bits::check(subject, &mut reference, report);
    run(Check::SameBits, outcome, report);
    let outcome = round_trip::check(subject, &reference, report);
    run(Check::RoundTrip, outcome, report);
    let outcome = errors::check(subject, &reference, report);
    run(Check::Errors, outcome, report);
}
