//! A walk-through: train a text prompt with libtorch.
//!
//! This module has no code. It shows the strategy of `harness_abi::guide`, a context per class that
//! is trained with cosine similarity and cross-entropy, with this crate. Read that guide first: it
//! says which method is called when, and what the tensors look like. Without libtorch, the strategy
//! computes the gradient of the loss by hand and works on the CPU only; with libtorch, autograd
//! does it on any device.
//!
//! # Between autograd and the backbone
//!
//! Autograd cannot see through a backbone, which is another plugin and perhaps uses another
//! framework. [`PromptedTexts`] puts the call into the graph: [`encode`] returns an output that is
//! a leaf, and [`Prompted::backward`] takes the gradient of the loss with respect to that leaf,
//! through the backbone's pullback, and on to the parameters that the prompts are made of. After
//! it, `grad()` is set on all of them, as after any `backward`. [`PromptedImages`] does the same
//! for image prompts.
//!
//! # Rules on libtorch
//!
//! - **Gradient mode.** It belongs to the thread and is shared with every plugin on it. Set it at
//!   the start of every method with a [`GradientMode`], which restores it when it is dropped.
//! - **Randomness.** libtorch has one global generator; do not seed or use it. Draw from a
//!   [`Generator`], named by the seed, a purpose and the task.
//! - **Threads.** Call [`threads::set`] in `create`.
//! - **Errors.** Use the methods of tch that begin with `f_`: they return errors, where the others
//!   panic. [`During`] adds what was being done.
//! - **Tensors.** [`bridge`] copies tensors between the boundary and libtorch.
//!
//! # The strategy
//!
//! 1. **check** asks [`text_encoder`] for a logit scale and for room for the context, and
//!    [`device::named`] whether the device exists.
//! 2. **create** draws the contexts, `[classes, M, token width]`, on the device.
//! 3. **learn** trains a copy of the contexts of the task's classes with SGD, then writes it back.
//!    A step is forward, loss, backward, step, as in any PyTorch program; only forward and backward
//!    are those of [`PromptedTexts`].
//! 4. **predict** encodes the texts of the batch's classes, without gradient.
//! 5. **state** and **restore** use [`state`].
//!
//! ```
//! use clbench_torch::bridge::{device, state, threads};
//! use clbench_torch::prompting::class_texts::{scored, unit_features};
//! use clbench_torch::prompting::cosine::{logits, unit_rows};
//! use clbench_torch::prompting::{PromptedTexts, text_encoder};
//! use clbench_torch::tch::nn::{OptimizerConfig, Sgd, VarStore};
//! use clbench_torch::tch::{Device, Reduction, Tensor};
//! use clbench_torch::training::GradientMode;
//! use clbench_torch::{During, Generator};
//! use harness_abi::serde::Deserialize;
//! use harness_abi::{
//!     BackboneHandle, Batch, Class, Declaration, Error, Host, Learned, Outline, ParameterSet,
//!     Place, Result, Setting, State, Strategy, Task,
//! };
//!
//! #[derive(Deserialize, ParameterSet)]
//! #[serde(crate = "harness_abi::serde", deny_unknown_fields, default)]
//! struct Parameters {
//!     /// M, the number of context tokens.
//!     #[parameter(default = 4, at_least = 1)]
//!     context_tokens: u32,
//!     /// Passes over a task's samples.
//!     #[parameter(default = 100, at_least = 1)]
//!     epochs: u32,
//!     /// η, the learning rate of SGD.
//!     #[parameter(default = 0.05, above = 0)]
//!     lr: f64,
//! }
//!
//! struct TextPrompt {
//!     parameters: Parameters,
//!     backbone: BackboneHandle,
//!     host: Host,
//!     device: Device,
//!     scale: f64,
//!     contexts: Tensor, // [classes, M, token width]
//! }
//!
//! impl Strategy for TextPrompt {
//!     type Parameters = Parameters;
//!
//!     fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
//!         device::named(&outline.device)?;
//!         let info = outline.backbone()?;
//!         text_encoder::logit_scale(info)?;
//!         let tokens = parameters.context_tokens;
//!         let text = text_encoder::with_room_for(info, tokens, "context_tokens")?;
//!         let size = u64::from(tokens) * u64::from(text.width);
//!         Ok(Declaration {
//!             scores_unseen: false,
//!             trainable_parameters: u64::from(outline.classes) * size,
//!             ..Declaration::default()
//!         })
//!     }
//!
//!     fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
//!         threads::set(setting.threads)?;
//!         let device = device::named(&setting.device)?;
//!         let backbone = setting.backbone()?.clone();
//!         let tokens = parameters.context_tokens;
//!         let text = text_encoder::with_room_for(backbone.info(), tokens, "context_tokens")?;
//!         let shape = [setting.classes, tokens, text.width].map(i64::from);
//!         let mut generator = Generator::new(setting.seed, "contexts", 0);
//!         Ok(TextPrompt {
//!             contexts: generator.normal_tensor(&shape, 0.1, device)?,
//!             scale: text_encoder::logit_scale(backbone.info())?,
//!             host: setting.host,
//!             parameters,
//!             backbone,
//!             device,
//!         })
//!     }
//!
//!     fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
//!         let _mode = GradientMode::on();
//!         let features = unit_features(&task.features(0, &task.rows())?, self.device)?;
//!         // Positions among the task's classes, which are in ascending order of id.
//!         let position = |label: &i64| {
//!             let ids = task.classes().iter().map(|class| i64::from(class.id));
//!             ids.take_while(|id| id < label).count() as i64
//!         };
//!         let targets: Vec<i64> = task.labels().iter().map(position).collect();
//!         let targets = Tensor::f_from_slice(&targets)
//!             .and_then(|targets| targets.f_to_device(self.device))
//!             .during("the labels")?;
//!
//!         let texts = self.texts(task.classes())?;
//!         let variables = VarStore::new(self.device);
//!         let ids = self.ids(task.classes())?;
//!         let start = self.contexts.f_index_select(0, &ids).during("the contexts")?;
//!         let context = variables.root().var_copy("context", &start);
//!         let mut optimiser = Sgd::default()
//!             .build(&variables, self.parameters.lr)
//!             .during("creating the optimiser")?;
//!         let epochs = u64::from(self.parameters.epochs);
//!         for epoch in 1..=epochs {
//!             if self.host.cancelled() {
//!                 return Err(Error::cancelled());
//!             }
//!             optimiser.zero_grad();
//!             let encoded = texts.encode(&context)?; // [classes, width]
//!             let loss = unit_rows(encoded.output())
//!                 .and_then(|units| logits(&features, &units, self.scale)) // [rows, classes]
//!                 .and_then(|logits| {
//!                     let weights = None::<&Tensor>;
//!                     logits.f_cross_entropy_loss(&targets, weights, Reduction::Mean, -100, 0.0)
//!                 })
//!                 .during("the loss")?;
//!             encoded.backward(&loss)?; // sets `context.grad()`
//!             optimiser.step();
//!             self.host.scalar("loss", epoch, loss.double_value(&[]));
//!             self.host.progress("epoch", epoch, epochs);
//!         }
//!
//!         let _mode = GradientMode::off();
//!         self.contexts.f_index_copy_(0, &ids, &context).during("keeping the contexts")?;
//!         Ok(Learned { optimiser_steps: epochs })
//!     }
//!
//!     fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
//!         let _mode = GradientMode::off();
//!         let features = unit_features(&batch.features(0)?, self.device)?;
//!         let ids = self.ids(batch.classes())?;
//!         let contexts = self.contexts.f_index_select(0, &ids).during("the contexts")?;
//!         let texts = self.texts(batch.classes())?.embeddings(&contexts)?;
//!         let units = unit_rows(&texts).during("the texts' length")?;
//!         scored(&features, &units, self.scale)
//!     }
//!
//!     fn state(&self) -> Result<State> {
//!         let mut written = State::default();
//!         state::put(&mut written, "contexts", &self.contexts)?;
//!         Ok(written)
//!     }
//!
//!     fn restore(&mut self, mut written: State) -> Result<()> {
//!         state::take(&mut written, "contexts", &mut self.contexts)
//!     }
//! }
//!
//! impl TextPrompt {
//!     /// The classes' names, each with its own context.
//!     fn texts(&self, classes: &[Class]) -> Result<PromptedTexts> {
//!         let names = classes.iter().map(|class| class.name.clone()).collect();
//!         PromptedTexts::one_row_each(&self.backbone, names, Place::End, b"")
//!     }
//!
//!     /// The rows of classes in `contexts`.
//!     fn ids(&self, classes: &[Class]) -> Result<Tensor> {
//!         let ids: Vec<i64> = classes.iter().map(|class| i64::from(class.id)).collect();
//!         Tensor::f_from_slice(&ids)
//!             .and_then(|ids| ids.f_to_device(self.device))
//!             .during("the classes' rows")
//!     }
//! }
//!
//! use harness_abi::testkit::{self, SyntheticStream, json};
//!
//! testkit::strategy::<TextPrompt>()
//!     .bad_parameters(json!({ "context_tokens": 0 }), "context_tokens")
//!     .bad_parameters(json!({ "context_tokens": 21 }), "context_tokens")
//!     .bad_parameters(json!({ "lr": 0 }), "lr")
//!     .expect_accuracy_above(0.4)
//!     .check();
//! // One task with all seven classes.
//! let joint = SyntheticStream { classes_per_task: vec![7], ..SyntheticStream::default() };
//! testkit::strategy::<TextPrompt>().stream(joint).expect_accuracy_above(0.9).check();
//! ```
//!
//! To share one context between all classes, keep it as `[M, token width]` and expand it to one row
//! per class before `encode`: autograd sums the gradient. It may also be the output of a network,
//! for example one that reads image features. `plugins/text-prompts` has mini-batches, schedules
//! and shared contexts.
//!
//! [`GradientMode`]: crate::training::GradientMode
//! [`Prompted::backward`]: crate::prompting::Prompted::backward
//! [`PromptedImages`]: crate::prompting::PromptedImages
//! [`PromptedTexts`]: crate::prompting::PromptedTexts
//! [`During`]: crate::During
//! [`Generator`]: crate::Generator
//! [`bridge`]: crate::bridge
//! [`device::named`]: crate::bridge::device::named
//! [`encode`]: crate::prompting::PromptedTexts::encode
//! [`state`]: crate::bridge::state
//! [`text_encoder`]: crate::prompting::text_encoder
//! [`threads::set`]: crate::bridge::threads::set
