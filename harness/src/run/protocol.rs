//! The protocol of a cell, for every task: learn, save the state, drop everything else, restore,
//! predict. A cell can be resumed between saving and dropping.

use super::checkpoints::Checkpoints;
use super::evaluate::Evaluation;
use super::opened::Opened;
use super::pool::{Pool, PooledSample};
use super::samples::LentSamples;
use super::scalars::Scalars;
use super::score::Scorer;
use super::{Embedded, Event, Events, Interrupt};
use crate::domain::Split;
use crate::error::Error;
use crate::id::TaskId;
use crate::plugin::{Kind, Loaded};
use crate::results::{AfterTask, Cell, CellRecord, Predictions};
use crate::scenario::Regime;
use crate::stream::Stream;
use crate::stream::open::{largest_task, train_of_class};
use harness_abi::foreign::ForeignStrategy;
use harness_abi::tensor::AlignedBytes;
use harness_abi::{Class, Declaration, Host, Outline, Setting, State};
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

/// A cell's protocol, ready to run.
pub(super) struct Protocol<'a> {
    cell: &'a Cell,
    pool: &'a Pool,
    stream: &'a Stream,
    embedded: &'a [Embedded],
    plugin: &'a Loaded,
    folder: &'a Path,
    parameters: &'a Value,
    host: Host,
    scalars: &'a Scalars,
    interrupt: &'a Interrupt,
    /// What the strategy declares about itself.
    pub declaration: Declaration,
    /// The classes, in the order in which they first arrive.
    pub classes: Vec<Class>,
}

/// What a cell has achieved so far.
pub(super) struct Progress<'a> {
    pub record: CellRecord,
    pub predictions: Option<Predictions>,
    pub checkpoints: Checkpoints<'a>,
    /// Whether the record is to have a confusion matrix.
    pub confusion: bool,
}

