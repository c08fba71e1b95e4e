//! The strategy under test. Like a host, it is called through the boundary; every call is watched.

use super::snapshot::Snapshot;
use crate::error::Result;
use crate::foreign::{BackboneHandle, ForeignStrategy, SampleSource};
use crate::guard;
use crate::host::Host;
use crate::state::State;
use crate::strategy::{Class, Declaration, Learned, Setting};
use crate::testkit::offered::Offered;
use crate::testkit::report::{Check, Report};
use crate::testkit::stream::{Samples, Stream};
use crate::testkit::watch::Watch;
use serde_json::Value;
use std::cell::RefCell;
use std::path::PathBuf;

/// What all checks share.
pub(super) struct Subject {
    pub(super) offered: Offered,
    pub(super) parameters: Value,
    pub(super) seed: u64,
    pub(super) device: String,
    pub(super) threads: u32,
    pub(super) folder: PathBuf,
    pub(super) stream: Stream,
    pub(super) watch: Watch,
    /// Panics in the author's `Drop`, which the guard swallows.
    pub(super) drops: RefCell<Vec<String>>,
}

impl Subject {
    pub(super) fn check(&self, parameters: &Value) -> Result<Declaration> {
        let declaration = self.check_with(parameters, self.stream.backbones())?;
        self.stream.declare(&declaration.reads);
        Ok(declaration)
    }

    pub(super) fn check_with(
        &self,
        parameters: &Value,
        backbones: &[BackboneHandle],
    ) -> Result<Declaration> {
        let outline = self.stream.outline(&self.device, &self.folder, backbones);
        self.watch
            .during("check", || self.offered.check(parameters, &outline))
    }

    pub(super) fn create(&self) -> Result<Live<'_>> {
        self.create_with(self.seed, self.stream.backbones())
    }

    pub(super) fn create_with(&self, seed: u64, backbones: &[BackboneHandle]) -> Result<Live<'_>> {
        let setting = Setting {
            seed,
            tasks: self.stream.tasks() as u32,
            classes: self.stream.classes.len() as u32,
            device: self.device.clone(),
            threads: self.threads,
            folder: self.folder.clone(),
            backbones: backbones.to_vec(),
            host: Host::silent(),
        };
        let strategy = self.watch.during("create", || {
            self.offered.strategy(&self.parameters, &setting)
        })?;
        Ok(Live {
            subject: self,
            strategy: Some(strategy),
        })
    }

    /// Reports what was collected during the checks.
    pub(super) fn finish(&self, report: &mut Report) {
        for change in self.watch.take() {
            report.fail(Check::GlobalState, change);
        }
        for message in self.drops.take() {
            report.fail(
                Check::Errors,
                format!("the strategy panicked when it was dropped: {message}"),
            );
        }
    }
}

/// A strategy that has been created.
pub(super) struct Live<'s> {
    subject: &'s Subject,
    strategy: Option<ForeignStrategy>,
}

impl Live<'_> {
    /// Learns a task, from 0.
    pub(super) fn learn(&mut self, task: usize) -> Result<Learned> {
        let samples = self.subject.stream.train(task);
        self.learn_from(task, &samples, &samples)
    }

    /// Learns a task, from 0, whose samples come from another source.
    pub(super) fn learn_from(
        &mut self,
        task: usize,
        of: &Samples<'_>,
        source: &dyn SampleSource,
    ) -> Result<Learned> {
        let stream = &self.subject.stream;
        let classes = &stream.seen(task + 1)[stream.seen(task).len()..];
        self.learn_classes(task, classes, of, source)
    }

    /// Learns a task, from 0, with classes and samples that are not those of the stream.
    pub(super) fn learn_samples(
        &mut self,
        task: usize,
        classes: &[Class],
        samples: &Samples<'_>,
    ) -> Result<Learned> {
        self.learn_classes(task, classes, samples, samples)
    }

    fn learn_classes(
        &mut self,
        task: usize,
        classes: &[Class],
        of: &Samples<'_>,
        source: &dyn SampleSource,
    ) -> Result<Learned> {
        self.called("learn", |strategy| {
            strategy.learn(task as u32 + 1, classes, &of.labels(), &of.index(), source)
        })
        .map_err(|error| error.context(format!("learning task {}", task + 1)))
    }

    /// Logits, row by row.
    pub(super) fn predict(&mut self, samples: &Samples<'_>, classes: &[Class]) -> Result<Vec<f32>> {
        self.predict_from(samples.len(), samples, classes)
    }

    pub(super) fn predict_from(
        &mut self,
        rows: usize,
        source: &dyn SampleSource,
        classes: &[Class],
    ) -> Result<Vec<f32>> {
        let logits = self.called("predict", |strategy| {
            strategy.predict(rows as u32, classes, source)
        })?;
        logits.view().to_vec()
    }

    pub(super) fn state(&mut self) -> Result<State> {
        self.called("state", |strategy| strategy.state())
    }

    pub(super) fn snapshot(&mut self) -> Result<Snapshot> {
        Snapshot::of(&self.state()?)
    }

    pub(super) fn restore(&mut self, state: State) -> Result<()> {
        self.called("restore", |strategy| strategy.restore(state))
    }

    fn called<T>(
        &mut self,
        call: &str,
        f: impl FnOnce(&mut ForeignStrategy) -> Result<T>,
    ) -> Result<T> {
        let strategy = self.strategy.as_mut().expect("emptied only by drop");
        self.subject
            .watch
            .during(call, || f(strategy))
            .map_err(|error| error.context(format!("`{call}`")))
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        let strategy = self.strategy.take();
        let swallowed = self
            .subject
            .watch
            .during("drop", || guard::swallowed(|| drop(strategy)));
        if let Some(message) = swallowed {
            let mut drops = self.subject.drops.borrow_mut();
            if !drops.contains(&message) {
                drops.push(message);
            }
        }
    }
}
