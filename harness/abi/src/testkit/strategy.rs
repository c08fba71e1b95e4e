//! The testkit for strategies.

mod batches;
mod errors;
mod learns;
mod prediction;
mod returns;
mod round_trip;
mod same_bits;
mod snapshot;
mod subject;
#[cfg(test)]
mod tests;

use super::bad_parameters::{self, Bad};
use super::offered::Offered;
use super::report::{Begin, Check, Report};
use super::stream::{Stream, SyntheticStream};
use super::toy::ToyBackbone;
use super::watch::Watch;
use crate::foreign::BackboneHandle;
use crate::strategy::Strategy;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::path::PathBuf;
use subject::Subject;

/// Starts the checks of a strategy.
pub fn strategy<S: Strategy>() -> StrategyKit<S> {
    StrategyKit::of(Offered::linked_strategy::<S>())
}

/// The checks of a strategy: configure them, then call [`check`](Self::check).
///
/// The strategy learns the stream five times. Choose parameters that make this quick, such as few
/// epochs.
///
/// `S` is the author's type, or [`ForeignPlugin`](crate::foreign::ForeignPlugin) for a strategy of
/// a [loaded](super::loaded) file.
#[must_use = "call `check` or `report` to run the checks"]
pub struct StrategyKit<S> {
    offered: Offered,
    parameters: Value,
    bad: Vec<Bad>,
    backbones: Vec<BackboneHandle>,
    stream: SyntheticStream,
    seed: u64,
    device: String,
    threads: u32,
    folder: PathBuf,
    accuracy: Option<f64>,
    tolerance: f64,
    order_free: Option<f64>,
    watch: Watch,
    begin: Begin,
    strategy: PhantomData<S>,
}

impl<S> StrategyKit<S> {
    pub(super) fn of(offered: Offered) -> StrategyKit<S> {
        StrategyKit {
            offered,
            parameters: json!({}),
            bad: Vec::new(),
            backbones: Vec::new(),
            stream: SyntheticStream::default(),
            seed: 7,
            device: "cpu".into(),
            threads: 1,
            folder: PathBuf::from("."),
            accuracy: None,
            tolerance: 1e-5,
            order_free: None,
            watch: Watch::new(),
            begin: Begin::default(),
            strategy: PhantomData,
        }
    }

    /// Sets the parameters, as in a scenario; none by default.
    pub fn parameters(mut self, parameters: Value) -> Self {
        self.parameters = parameters;
        self
    }

    /// Adds parameters that the strategy's `check` must reject with `path`, the dotted path of the
    /// wrong key. Call it once for each mistake that a user can make. Unknown keys are always
    /// checked.
    ///
    /// `path` may also be the key of a file that is missing from [`folder`](Self::folder).
    pub fn bad_parameters(mut self, parameters: Value, path: &str) -> Self {
        self.bad.push((parameters, path.into()));
        self
    }

    /// Adds a backbone. Without this call, the strategy gets one [`ToyBackbone`].
    pub fn backbone(mut self, backbone: BackboneHandle) -> Self {
        self.backbones.push(backbone);
        self
    }

    /// Sets the stream.
    pub fn stream(mut self, stream: SyntheticStream) -> Self {
        self.stream = stream;
        self
    }

    /// Sets the seed; 7 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the device; `cpu` by default.
    pub fn device(mut self, device: &str) -> Self {
        self.device = device.into();
        self
    }

    /// Sets the number of threads; 1 by default.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the scenario's folder, where relative paths among the parameters start; the working
    /// directory by default.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Requires an accuracy above `share` (0 to 1) on all test samples after the last task.
    /// Guessing reaches one in seven on the default stream.
    pub fn expect_accuracy_above(mut self, share: f64) -> Self {
        self.accuracy = Some(share);
        self
    }

    /// Sets how much a sample's logits may differ between two batches, relative to the sample's
    /// largest logit; 1e-5 by default. They may differ because a matrix product can sum in another
    /// order if it has more rows.
    pub fn batch_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Requires that the strategy does not depend on the task in which a sample arrives: if half of
    /// a class arrives with a later task, the logits after the last task are the same up to this
    /// tolerance, relative to the sample's largest logit. Strategies that keep sums, such as class
    /// means and ridge regression, have this property; those that train do not.
    pub fn order_free(mut self, tolerance: f64) -> Self {
        self.order_free = Some(tolerance);
        self
    }

