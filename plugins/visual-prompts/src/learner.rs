//! The strategy, for any method: prompts are chosen by a cached query, inserted into the encoder,
//! and trained together with a head.

use crate::head::Head;
use crate::image_encoder::EncoderShape;
use crate::method::{Chosen, Method, Plan, Stage};
use clbench_torch::bridge::{self, device, state, threads};
use clbench_torch::prompting::images::{CLASS_TOKEN, PromptedImages};
use clbench_torch::tch::nn::{Optimizer, VarStore};
use clbench_torch::tch::{Device, Reduction, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::{all_finite, total};
use clbench_torch::{During, Generator};
use harness_abi::{
    Batch, Declaration, Error, Host, Learned, Outline, Result, Setting, State, Strategy, Task,
    TensorView,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// The strategy for one method.
#[derive(Debug)]
pub struct Learner<M> {
    plan: Plan,
    seed: u64,
    device: Device,
    host: Host,
    images: PromptedImages,
    /// All trained parameters.
    variables: VarStore,
    method: M,
    head: Head,
    /// The number of tasks learned.
    tasks: u32,
}

/// The JSON part of the state.
#[derive(Serialize, Deserialize)]
struct Memory {
    tasks: u32,
}

/// Declared if the backbone has a text encoder. Appears in results, so do not change it.
const ADAPTATION: &str = "prompts in the image encoder of a CLIP; published for an ImageNet ViT";

impl<M: Method> Strategy for Learner<M> {
    type Parameters = M::Parameters;

    fn check(parameters: &Self::Parameters, outline: &Outline) -> Result<Declaration> {
        device::named(&outline.device)?;
        let (plan, encoder) = planned::<M>(parameters, outline)?;
        let (width, classes) = (encoder.width as u64, u64::from(outline.classes));
        let is_clip = outline.backbone()?.text.is_some();
        Ok(Declaration {
            keeps: Vec::new(),
            scores_unseen: false,
            batch_dependent: plan.batch_dependent,
            trainable_parameters: plan.vectors * width + classes * width + classes,
            reads: vec![CLASS_TOKEN.into()],
            adaptation: is_clip.then(|| ADAPTATION.into()),
            ..Declaration::default()
        })
    }

    fn create(parameters: Self::Parameters, setting: Setting) -> Result<Self> {
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let backbone = setting.backbone()?;
        let outline = Outline {
            tasks: setting.tasks,
            classes: setting.classes,
            device: setting.device.clone(),
            folder: setting.folder.clone(),
            backbones: vec![backbone.info().clone()],
            ..Outline::default()
        };
        let (plan, encoder) = planned::<M>(&parameters, &outline)?;
        let _mode = GradientMode::on();
        let variables = VarStore::new(device);
        let root = variables.root();
        let mut generator = Generator::new(setting.seed, "init", 0);
        let method = M::new(parameters, &plan, encoder.width, &root, &mut generator)?;
        let mut generator = Generator::new(setting.seed, "head", 0);
        let classes = setting.classes;
        let head = Head::new(&root, classes, encoder.width, plan.head, &mut generator)?;
        Ok(Learner {
            images: PromptedImages::new(backbone, b"")?,
            plan,
            seed: setting.seed,
            device,
            host: setting.host,
            variables,
            method,
            head,
            tasks: 0,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        self.learn_task(task)
            .map_err(|error| error.context(format!("learning task {}", task.id())))
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let doing = "scoring a batch";
        let query = self.query(&batch.output(0, CLASS_TOKEN)?)?;
        let chosen = self
            .method
            .choose(&query, Stage::Prediction(self.tasks))
            .during("selecting prompts")?;
        let images = batch.images(0)?;
        let prompts = self.at_their_sites(&chosen);
        let output = self
            .images
            .output(images.view(), &prompts, self.plan.output)?;
        let classes: Vec<i64> = batch
            .classes()
            .iter()
            .map(|class| class.id.into())
            .collect();
        let logits = self
            .method
            .pooled(&output)
            .and_then(|pooled| self.head.of_classes(&pooled, &classes))
            .and_then(|logits| logits.f_to_device(Device::Cpu))
            .during(doing)?;
        bridge::copy_out(&logits)
    }

    fn state(&self) -> Result<State> {
        let mut written = State {
            json: json!(Memory { tasks: self.tasks }),
            ..State::default()
        };
        for (name, tensor) in self.parameters() {
            state::put(&mut written, &name, &tensor)?;
        }
        Ok(written)
    }

    fn restore(&mut self, mut written: State) -> Result<()> {
        self.tasks = written.read::<Memory>()?.tasks;
        for (name, mut tensor) in self.parameters() {
            state::take(&mut written, &name, &mut tensor)?;
        }
        Ok(())
    }
}

/// The method's plan, and the shape of its image encoder.
fn planned<M: Method>(
    parameters: &M::Parameters,
    outline: &Outline,
) -> Result<(Plan, EncoderShape)> {
    let plan = M::plan(parameters, outline)?;
    let encoder = EncoderShape::of(outline.backbone()?, &plan.sites, &[plan.output])?;
    Ok((plan, encoder))
}

impl<M: Method> Learner<M> {
    /// The method with its current parameters.
    pub fn method(&self) -> &M {
        &self.method
    }

    /// All trained parameters, by name.
    pub fn parameters(&self) -> BTreeMap<String, Tensor> {
        self.variables.variables().into_iter().collect()
    }

    /// Copies class tokens to the device, as queries.
    fn query(&self, class_tokens: &harness_abi::Tensor) -> Result<Tensor> {
        bridge::copy_in(class_tokens.view())?
            .f_to_device(self.device)
            .during("copying the queries")
    }

    fn at_their_sites<'a>(&'a self, chosen: &'a Chosen) -> Vec<(&'a str, &'a Tensor)> {
        let sites = self.plan.sites.iter().map(String::as_str);
        sites.zip(&chosen.prompts).collect()
    }

    fn learn_task(&mut self, task: &Task<'_>) -> Result<Learned> {
        {
            let _mode = GradientMode::off();
            let mut generator = Generator::new(self.seed, "begin", task.id());
            self.method.begin(task.id(), &mut generator)?;
        }
        let queries = self.query(&task.output(0, CLASS_TOKEN, &task.rows())?)?;
        let (classes, targets) = targets(task, self.device)?;
        let training = self.plan.training;
        let mut optimiser = self.optimiser()?;
        let mut generator = Generator::new(self.seed, "order", task.id());
        let batches = task.len().div_ceil(training.batch_size as usize) as u64;
        let mut steps = 0;
        for epoch in 0..training.epochs {
            optimiser.set_lr(training.rate(epoch));
            let doing = format!("epoch {} of {}", epoch + 1, training.epochs);
            let mut losses = Vec::new();
            let order = generator.permutation(task.len());
            for rows in order.chunks(training.batch_size as usize) {
                if self.host.cancelled() {
                    return Err(Error::cancelled());
                }
                let numbers: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
                let images = task.augmented_images(0, &numbers, epoch.into())?;
                let rows = Tensor::f_from_slice(rows)
                    .and_then(|rows| rows.f_to_device(self.device))
                    .during(&doing)?;
                let batch = TrainingBatch {
                    images: images.view(),
                    queries: queries.f_index_select(0, &rows).during(&doing)?,
                    targets: targets.f_index_select(0, &rows).during(&doing)?,
                    classes: &classes,
                    task: task.id(),
                };
                let loss = self
                    .step(&mut optimiser, &batch)
                    .map_err(|error| error.context(doing.clone()))?;
                losses.push(loss * numbers.len() as f64);
                steps += 1;
                let total = batches * u64::from(training.epochs);
                self.host.progress("step", steps, total);
            }
            // The first value of the epoch to be read, so the only synchronisation with the device.
            let loss = total(&losses).during(&doing)? / task.len().max(1) as f64;
            self.refuse_broken(loss)
                .map_err(|error| error.context(doing))?;
            self.host.scalar("loss", u64::from(epoch) + 1, loss);
        }
        self.tasks = self.tasks.max(task.id());
        Ok(Learned {
            optimiser_steps: steps,
        })
    }

    /// Creates an optimiser of all trained parameters.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn optimiser(&self) -> Result<Optimizer> {
        self.plan
            .training
            .optimiser(&self.variables)
            .during("making the optimiser")
    }

    /// Makes one step on a mini-batch. Returns its mean loss before the step, including the
    /// method's term.
    ///
    /// # Errors
    ///
    /// Propagates errors from the backbone and from libtorch.
    pub fn step(&self, optimiser: &mut Optimizer, batch: &TrainingBatch<'_>) -> Result<Tensor> {
        optimiser.zero_grad();
        let loss = self.gradients(batch)?;
        if self.plan.training.clip_norm > 0.0 {
            optimiser.clip_grad_norm(self.plan.training.clip_norm);
        }
        optimiser.step();
        Ok(loss)
    }

    /// Adds the gradients of a mini-batch's mean loss to `grad()` of every parameter. Returns the
    /// loss.
    ///
    /// # Errors
    ///
    /// Propagates errors from the backbone and from libtorch.
    pub fn gradients(&self, batch: &TrainingBatch<'_>) -> Result<Tensor> {
        let _mode = GradientMode::on();
        let chosen = self
            .method
            .choose(&batch.queries, Stage::Training(batch.task))
            .during("selecting prompts")?;
        let prompts = self.at_their_sites(&chosen);
        let prompted = self
            .images
            .encode(batch.images, &prompts, self.plan.output)?;
        let loss = || {
            let pooled = self.method.pooled(prompted.output())?;
            let logits = self.head.of_classes(&pooled, batch.classes)?;
            let weight = None::<&Tensor>;
            let loss =
                logits.f_cross_entropy_loss(&batch.targets, weight, Reduction::Mean, -100, 0.0)?;
            match &chosen.term {
                Some(term) => loss.f_add(term),
                None => Ok(loss),
            }
        };
        let loss = loss().during("computing the loss")?;
        prompted.backward(&loss)?;
        loss.f_detach().during("computing the loss")
    }

    /// Fails if the loss or a parameter is not finite.
    fn refuse_broken(&self, loss: f64) -> Result<()> {
        let mut sound = loss.is_finite();
        for (name, tensor) in self.parameters() {
            sound &= all_finite(&tensor).during(&name)?;
        }
        match sound {
            true => Ok(()),
            false => Err(Error::failed(format!(
                "training diverged: the loss is not finite; lower `training.lr` (now {})",
                self.plan.training.lr
            ))),
        }
    }
}

/// A mini-batch.
#[derive(Debug)]
pub struct TrainingBatch<'a> {
    /// u8 `[rows, 3, height, width]`.
    pub images: TensorView<'a>,
    /// The class tokens of the images without prompts or augmentation, `[rows, width]`.
    pub queries: Tensor,
    /// The class of every row, as a position among `classes`, i64 `[rows]`.
    pub targets: Tensor,
    /// The ids of the task's classes.
    pub classes: &'a [i64],
    /// The task, counted from 1.
    pub task: u32,
}

/// The ids of a task's classes, and every sample's class as a position among them.
fn targets(task: &Task<'_>, device: Device) -> Result<(Vec<i64>, Tensor)> {
    let classes: Vec<i64> = task.classes().iter().map(|class| class.id.into()).collect();
    let position = |label: &i64| {
        let position = classes.iter().position(|class| class == label);
        position.map(|position| position as i64).ok_or_else(|| {
            Error::failed(format!(
                "a sample has class {label}, which is not among the task's classes {classes:?}"
            ))
        })
    };
    let targets: Vec<i64> = task.labels().iter().map(position).collect::<Result<_>>()?;
    let targets = Tensor::f_from_slice(&targets)
        .and_then(|targets| targets.f_to_device(device))
        .during("preparing the labels")?;
    Ok((classes, targets))
}