impl<'a> Protocol<'a> {
    /// The protocol of a cell whose strategy has been [checked](declared).
    pub(super) fn new(
        cell: &'a Cell,
        opened: &'a Opened,
        embedded: &'a [Embedded],
        stream: &'a Stream,
        plugin: &'a Loaded,
        declaration: Declaration,
        interrupt: &'a Interrupt,
    ) -> Protocol<'a> {
        let classes = (0..).zip(stream.classes());
        let classes = classes.map(|(id, class)| Class {
            id,
            name: class.name.clone(),
            templates: cell.stream.domains[class.domain].templates.clone(),
        });
        Protocol {
            cell,
            pool: &opened.pool,
            stream,
            embedded,
            plugin,
            folder: &opened.strategy_folder,
            parameters: &opened.strategy_parameters,
            host: opened.host.clone(),
            scalars: &opened.scalars,
            interrupt,
            declaration,
            classes: classes.collect(),
        }
    }

    /// Runs it, from a checkpoint if there is one. The record is then complete but for the costs
    /// that the checkpoints settle. The strategy is returned so that it can be dropped when the
    /// record has been written.
    pub(super) fn run(
        &self,
        events: &Events,
        progress: &mut Progress<'_>,
    ) -> Result<ForeignStrategy, Error> {
        let scorer = Scorer::new(self.stream, self.declaration.scores_unseen);
        let evaluation = Evaluation {
            pool: self.pool,
            stream: self.stream,
            classes: &self.classes,
            embedded: self.embedded,
            plugin: self.plugin,
            strategy_name: &self.cell.strategy.use_,
            scorer: &scorer,
            interrupt: self.interrupt,
            confusion: progress.confusion,
        };
        let Progress {
            record,
            predictions,
            checkpoints,
            ..
        } = progress;
        let resumed = checkpoints.resume(record, predictions.as_mut());
        let evaluate = |strategy: &mut ForeignStrategy,
                        before: blake3::Hash,
                        after: AfterTask,
                        record: &mut CellRecord,
                        predictions: Option<&mut Predictions>|
         -> Result<(), Error> {
            let clock = Instant::now();
            evaluation.row(strategy, after, record, predictions)?;
            if self.state_of(strategy)?.hash != before {
                return Err(self.breach(format!(
                    "prediction after task {after} changed its state; `predict` must not change the state"
                )));
            }
            record.costs.wall_seconds.evaluate += clock.elapsed().as_secs_f64();
            Ok(())
        };
        let steps = self.steps();
        let mut strategy = self.created()?;
        let learned = match resumed {
            Some((learned, state)) => {
                let after = steps[learned as usize - 1].1;
                events.stage(format!("evaluation after task {after}"));
                let hash = blake3::hash(&state);
                strategy = self.restored(state, hash, learned)?;
                evaluate(&mut strategy, hash, after, record, predictions.as_mut())?;
                learned
            }
            None => {
                if self.declaration.scores_unseen && self.cell.strategy.regime == Regime::Sequential
                {
                    events.stage("before task 1");
                    let hash = self.state_of(&strategy)?.hash;
                    let after = AfterTask::START;
                    evaluate(&mut strategy, hash, after, record, predictions.as_mut())?;
                }
                0
            }
        };
        for (id, (lesson, after)) in (1..).zip(&steps).skip(learned as usize) {
            self.interrupt.check()?;
            events.send(&Event::Task {
                task: id,
                of: steps.len() as u32,
            });
            let clock = Instant::now();
            self.scalars.begin(TaskId(id), steps.len());
            record.costs.optimiser_steps += self.learn(&mut strategy, id, *lesson)?;
            record.scalars.extend(self.scalars.end());
            let Taken { size, bytes, hash } = self.state_of(&strategy)?;
            record.costs.state_bytes = size;
            record.costs.wall_seconds.learn += clock.elapsed().as_secs_f64();
            checkpoints.learned(id, &bytes, record, predictions.as_ref());
            // Whatever is not in the state is forgotten.
            let clock = Instant::now();
            drop(strategy);
            strategy = self.restored(bytes, hash, id)?;
            record.costs.wall_seconds.learn += clock.elapsed().as_secs_f64();
            evaluate(&mut strategy, hash, *after, record, predictions.as_mut())?;
        }
        Ok(strategy)
    }

    /// A new strategy with a state that was taken after a task. It is always restored from bytes,
    /// so that a cell that is resumed computes like one that is not.
    fn restored(
        &self,
        state: AlignedBytes,
        hash: blake3::Hash,
        task: u32,
    ) -> Result<ForeignStrategy, Error> {
        let mut strategy = self.created()?;
        let state = State::from_bytes(state).map_err(self.failed())?;
        strategy.restore(state).map_err(self.failed())?;
        if self.state_of(&strategy)?.hash != hash {
            return Err(self.breach(format!(
                "its state after task {task} changed when it was restored; `restore` must reproduce all of `state`"
            )));
        }
        Ok(strategy)
    }

    /// What every `learn` is about, and the row that is evaluated after it. A joint run has one
    /// `learn` on everything, evaluated like the last task of the stream.
    fn steps(&self) -> Vec<(Lesson, AfterTask)> {
        match self.cell.strategy.regime {
            Regime::Sequential => self
                .stream
                .tasks()
                .map(|task| (Lesson::Task(task), task.into()))
                .collect(),
            Regime::Joint => vec![(Lesson::Everything, AfterTask(self.stream.n_tasks() as u32))],
        }
    }

    fn learn(&self, strategy: &mut ForeignStrategy, id: u32, lesson: Lesson) -> Result<u64, Error> {
        let (mut indices, mut labels) = (Vec::new(), Vec::new());
        for (number, pooled) in self.pool.samples(Split::Train).enumerate() {
            let PooledSample { domain, sample, .. } = pooled;
            let task = self.stream.task_of(domain, sample.label);
            if lesson == Lesson::Everything || lesson == Lesson::Task(task) {
                let class = self.stream.class_of(domain, sample.label);
                indices.push(number);
                labels.push(i64::from(class.0));
            }
        }
        let classes: Vec<Class> = match lesson {
            Lesson::Everything => self.classes.clone(),
            Lesson::Task(task) => {
                let classes = self.stream.task(task).classes.iter();
                classes
                    .map(|class| self.classes[class.index()].clone())
                    .collect()
            }
        };
        let index: Vec<u64> = indices.iter().map(|&index| index as u64).collect();
        let lent = LentSamples {
            pool: self.pool,
            embedded: self.embedded,
            split: Split::Train,
            indices: &indices,
            augmentation: self.cell.stream.spec.augmentation,
            seed: self.cell.seed.0,
        };
        let learned = strategy
            .learn(id, &classes, &labels, &index, &lent)
            .map_err(self.failed())?;
        Ok(learned.optimiser_steps)
    }

    fn created(&self) -> Result<ForeignStrategy, Error> {
        let setting = Setting {
            seed: self.cell.seed.0,
            tasks: learned_tasks(self.cell.strategy.regime, self.stream),
            classes: self.stream.n_classes() as u32,
            device: self.cell.device.clone(),
            threads: self.cell.threads,
            folder: self.folder.to_owned(),
            backbones: self.embedded.iter().map(|e| e.handle.clone()).collect(),
            host: self.host.clone(),
        };
        Ok(self
            .plugin
            .strategy(&self.cell.strategy.use_, self.parameters, &setting)?)
    }

    fn state_of(&self, strategy: &ForeignStrategy) -> Result<Taken, Error> {
        let state = strategy.state().map_err(self.failed())?;
        let bytes = state.to_bytes().map_err(self.failed())?;
        Ok(Taken {
            size: state.size(),
            hash: blake3::hash(&bytes),
            bytes,
        })
    }

    /// The number of test samples of each task, and of each class.
    pub(super) fn test_counts(&self) -> (Vec<u64>, Vec<u64>) {
        let mut of_tasks = vec![0; self.stream.n_tasks()];
        let mut of_classes = vec![0; self.stream.n_classes()];
        for PooledSample { domain, sample, .. } in self.pool.samples(Split::Test) {
            of_tasks[self.stream.task_of(domain, sample.label).index()] += 1;
            of_classes[self.stream.class_of(domain, sample.label).index()] += 1;
        }
        (of_tasks, of_classes)
    }

    fn failed(&self) -> impl Fn(harness_abi::Error) -> Error {
        let failed = self.plugin.failed(Kind::Strategy, &self.cell.strategy.use_);
        move |error| failed(error).into()
    }

    fn breach(&self, what: String) -> Error {
        Error::Protocol {
            strategy: self.cell.strategy.row.clone(),
            what,
        }
    }
}

