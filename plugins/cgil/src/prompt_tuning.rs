//! The strategy `prompt-tuning`: CGIL's class prompts, trained on real embeddings.
//!
//! In the joint regime, with the embeddings of all tasks at once, it is a reference for CGIL: the
//! same prompts, trained with the same loss, without generators. In sequence it shows what replay
//! contributes: the prompts of all classes seen are trained on the current task's embeddings only.
//! It keeps no past data.

use crate::classifier::{Classifier, Unseen};
use crate::parameters::PromptTuningParameters;
use clbench_torch::prompting::class_texts::unit_features;
use clbench_torch::tch::Tensor;
use clbench_torch::training::GradientMode;
use clbench_torch::training::TrainingSamples;
use clbench_torch::{During, Noise};
use harness_abi::{Batch, Declaration, Learned, Outline, Result, Setting, State, Strategy, Task};

/// Prompt tuning.
#[derive(Debug)]
pub struct PromptTuning {
    parameters: PromptTuningParameters,
    classifier: Classifier,
}

impl Strategy for PromptTuning {
    type Parameters = PromptTuningParameters;

    fn check(parameters: &PromptTuningParameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        Ok(Declaration {
            keeps: Vec::new(),
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: Classifier::check(&parameters.prompt, outline)?,
            ..Declaration::default()
        })
    }

    fn create(parameters: PromptTuningParameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        let (prompt, precision) = (parameters.prompt.clone(), parameters.precision);
        Ok(PromptTuning {
            classifier: Classifier::new(prompt, precision, Unseen::Unit, setting)?,
            parameters,
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

impl PromptTuning {
    fn learn_task(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        let device = self.classifier.device();
        let samples = TrainingSamples {
            features: unit_features(&task.features(0, &task.rows())?, device)?,
            targets: Tensor::f_from_slice(task.labels())
                .and_then(|labels| labels.f_to_device(device))
                .during("preparing the labels")?,
        };
        self.classifier.arrive(task.classes())?;
        let mut order = Noise::new(self.classifier.seed(), "order", task.id(), &[0], device)?;
        let shuffled = |_| {
            let _mode = GradientMode::off();
            order
                .permutation(samples.len() as i64)
                .and_then(|order| samples.rows(&order.f_squeeze_dim(0)?))
                .during("shuffling the embeddings")
        };
        let training = &self.parameters.training;
        self.classifier
            .tune(task.classes(), training, "training", shuffled)
    }
}
