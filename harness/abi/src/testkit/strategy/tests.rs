//! A correct strategy, and one into which faults can be inserted.

use super::*;
use crate::error::{Error, Result};
use crate::state::State;
use crate::strategy::{Batch, Declaration, Keeps, Learned, Outline, Setting, Task};
use crate::tensor::Tensor;
use crate::testkit::random::Random;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Deserialize, crate::ParameterSet)]
#[serde(deny_unknown_fields, default)]
struct Parameters {
    /// How far each mean is moved.
    #[parameter(default = 1e-4)]
    jitter: f64,
}

/// Class means with random jitter. Its state has numbers, a seed and a generator.
struct Means {
    parameters: Parameters,
    width: usize,
    means: Vec<f32>,
    memory: Memory,
}

#[derive(Default, Serialize, Deserialize)]
struct Memory {
    draws: u64,
    predictions: u64,
    taught: u32,
}

impl Means {
    fn new(parameters: Parameters, setting: &Setting) -> Result<Means> {
        let width = setting.backbone()?.info().embedding_width as usize;
        Ok(Means {
            parameters,
            width,
            means: vec![0.0; width * setting.classes as usize],
            memory: Memory {
                draws: setting.seed,
                ..Memory::default()
            },
        })
    }

    fn learn(&mut self, features: &[f32], task: &Task<'_>) {
        let mut random = Random::stream(self.memory.draws, 0);
        self.memory.draws = random.next();
        for class in task.classes() {
            let rows = features.chunks_exact(self.width).zip(task.labels());
            let mine: Vec<_> = rows
                .filter(|(_, label)| **label == i64::from(class.id))
                .collect();
            for column in 0..self.width {
                let sum: f64 = mine.iter().map(|(row, _)| f64::from(row[column])).sum();
                let moved = sum / mine.len() as f64 + self.parameters.jitter * random.normal();
                self.means[class.id as usize * self.width + column] = moved as f32;
            }
            self.memory.taught += 1;
        }
    }

    fn predict(&self, features: &[f32], batch: &Batch<'_>) -> Vec<f32> {
        let mut logits = Vec::new();
        for row in features.chunks_exact(self.width) {
            for class in batch.classes() {
                let mean = &self.means[class.id as usize * self.width..][..self.width];
                let distance: f32 = row.iter().zip(mean).map(|(a, b)| (a - b) * (a - b)).sum();
                logits.push(-distance);
            }
        }
        logits
    }
}

/// [`Means`] with one fault.
trait Fault: Default + 'static {
    fn check(parameters: &Parameters) -> Result<()> {
        match parameters.jitter >= 0.0 {
            true => Ok(()),
            false => Err(Error::parameter("jitter", "must be at least 0")),
        }
    }
    fn outline(outline: &Outline) -> Result<()> {
        outline.backbone().map(drop)
    }
    fn declaration(declaration: Declaration) -> Declaration {
        declaration
    }
    fn features(width: usize, features: Result<Tensor>) -> Result<Vec<f32>> {
        let features = features?;
        let pattern = [-1, width as i64];
        features.view().expect_shape("the features", &pattern)?;
        features.view().to_vec()
    }
    fn learned(&mut self, _: &mut Means) {}
    fn predicted(&mut self, _: &mut Means, _: &Batch<'_>, _: &mut Vec<f32>) {}
    fn saved(&self, _: &mut State) {}
    fn restored(&mut self, _: &mut Means) {}
    fn dropped(&self) {}
}

struct Faulty<F: Fault>(Means, F);

impl<F: Fault> Strategy for Faulty<F> {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        F::outline(outline)?;
        F::check(parameters)?;
        Ok(F::declaration(Declaration {
            keeps: vec![Keeps::Statistics],
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: 0,
            ..Declaration::default()
        }))
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        Ok(Faulty(Means::new(parameters, &setting)?, F::default()))
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let features = F::features(self.0.width, task.features(0, &task.rows()))?;
        self.0.learn(&features, task);
        self.1.learned(&mut self.0);
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        let features = F::features(self.0.width, batch.features(0))?;
        let mut logits = self.0.predict(&features, batch);
        self.1.predicted(&mut self.0, batch, &mut logits);
        Tensor::from_vec(logits, &[batch.len() as i64, batch.classes().len() as i64])
    }

    fn state(&self) -> Result<State> {
        let shape = [self.0.means.len() as i64];
        let mut state = State {
            json: serde_json::to_value(&self.0.memory).unwrap(),
            tensors: vec![(
                "means".into(),
                Tensor::from_vec(self.0.means.clone(), &shape)?,
            )],
        };
        self.1.saved(&mut state);
        Ok(state)
    }

    fn restore(&mut self, mut state: State) -> Result<()> {
        self.0.means = state.take("means")?.view().to_vec()?;
        self.0.memory = state.read()?;
        self.1.restored(&mut self.0);
        Ok(())
    }
}

impl<F: Fault> Drop for Faulty<F> {
    fn drop(&mut self) {
        self.1.dropped();
    }
}

macro_rules! fault {
    ($name:ident { $($body:tt)* }) => {
        #[derive(Default)]
        struct $name;
        impl Fault for $name { $($body)* }
    };
}

mod culprits;
mod loaded;
mod panics;
mod prompts;
mod setting;

fault!(Sound {});

fn kit<F: Fault>() -> StrategyKit<Faulty<F>> {
    strategy::<Faulty<F>>()
        .bad_parameters(json!({ "jitter": -1.0 }), "jitter")
        .expect_accuracy_above(0.9)
}

/// Asserts that only this check fails, and its first message.
#[track_caller]
fn caught<F: Fault>(check: Check, message: &str) {
    let report = kit::<F>().report();
    let checks: Vec<_> = report.failures.iter().map(|found| found.check).collect();
    assert!(
        !checks.is_empty() && checks.iter().all(|&found| found == check),
        "{report}"
    );
    let first = &report.failures[0].message;
    assert!(first.contains(message), "{first}");
}
