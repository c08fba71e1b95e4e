//! The strategy `coop`: context optimisation, task after task.
//!
//! CoOp learns the words of a prompt (see [`prompt`](crate::prompt)). Here it meets the tasks of a stream one after another:
//! every task goes on with the context that the last one left, with a fresh optimiser and a schedule that begins anew. Nothing
//! holds the context where it was, so it drifts to each new task: it forgets, and it loses what it made of classes that are
//! yet to come.
//!
//! What differs from CoOp's code: it trains on the cached features of the images as they are, so without CoOp's random crop
//! and flip; the last samples of an epoch that fill no batch are a step too; and it is one code for all places of the
//! context, which are named by the context and not by the class name (see [`Parameters::context`]).

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

/// CoOp. It keeps nothing of past data; its state is its context, and the names of the classes seen where it needs them.
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
    /// Of the context as it is.
    features: TextFeatures,
}

/// The names of classes, by id.
type Seen = BTreeMap<u32, String>;

/// The state's JSON.
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
            unit_rows(&features).during("the text features' length")
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
    /// Whether the classes seen matter later: to train on their names again, or to know whose contexts were trained.
    fn remembers_classes(&self) -> bool {
        self.parameters.per_class || self.parameters.train_on == TrainOn::Seen
    }

    fn refuse_unseen(&self, classes: &[Class]) -> Result<()> {
        let unseen = |class: &&Class| !self.seen.contains_key(&class.id);
        match classes.iter().find(unseen) {
            Some(class) if self.parameters.per_class => Err(Error::unsupported(format!(
                "class `{}` was not learned yet: with `per_class: true` its context is still noise, and cannot score it",
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

    /// The classes among which the samples of a task are told apart, the task's own given.
    fn candidates(&self, own: &Seen) -> Seen {
        let mut candidates = match self.parameters.train_on {
            TrainOn::Task => Seen::new(),
            TrainOn::Seen => self.seen.clone(),
        };
        candidates.extend(own.clone());
        candidates
    }

    /// Trains the context of the candidates on a task's samples, with an optimiser, a schedule and an order of its own.
    /// Contexts of other classes stay what they are, bit for bit.
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
        let before = before.during("choosing the contexts to train")?;
        let prompt = Prompt::new(&self.backbone, &names, &before, self.parameters.context)?;
        let steps = self.epochs(task, &prompt, samples)?;
        let _mode = GradientMode::off();
        let trained = prompt.context();
        match &ids {
            Some(ids) => self.context.f_index_copy_(0, ids, trained).map(drop),
            None => self.context.f_copy_(trained),
        }
        .during("keeping the trained context")?;
        Ok(Learned {
            optimiser_steps: steps,
        })
    }

    /// The rows of the candidates among the contexts, where each class has one of its own.
    fn ids(&self, candidates: &Seen) -> Result<Option<Tensor>> {
        if !self.parameters.per_class {
            return Ok(None);
        }
        let ids: Vec<i64> = candidates.keys().map(|&id| id.into()).collect();
        Tensor::f_from_slice(&ids)
            .and_then(|ids| ids.f_to_device(self.device))
            .map(Some)
            .during("choosing the contexts to train")
    }

    /// All epochs of a task; gives the number of steps.
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
            // The split of no rows at all is one batch of none.
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
            // The first number that is read of an epoch: until here nobody waited for the device.
            let loss = total(&losses).during(&doing)? / samples.len().max(1) as f64;
            let last = epoch + 1 == p.epochs;
            if !loss.is_finite() || last && !all_finite(prompt.context()).during(&doing)? {
                return Err(Error::failed(format!(
                    "the loss is no longer a number; set `lr`, now {}, lower",
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

/// The text features of classes with the context as it is, `[classes, width]`.
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
                    .during("choosing contexts")?
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

/// A task's samples, their classes as positions among the candidates.
fn labelled(features: Tensor, labels: &[i64], candidates: &Seen) -> Result<TrainingSamples> {
    let positions: BTreeMap<i64, i64> = candidates.keys().map(|&id| id.into()).zip(0..).collect();
    let targets: Vec<i64> = labels
        .iter()
        .map(|label| {
            positions.get(label).copied().ok_or_else(|| {
                Error::failed(format!(
                    "a sample is of class {label}, which is not among the candidates"
                ))
            })
        })
        .collect::<Result<_>>()?;
    let targets = Tensor::f_from_slice(&targets)
        .and_then(|targets| targets.f_to_device(features.device()))
        .during("the labels")?;
    Ok(TrainingSamples { features, targets })
}

#[cfg(test)]
mod tests;