/// What a strategy learns at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lesson {
    /// A task.
    Task(TaskId),
    /// All tasks: a joint run.
    Everything,
}

/// A state that was taken from a strategy.
struct Taken {
    /// The size that is reported.
    size: u64,
    bytes: AlignedBytes,
    hash: blake3::Hash,
}

/// Lets a cell's strategy check its parameters against what was opened, and returns its
/// declaration.
pub(super) fn declared(
    cell: &Cell,
    opened: &Opened,
    stream: &Stream,
    plugin: &Loaded,
) -> Result<Declaration, Error> {
    let backbones = opened.backbones.iter();
    let samples = opened.pool.len(Split::Train) as u64;
    let domains = opened.pool.domains().iter();
    let of_class: Vec<Vec<u64>> = domains
        .map(|pooled| train_of_class(&pooled.domain))
        .collect();
    let of_class: Vec<&[u64]> = of_class.iter().map(Vec::as_slice).collect();
    let outline = Outline {
        tasks: learned_tasks(cell.strategy.regime, stream),
        classes: stream.n_classes() as u32,
        samples,
        task_samples: match cell.strategy.regime {
            Regime::Sequential => largest_task(&of_class, stream),
            Regime::Joint => samples,
        },
        device: cell.device.clone(),
        folder: opened.strategy_folder.clone(),
        backbones: backbones.map(|(handle, _)| handle.info().clone()).collect(),
    };
    let declaration = plugin.check(&cell.strategy.use_, &opened.strategy_parameters, &outline)?;
    // An estimate for the plan: a record says what the cell really needed, and all seeds of a row
    // have the same declaration.
    Ok(Declaration {
        memory_bytes: None,
        ..declaration
    })
}

/// How many tasks a strategy learns.
pub(super) fn learned_tasks(regime: Regime, stream: &Stream) -> u32 {
    match regime {
        Regime::Sequential => stream.n_tasks() as u32,
        Regime::Joint => 1,
    }
}
