//! The strategy `rail` (Xu et al., *Advancing Cross-domain Discriminability in Continual Learning
//! of Vision-Language Models*, NeurIPS 2024, arXiv 2406.18868).
//!
//! A ridge regression on CLIP's image features learns the classes that come, and zero-shot CLIP
//! decides for each image whether it is asked: only images that zero-shot takes for a learned
//! class. So what zero-shot knows of unseen classes is kept.

pub mod dual;
pub mod fusion;
mod parameters;
pub mod primal;

pub use parameters::{Form, Parameters};

use crate::features::{Samples, Source, for_the_host, ids};
use crate::projection::{Projection, projected_width};
use crate::ridge;
use clbench_torch::During;
use clbench_torch::bridge::{device, threads};
use clbench_torch::features::Output;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::prompting::templates::ClassTexts;
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::training::GradientMode;
use dual::Dual;
use harness_abi::{
    Batch, Declaration, Host, Keeps, Learned, Outline, Result, Setting, State, Strategy, Task,
};
use primal::Primal;

/// RAIL. Its state is the regression's: sums in the primal form, all features in the dual form.
#[derive(Debug)]
pub struct Rail {
    parameters: Parameters,
    seed: u64,
    source: Source,
    scale: f64,
    texts: ClassTexts,
    host: Host,
    /// `None` before the first task.
    regression: Option<Regression>,
}

/// The regression, in either form.
#[derive(Debug)]
enum Regression {
    Primal(Primal),
    Dual(Dual),
}

impl Strategy for Rail {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        let device = device::named(&outline.device)?;
        let info = outline.backbone()?;
        text_encoder::logit_scale(info)?;
        let width = u64::from(parameters.output.width(info)?);
        let classes = u64::from(outline.classes);
        let read = 8 * outline.task_samples * width;
        let (keeps, bytes) = match parameters.form {
            Form::Primal => {
                let projected = projected_width(width as i64, parameters.projection_width()) as u64;
                let drawn = 8 * width * u64::from(parameters.projection_width());
                (
                    Keeps::Statistics,
                    read + drawn + ridge::memory_bytes(classes, projected),
                )
            }
            Form::Dual => (
                Keeps::Features,
                read + dual::memory_bytes(outline.samples, classes, width),
            ),
        };
        Ok(Declaration {
            keeps: vec![keeps],
            scores_unseen: true,
            reads: parameters.output.reads(),
            adaptation: Some("features of plain images, not of random crops".into()),
            memory_bytes: (device == Device::Cpu).then_some(bytes),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let backbone = setting.backbone()?.clone();
        Ok(Rail {
            source: Source::new(parameters.output, backbone.info(), setting.classes, device)?,
            scale: text_encoder::logit_scale(backbone.info())?,
            texts: ClassTexts::new(parameters.templates(), backbone, device),
            parameters,
            seed: setting.seed,
            host: setting.host,
            regression: None,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        self.source
            .of_task(task)
            .and_then(|samples| self.add(&samples))
            .map_err(|error| error.context(format!("learning task {}", task.id())))?;
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = self.source.of_batch(batch)?;
        let embeddings = match self.parameters.output {
            Output::Embedding => features.shallow_clone(),
            Output::ClassToken => Output::Embedding
                .of_batch(batch, self.source.device)?
                .f_to_kind(Kind::Double)
                .during("reading a batch's embeddings")?,
        };
        let texts = self
            .texts
            .of(batch.classes())?
            .f_to_kind(Kind::Double)
            .during("reading the texts of classes")?;
        let ids = ids(batch.classes(), self.source.device)?;
        for_the_host(self.scores(&features, &embeddings, &texts, &ids))
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        match &self.regression {
            None => {}
            Some(Regression::Primal(primal)) => primal.put(&mut written)?,
            Some(Regression::Dual(dual)) => dual.put(&mut written)?,
        }
        Ok(written)
    }

    fn restore(&mut self, mut state: State) -> Result<()> {
        if state.tensors.is_empty() {
            self.regression = None;
            return Ok(());
        }
        let mut regression = self.unfitted()?;
        match &mut regression {
            Regression::Primal(primal) => primal.take(&mut state)?,
            Regression::Dual(dual) => dual.take(&mut state)?,
        }
        self.regression = Some(regression);
        Ok(())
    }
}

impl Rail {
    fn unfitted(&self) -> Result<Regression> {
        let Source {
            width,
            classes,
            device,
            ..
        } = self.source;
        Ok(match self.parameters.form {
            Form::Primal => {
                let projected = self.parameters.projection_width();
                let projection = Projection::uniform(self.seed, width, projected.into(), device)?;
                let projected = projected_width(width, projected);
                Regression::Primal(Primal::new(projection, projected, classes, device)?)
            }
            Form::Dual => {
                Regression::Dual(Dual::new(self.parameters.gamma(), width, classes, device))
            }
        })
    }

    /// Adds a task's samples to the regression and solves it.
    fn add(&mut self, samples: &Samples) -> Result<()> {
        if samples.is_empty() {
            return Ok(());
        }
        let mut regression = match self.regression.take() {
            Some(regression) => regression,
            None => self.unfitted()?,
        };
        let lambda = self.parameters.lambda();
        match &mut regression {
            Regression::Primal(primal) => primal.add(samples, lambda, &self.host)?,
            Regression::Dual(dual) => dual.add(samples, lambda, &self.host)?,
        }
        self.regression = Some(regression);
        Ok(())
    }

    /// The scores of all classes, `[images, classes]`.
    fn scores(
        &self,
        features: &Tensor,
        embeddings: &Tensor,
        texts: &Tensor,
        ids: &Tensor,
    ) -> Result<Tensor, TchError> {
        let probabilities = fusion::probabilities(&unit_rows(embeddings)?, texts, self.scale)?;
        let (regression, learned) = match &self.regression {
            None => return Ok(probabilities),
            Some(Regression::Primal(primal)) => (primal.of(features, ids)?, primal.learned(ids)?),
            Some(Regression::Dual(dual)) => (dual.of(features, ids)?, dual.learned(ids)?),
        };
        fusion::fused(
            &probabilities,
            &regression,
            &learned,
            self.parameters.fusion,
        )
    }
}

#[cfg(test)]
mod tests;
