//! The testkit for backbones.

mod encoding;
mod errors;
mod gradients;
mod info;
mod pullbacks;
mod rows;
mod scene;
mod subject;
#[cfg(test)]
mod tests;

use super::backbone_setting;
use super::bad_parameters::{self, Bad};
use super::offered::Offered;
use super::report::{Begin, Check, Report};
use super::watch::Watch;
use crate::backbone::{Backbone, BackboneSetting};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::path::PathBuf;
use subject::Subject;

/// Starts the checks of a backbone.
pub fn backbone<B: Backbone>() -> BackboneKit<B> {
    BackboneKit::of(Offered::linked_backbone::<B>())
}

/// A caller's environment, such as a framework's `no_grad`.
type Caller = (String, Box<dyn Fn(&mut dyn FnMut())>);

/// The checks of a backbone: configure them, then call [`check`](Self::check).
///
/// Gradients are read on the CPU, in f32 or f64. Each prompt site takes about twenty calls of
/// `forward` with two or three rows, and a site of the text encoder three times as many, because a
/// context can be in three places.
///
/// `B` is the author's type, or [`ForeignPlugin`](crate::foreign::ForeignPlugin) for a backbone of
/// a [loaded](super::loaded) file.
#[must_use = "call `check` or `report` to run the checks"]
pub struct BackboneKit<B> {
    offered: Offered,
    parameters: Value,
    bad: Vec<Bad>,
    setting: BackboneSetting,
    seed: u64,
    probes: usize,
    step: f64,
    tolerance: f64,
    prompt_scale: f64,
    same: f64,
    callers: Vec<Caller>,
    watch: Watch,
    begin: Begin,
    backbone: PhantomData<B>,
}

impl<B> BackboneKit<B> {
    pub(super) fn of(offered: Offered) -> BackboneKit<B> {
        BackboneKit {
            offered,
            parameters: json!({}),
            bad: Vec::new(),
            setting: backbone_setting(),
            seed: 7,
            probes: 3,
            step: 1e-2,
            tolerance: 1e-2,
            prompt_scale: 0.1,
            same: 1e-5,
            callers: Vec::new(),
            watch: Watch::new(),
            begin: Begin::default(),
            backbone: PhantomData,
        }
    }

    /// Sets the parameters, as in a scenario; none by default.
    pub fn parameters(mut self, parameters: Value) -> Self {
        self.parameters = parameters;
        self
    }

    /// Adds parameters that `create` must reject with `path`, the dotted path of the wrong key.
    /// Call it once for each mistake that a user can make. Unknown keys are always checked.
    pub fn bad_parameters(mut self, parameters: Value, path: &str) -> Self {
        self.bad.push((parameters, path.into()));
        self
    }

    /// Sets the scenario's folder, where relative paths among the parameters start; the working
    /// directory by default.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.setting.folder = folder.into();
        self
    }

    /// Sets the number of threads; 1 by default.
    pub fn threads(mut self, threads: u32) -> Self {
        self.setting.threads = threads;
        self
    }

    /// Sets the seed of the images, prompts and directions; 7 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets along how many random directions each pullback is compared with finite differences; 3
    /// by default. The gradient's largest entry is always compared too.
    pub fn probes(mut self, probes: usize) -> Self {
        self.probes = probes;
        self
    }

    /// Sets the step of the finite differences, relative to the prompt's norm; 0.01 by default. The
    /// differences are of fourth order, so the step can be large enough for f32.
    pub fn step(mut self, step: f64) -> Self {
        self.step = step;
        self
    }

    /// Sets how much a pullback and a finite difference may differ, relative to the larger; 0.01 by
    /// default.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the standard deviation of a prompt's entries; 0.1 by default.
    pub fn prompt_scale(mut self, scale: f64) -> Self {
        self.prompt_scale = scale;
        self
    }

    /// Sets how much an input's outputs may differ between two batches, relative to the largest
    /// entry; 1e-5 by default. They may differ because a matrix product can sum in another order if
    /// it has more rows.
    pub fn batch_tolerance(mut self, tolerance: f64) -> Self {
        self.same = tolerance;
        self
    }

    /// Adds an environment in which the pullback must give the same gradient: `caller` calls its
    /// argument, for example inside a framework's `no_grad`.
    pub fn caller(mut self, name: &str, caller: impl Fn(&mut dyn FnMut()) + 'static) -> Self {
        self.callers.push((name.into(), Box::new(caller)));
        self
    }

    /// Watches global state of the process, such as a framework's gradient mode. It is read before
    /// and after every call and must not change. The working directory and the environment are
    /// always watched.
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

    /// Creates the backbone once, before any check.
    ///
    /// # Errors
    ///
    /// What the backbone reports.
    pub fn accepts(&self) -> crate::Result<()> {
        let created = self.offered.backbone(&self.parameters, &self.setting);
        created.map(drop)
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
        let begin = &self.begin;
        let mut report = Report::new(&self.offered.shown);
        let create = |parameters: &Value| {
            self.watch.during("create", || {
                self.offered.backbone(parameters, &self.setting)
            })
        };
        begin.check(Check::Parameters, &mut report);
        bad_parameters::check(
            &self.parameters,
            &self.bad,
            |parameters| create(parameters).map(drop),
            &mut report,
        );
        begin.check(Check::Info, &mut report);
        let (handle, twin) = match (create(&self.parameters), create(&self.parameters)) {
            (Ok(handle), Ok(twin)) => (handle, twin),
            (Err(error), _) | (_, Err(error)) => {
                report.fail(Check::Info, format!("it cannot be created: {error}"));
                return report;
            }
        };
        let subject = Subject {
            handle,
            seed: self.seed,
            probes: self.probes,
            step: self.step,
            tolerance: self.tolerance,
            prompt_scale: self.prompt_scale,
            same: self.same,
            watch: &self.watch,
        };
        if info::check(&subject, twin, &mut report) {
            type Perform<'c> = &'c dyn Fn(&mut Report) -> crate::Result<()>;
            let checks: [(Check, Perform<'_>); 5] = [
                (Check::Encoding, &|report| encoding::check(&subject, report)),
                (Check::Gradients, &|report| {
                    gradients::check(&subject, report)
                }),
                (Check::Pullbacks, &|report| {
                    pullbacks::check(&subject, &self.callers, report)
                }),
                (Check::Rows, &|report| rows::check(&subject, report)),
                (Check::Errors, &|report| errors::check(&subject, report)),
            ];
            for (check, perform) in checks {
                begin.check(check, &mut report);
                if let Err(error) = perform(&mut report) {
                    report.fail(check, error.to_string());
                }
            }
        }
        begin.check(Check::GlobalState, &mut report);
        subject.drop_watched(&mut report);
        for change in self.watch.take() {
            report.fail(Check::GlobalState, change);
        }
        report
    }
}
