//! The strategy `tip-adapter`.

use super::classifier::{Classifier, values_at_most};
use super::parameters::Parameters;
use super::search::HeldOut;
use crate::seen::Seen;
use clbench_torch::During;
use clbench_torch::bridge::device;
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::{Device, TchError};
use clbench_torch::training::GradientMode;
use harness_abi::{
    Batch, Declaration, Keeps, Learned, Outline, Result, Setting, State, Strategy, Task,
};

/// The zero-shot classifier with a cache of past features. Nothing is trained.
#[derive(Debug)]
pub struct TipAdapter {
    classifier: Classifier,
    width: u32,
}

impl Strategy for TipAdapter {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        let device = device::named(&outline.device)?;
        let backbone = outline.backbone()?;
        text_encoder::logit_scale(backbone)?;
        let width = backbone.embedding_width.into();
        let values = values_at_most(&parameters.settings(), outline, width);
        Ok(Declaration {
            keeps: vec![Keeps::Features],
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: 0,
            adaptation: Some(super::ADAPTATION.into()),
            memory_bytes: (device == Device::Cpu).then_some(values * size_of::<f32>() as u64),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        let settings = parameters.settings();
        Ok(TipAdapter {
            width: setting.backbone()?.info().embedding_width,
            classifier: Classifier::new(settings, parameters.templates, setting)?,
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
        Ok(written)
    }

    fn restore(&mut self, mut written: State) -> Result<()> {
        self.classifier.take(&mut written)
    }
}

impl TipAdapter {
    fn learn_task(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        let selection = self.classifier.select(task)?;
        if self.classifier.searches() {
            let (rest, held) = self.classifier.held_out(task, selection.new.classes());
            let mut candidates = Seen::new(self.width, self.classifier.device)?;
            candidates.add(task.classes(), &mut self.classifier.texts)?;
            let split = || {
                let cache = selection.old.followed_by(&selection.new.rows(&rest)?)?;
                Ok::<_, TchError>((selection.new.rows(&held)?, cache))
            };
            let (held, cache) = split().during("holding out samples")?;
            let held = HeldOut {
                features: held.keys().shallow_clone(),
                targets: candidates.positions(held.classes())?,
            };
            self.classifier.search(&cache, &held, &candidates)?;
        }
        let cache = selection.old.followed_by(&selection.new);
        self.classifier
            .finish(cache.during("adding a task to the cache")?);
        Ok(Learned::default())
    }
}
