//! The strategy `coop`: context optimisation, task by task.
//!
//! CoOp learns the context tokens of a prompt (see [`prompt`](crate::prompt)). Here it trains on
//! the tasks of a stream one after another: every task continues from the previous task's context,
//! with a new optimiser and a restarted schedule. Nothing regularises the context, so it drifts
//! towards each new task: CoOp forgets old classes and loses zero-shot accuracy on future ones.
//!
//! Differences from the published code: training uses cached image features, so without CoOp's
//! random crop and flip; an incomplete last batch of an epoch is trained on too; and one
//! implementation covers all positions, which are named after the context and not after the class
//! name (see [`Parameters::context`]).

use crate::parameters::{Parameters, TrainOn};
use crate::prompt::{Prompt, text_features};
use clbench_torch::bridge::{device, state, threads};
use clbench_torch::prompting::class_texts::{TEXTS_AT_ONCE, TextFeatures, scored, unit_features};
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::{Device, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::{TrainingSamples, all_finite, total};
use clbench_torch::{During, Generator};
use harness_abi::{
    BackboneHandle, Batch, Class, Declaration, Error, Host, Learned, Outline, Result, Setting,
    State, Strategy, Task,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// CoOp. It keeps no past data; its state is its context and, if needed, the names of the classes
/// seen.
#[derive(Debug)]
pub struct CoOp {
    parameters: Parameters,
    seed: u64,
    device: Device,
    host: Host,
    backbone: BackboneHandle,
    scale: f64,
    /// `[M, token width]`, or `[classes of the stream, M, token width]`.
    context: Tensor,
    /// The classes seen, by id.
    seen: Seen,
    /// The text features of the current context.
    features: TextFeatures,
}

/// The names of classes, by id.
type Seen = BTreeMap<u32, String>;

/// The JSON part of the state.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    seen: Seen,
}

impl Strategy for CoOp {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        device::named(&outline.device)?;
        let info = outline.backbone()?;
        text_encoder::logit_scale(info)?;
        let tokens = parameters.context_tokens;
        let text = text_encoder::with_room_for(info, tokens, "context_tokens")?;
        let contexts = match parameters.per_class {
            true => u64::from(outline.classes),
            false => 1,
        };
        Ok(Declaration {
            keeps: Vec::new(),
            scores_unseen: !parameters.per_class,
            batch_dependent: false,
            trainable_parameters: contexts * u64::from(tokens) * u64::from(text.width),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let backbone = setting.backbone()?.clone();
        let tokens = parameters.context_tokens;
        let text = text_encoder::with_room_for(backbone.info(), tokens, "context_tokens")?;
        let mut shape = vec![i64::from(tokens), i64::from(text.width)];
        if parameters.per_class {
            shape.insert(0, setting.classes.into());
        }
        let context = Generator::new(setting.seed, "context", 0).normal_tensor(
            &shape,
            parameters.init_std,
            device,
        )?;
        Ok(CoOp {
            seed: setting.seed,
            device,
            host: setting.host,
            scale: text_encoder::logit_scale(backbone.info())?,
            backbone,
            context,
            seen: Seen::new(),
            features: TextFeatures::default(),
            parameters,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        self.learn_task(task)
            .map_err(|error| error.context(format!("learning task {}", task.id())))
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let images = unit_features(&batch.features(0)?, self.device)?;
        self.refuse_unseen(batch.classes())?;
        let (parameters, backbone, context) = (&self.parameters, &self.backbone, &self.context);
        let texts = self.features.of(batch.classes(), |classes| {
            let features = encoded(parameters, backbone, context, classes)?;
            unit_rows(&features).during("normalising the text features")
        })?;
        scored(&images, &texts, self.scale)
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        if self.remembers_classes() {
            written.json = json!(Memory {
                seen: self.seen.clone()
            });
        }
        state::put(&mut written, "context", &self.context)?;
        Ok(written)
    }

    fn restore(&mut self, mut written: State) -> Result<()> {
        if self.remembers_classes() {
            self.seen = written.read::<Memory>()?.seen;
        }
        self.features.clear();
        state::take(&mut written, "context", &mut self.context)
    }
}

impl CoOp {
    /// Whether the classes seen matter later: as candidates in later tasks, or to know which
    /// contexts were trained.
    fn remembers_classes(&self) -> bool {
        self.parameters.per_class || self.parameters.train_on == TrainOn::Seen
    }

    fn refuse_unseen(&self, classes: &[Class]) -> Result<()> {
        let unseen = |class: &&Class| !self.seen.contains_key(&class.id);
        match classes.iter().find(unseen) {
            Some(class) if self.parameters.per_class => Err(Error::unsupported(format!(
                "class `{}` has not been learned yet, so with `per_class: true` its context is untrained and cannot score it; score seen classes only, or set `per_class: false`",
                class.name
            ))),
            _ => Ok(()),
        }
    }

    fn learn_task(&mut self, task: &Task<'_>) -> Result<Learned> {
        let own = task.classes().iter();
        let own: Seen = own.map(|class| (class.id, class.name.clone())).collect();
        let candidates = self.candidates(&own);
        let features = unit_features(&task.features(0, &task.rows())?, self.device)?;
        let samples = labelled(features, task.labels(), &candidates)?;
        let learned = self.train(task.id(), &candidates, &samples)?;
        self.seen.extend(own);
        Ok(learned)
    }

    /// The candidate classes of a task's samples, given the task's own classes.
    fn candidates(&self, own: &Seen) -> Seen {
        let mut candidates = match self.parameters.train_on {
            TrainOn::Task => Seen::new(),
            TrainOn::Seen => self.seen.clone(),
        };
        candidates.extend(own.clone());
        candidates
    }

    /// Trains the candidates' context on a task's samples, with a new optimiser, a new schedule and
    /// a sample order of its own. Contexts of other classes do not change by a single bit.
    fn train(
        &mut self,
        task: u32,
        candidates: &Seen,
        samples: &TrainingSamples,
    ) -> Result<Learned> {
        self.features.clear();
        let names: Vec<&str> = candidates.values().map(String::as_str).collect();
        let ids = self.ids(candidates)?;
        let before = match &ids {
            Some(ids) => self.context.f_index_select(0, ids),
            None => Ok(self.context.shallow_clone()),
        };
        let before = before.during("selecting the contexts to train")?;
        let prompt = Prompt::new(&self.backbone, &names, &before, self.parameters.context)?;
        let steps = self.epochs(task, &prompt, samples)?;
        let _mode = GradientMode::off();
        let trained = prompt.context();
        match &ids {
            Some(ids) => self.context.f_index_copy_(0, ids, trained).map(drop),
            None => self.context.f_copy_(trained),
        }
        .during("storing the trained context")?;
        Ok(Learned {
            optimiser_steps: steps,
        })
    }

    /// The candidates' rows among the contexts, if each class has its own.
    fn ids(&self, candidates: &Seen) -> Result<Option<Tensor>> {
        if !self.parameters.per_class {
            return Ok(None);
        }
        let ids: Vec<i64> = candidates.keys().map(|&id| id.into()).collect();
        Tensor::f_from_slice(&ids)
            .and_then(|ids| ids.f_to_device(self.device))
            .map(Some)
            .during("selecting the contexts to train")
    }

    /// Trains all epochs of a task. Returns the number of steps.
    fn epochs(&self, task: u32, prompt: &Prompt, samples: &TrainingSamples) -> Result<u64> {
        let p = &self.parameters;
        let schedule = p.schedule();
        let mut optimiser = prompt.sgd(p.lr, p.momentum, p.weight_decay)?;
        let mut generator = Generator::new(self.seed, "order", task);
        let mut steps = 0;
        for epoch in 0..p.epochs {
            optimiser.set_lr(schedule.lr(epoch));
            let doing = format!("epoch {} of {}", epoch + 1, p.epochs);
            let order = Tensor::f_from_slice(&generator.permutation(samples.len()))
                .and_then(|order| order.f_to_device(self.device))
                .during(&doing)?;
            let mut losses = Vec::new();
            // Splitting zero rows gives one empty batch.
            let batches = order.f_split(p.batch_size.into(), 0).during(&doing)?;
            for rows in batches.iter().filter(|rows| rows.numel() > 0) {
                if self.host.cancelled() {
                    return Err(Error::cancelled());
                }
                let batch = samples.rows(rows).during(&doing)?;
                let loss = prompt
                    .step(&mut optimiser, &batch)
                    .map_err(|error| error.context(doing.clone()))?;
                losses.push(loss * batch.len() as f64);
                steps += 1;
            }
            // The first value of the epoch to be read, so the only synchronisation with the device.
            let loss = total(&losses).during(&doing)? / samples.len().max(1) as f64;
            let last = epoch + 1 == p.epochs;
            if !loss.is_finite() || last && !all_finite(prompt.context()).during(&doing)? {
                return Err(Error::failed(format!(
                    "training diverged: the loss is not finite; lower `lr` (now {})",
                    p.lr
                ))
                .context(doing));
            }
            let epoch = u64::from(epoch) + 1;
            self.host.scalar("loss", epoch, loss);
            self.host.progress("epoch", epoch, p.epochs.into());
        }
        Ok(steps)
    }
}

/// The text features of classes with the current context, `[classes, width]`.
fn encoded(
    parameters: &Parameters,
    backbone: &BackboneHandle,
    context: &Tensor,
    classes: &[&Class],
) -> Result<Tensor> {
    let mut features = Vec::new();
    for classes in classes.chunks(TEXTS_AT_ONCE) {
        let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
        let context = match parameters.per_class {
            false => context.shallow_clone(),
            true => {
                let ids: Vec<i64> = classes.iter().map(|class| class.id.into()).collect();
                Tensor::f_from_slice(&ids)
                    .and_then(|ids| ids.f_to_device(context.device()))
                    .and_then(|ids| context.f_index_select(0, &ids))
                    .during("selecting the contexts to encode")?
            }
        };
        features.push(text_features(
            backbone,
            &names,
            &context,
            parameters.context,
        )?);
    }
    Tensor::f_cat(&features, 0).during("encoding class names with their context")
}

/// A task's samples, with classes as positions among the candidates.
fn labelled(features: Tensor, labels: &[i64], candidates: &Seen) -> Result<TrainingSamples> {
    let positions: BTreeMap<i64, i64> = candidates.keys().map(|&id| id.into()).zip(0..).collect();
    let targets: Vec<i64> = labels
        .iter()
        .map(|label| {
            positions.get(label).copied().ok_or_else(|| {
                Error::failed(format!(
                    "a sample has class {label}, which is not among the candidates"
                ))
            })
        })
        .collect::<Result<_>>()?;
    let targets = Tensor::f_from_slice(&targets)
        .and_then(|targets| targets.f_to_device(features.device()))
        .during("preparing the labels")?;
    Ok(TrainingSamples { features, targets })
}

#[cfg(test)]
mod tests;
