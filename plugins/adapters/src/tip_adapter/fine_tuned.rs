//! The strategy `tip-adapter-f`.

use super::cache::Cache;
use super::classifier::{Classifier, Selection, cached_at_most, values_at_most};
use super::keys::{Keys, Samples, Trained, Training};
use super::parameters::{FineTuning, TrainOn};
use super::search::HeldOut;
use crate::seen::Seen;
use clbench_torch::bridge::device;
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::{Device, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Generator};
use harness_abi::{
    Batch, Declaration, Keeps, Learned, Outline, Result, Setting, State, Strategy, Task,
};

/// The zero-shot classifier with a cache whose keys are fine-tuned in the task that adds them.
#[derive(Debug)]
pub struct TipAdapterF {
    classifier: Classifier,
    training: Training,
    train_on: TrainOn,
    width: u32,
    /// The classes of all tasks so far if training chooses among them, else none.
    seen: Seen,
}

impl Strategy for TipAdapterF {
    type Parameters = FineTuning;

    fn check(parameters: &FineTuning, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        let device = device::named(&outline.device)?;
        let backbone = outline.backbone()?;
        text_encoder::logit_scale(backbone)?;
        let width = backbone.embedding_width.into();
        let settings = parameters.settings();
        let cached = |samples| cached_at_most(&settings, outline.classes, samples);
        let (new, classes) = (cached(outline.task_samples), u64::from(outline.classes));
        // The keys in training with gradient, moments, best and last copy, and the samples; their
        // values and fixed logits; the affinities of a step and what its gradient needs of them.
        let values = values_at_most(&settings, outline, width)
            + 8 * new * width
            + 3 * new * classes
            + 4 * new.min(parameters.batch_size.into()) * new;
        Ok(Declaration {
            keeps: vec![Keeps::Features],
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: cached(outline.samples) * width,
            adaptation: Some(super::ADAPTATION.into()),
            memory_bytes: (device == Device::Cpu).then_some(values * size_of::<f32>() as u64),
            ..Declaration::default()
        })
    }

    fn create(parameters: FineTuning, setting: Setting) -> Result<Self> {
        parameters.check()?;
        let (settings, width) = (
            parameters.settings(),
            setting.backbone()?.info().embedding_width,
        );
        let training = Training {
            epochs: parameters.epochs(),
            batch_size: parameters.batch_size,
            lr: parameters.lr,
            weight_decay: parameters.weight_decay,
        };
        let classifier = Classifier::new(settings, parameters.templates, setting)?;
        Ok(TipAdapterF {
            training,
            train_on: parameters.train_on,
            width,
            seen: Seen::new(width, classifier.device)?,
            classifier,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        self.learn_task(task)
            .map_err(|error| error.context(format!("learning task {}", task.id())))
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        self.classifier.predict(batch)
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        self.classifier.put(&mut written)?;
        self.seen.put(&mut written)?;
        Ok(written)
    }

    fn restore(&mut self, mut written: State) -> Result<()> {
        self.classifier.take(&mut written)?;
        self.seen.take(&mut written)
    }
}

impl TipAdapterF {
    fn learn_task(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        let selection = self.classifier.select(task)?;
        let candidates = self.candidates(task)?;
        let samples = self.samples(&selection, &candidates)?;
        let mut optimiser_steps = 0;
        let mut epochs = self.training.epochs;
        let (rest, held) = self.classifier.held_out(task, selection.new.classes());
        let trains = !rest.is_empty() && !held.is_empty();
        let (train, held) = (self.rows(&samples, &rest)?, self.rows(&samples, &held)?);
        let mut keys = train.features.shallow_clone();
        if trains {
            let trial = self.trained(task, "trial-order", &train, Some(&held), epochs)?;
            optimiser_steps += trial.steps;
            (keys, epochs) = (trial.keys, trial.epochs);
        }
        if self.classifier.searches() {
            self.search(&selection, &rest, keys, held, &candidates)?;
        }
        let trained = self.trained(task, "order", &samples, None, epochs)?;
        optimiser_steps += trained.steps;
        let cache = Cache::new(trained.keys, selection.new.classes().into())
            .and_then(|new| selection.old.followed_by(&new));
        self.classifier
            .finish(cache.during("adding a task to the cache")?);
        Ok(Learned { optimiser_steps })
    }

    /// The classes that training chooses among.
    fn candidates(&mut self, task: &Task<'_>) -> Result<Seen> {
        let texts = &mut self.classifier.texts;
        match self.train_on {
            TrainOn::Seen => {
                self.seen.add(task.classes(), texts)?;
                Ok(self.seen.share())
            }
            TrainOn::Task => {
                let mut candidates = Seen::new(self.width, self.classifier.device)?;
                candidates.add(task.classes(), texts)?;
                Ok(candidates)
            }
        }
    }

    /// The samples of a task with their logits from the texts and the keys of past tasks.
    fn samples(&self, selection: &Selection, candidates: &Seen) -> Result<Samples> {
        let features = selection.new.keys().shallow_clone();
        let rest = selection.old.logits(
            &features,
            &candidates.labels(),
            candidates.texts(),
            self.classifier.scale,
            self.classifier.settings.weights,
        );
        Ok(Samples {
            rest: rest.during("scoring a task's samples")?,
            targets: candidates.positions(selection.new.classes())?,
            features,
        })
    }

    fn trained(
        &self,
        task: &Task<'_>,
        order: &str,
        samples: &Samples,
        held: Option<&Samples>,
        epochs: u32,
    ) -> Result<Trained> {
        let weights = self.classifier.settings.weights;
        let keys = Keys::new(samples, weights).during("preparing the keys")?;
        let mut order = Generator::new(self.classifier.seed, order, task.id());
        let mut order = || order.permutation(samples.len());
        let host = &self.classifier.host;
        self.training
            .run(&keys, samples, held, epochs, &mut order, host)
    }

    /// Searches for α and β with trained keys of the rows that were not held out.
    fn search(
        &mut self,
        selection: &Selection,
        rows: &[usize],
        keys: Tensor,
        held: Samples,
        candidates: &Seen,
    ) -> Result<()> {
        let classes = rows.iter().map(|&row| selection.new.classes()[row]);
        let cache = Cache::new(keys, classes.collect())
            .and_then(|new| selection.old.followed_by(&new))
            .during("searching for alpha and beta")?;
        let held = HeldOut {
            features: held.features,
            targets: held.targets,
        };
        self.classifier.search(&cache, &held, candidates)
    }

    fn rows(&self, samples: &Samples, rows: &[usize]) -> Result<Samples> {
        let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        Tensor::f_from_slice(&rows)
            .and_then(|rows| samples.rows(&rows.f_to_device(self.classifier.device)?))
            .during("holding out samples")
    }
}