    /// Watches global state of the process, such as a framework's gradient mode or the next number
    /// of its global generator. It is read before and after every call and must not change. The
    /// working directory and the environment are always watched.
    pub fn global_state<T: PartialEq + Debug + 'static>(
        mut self,
        name: &str,
        probe: impl Fn() -> T + 'static,
    ) -> Self {
        self.watch.add(name, probe);
        self
    }

    /// Calls `begin` before each check, which shows how far they are.
    pub fn before_each(mut self, begin: impl Fn(Check) + 'static) -> Self {
        self.begin = Begin::calling(begin);
        self
    }

    /// Asks the strategy whether it accepts its parameters, the stream and the backbones, before
    /// any check.
    ///
    /// # Errors
    ///
    /// What the strategy's own check reports.
    pub fn accepts(&self) -> crate::Result<()> {
        let backbones = backbones(&self.backbones);
        let stream = Stream::new(self.stream.clone(), backbones.clone());
        let outline = stream.outline(&self.device, &self.folder, &backbones);
        self.offered.check(&self.parameters, &outline).map(drop)
    }

    /// Runs the checks.
    ///
    /// # Panics
    ///
    /// If a check fails. The message lists all failures.
    #[track_caller]
    pub fn check(self) {
        self.report().enforce();
    }

    /// Runs the checks and returns what they found.
    pub fn report(self) -> Report {
        let begin = self.begin;
        let mut report = Report::new(&self.offered.shown);
        let backbones = backbones(&self.backbones);
        let subject = Subject {
            offered: self.offered,
            parameters: self.parameters,
            seed: self.seed,
            device: self.device,
            threads: self.threads,
            folder: self.folder,
            stream: Stream::new(self.stream, backbones),
            watch: self.watch,
            drops: RefCell::default(),
        };
        begin.check(Check::Parameters, &mut report);
        bad_parameters::check(
            &subject.parameters,
            &self.bad,
            |parameters| subject.check(parameters).map(drop),
            &mut report,
        );
        let limits = Limits {
            accuracy: self.accuracy,
            tolerance: self.tolerance,
            order_free: self.order_free,
        };
        learns_and_after(&subject, &limits, &begin, &mut report);
        begin.check(Check::GlobalState, &mut report);
        subject.finish(&mut report);
        report
    }
}

/// Those that were added, or the toy.
fn backbones(added: &[BackboneHandle]) -> Vec<BackboneHandle> {
    match added {
        [] => vec![ToyBackbone::handle()],
        added => added.to_vec(),
    }
}

/// What the author of a strategy expects of it.
struct Limits {
    accuracy: Option<f64>,
    tolerance: f64,
    order_free: Option<f64>,
}

/// The checks that need a strategy that learns. If it does not, a single finding says why.
fn learns_and_after(subject: &Subject, limits: &Limits, begin: &Begin, report: &mut Report) {
    begin.check(Check::Learns, report);
    let mut reference = match learns::check(subject, limits.accuracy, report) {
        Ok(reference) => reference,
        Err(error) => return report.fail(Check::Learns, error.to_string()),
    };
    let run =
        |check, report: &mut Report, perform: &mut dyn FnMut(&mut Report) -> crate::Result<()>| {
            begin.check(check, report);
            if let Err(error) = perform(report) {
                report.fail(check, error.to_string());
            }
        };
    run(Check::Prediction, report, &mut |report| {
        prediction::check(subject, &mut reference, report)
    });
    run(Check::Batches, report, &mut |report| {
        batches::check(subject, &mut reference, limits.tolerance, report)
    });
    run(Check::SameBits, report, &mut |report| {
        same_bits::check(subject, &mut reference, report)
    });
    run(Check::RoundTrip, report, &mut |report| {
        round_trip::check(subject, &reference, report)
    });
    // Other faults would show here again.
    if report.failures.is_empty() {
        run(Check::Returns, report, &mut |report| {
            returns::check(subject, &reference, limits.order_free, report)
        });
    }
    run(Check::Errors, report, &mut |report| {
        errors::check(subject, &reference, report)
    });
}
