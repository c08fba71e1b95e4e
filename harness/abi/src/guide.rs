//! What a plugin's author may rely on, and a walk-through that trains a text prompt.
//!
//! This module has no code. It answers questions that the reference of a single type does not:
//!
//! - [Lifecycle](#lifecycle): which methods are called, in which order
//! - [Threads](#threads): which thread calls
//! - [Tensors](#tensors): type, shape, device and row order of every tensor
//! - [Randomness, state and files](#randomness-state-and-files)
//! - [Train a text prompt without libtorch](#train-a-text-prompt-without-libtorch): step by step
//! - [Train a text prompt with libtorch](#train-a-text-prompt-with-libtorch)
//!
//! # Lifecycle
//!
//! A *cell* is one strategy on one stream with one seed. It runs in its own process.
//!
//! ```text
//! plan   check → create → drop
//!
//! cell   check → create
//!        if the strategy scores unseen classes, and the regime is sequential:
//!            state → predict … predict → state
//!        for every task:
//!            learn → state → drop → create → restore → state → predict … predict → state
//!        drop
//! ```
//!
//! - **Plan.** Before the first cell, the host creates every backbone and strategy of the scenario
//!   once, all in one process, so that a wrong parameter ends the run before anything is trained.
//! - **`predict` may come before `learn`.** If a strategy declares [`scores_unseen`], the host
//!   measures it before the first task, for all classes of the stream. Otherwise `learn` comes
//!   first, and [`Batch::classes`] are the classes learned so far. In the joint regime there is one
//!   `learn` with all classes, and `predict` follows it.
//! - **Drop and restore.** After every task the strategy is dropped, created again and restored
//!   from its state. The host compares the states before and after as bytes: if they differ, the
//!   cell fails.
//! - **`predict` does not change the state.** The host takes the state before and after all
//!   predictions of a row. If they differ, the cell fails.
//! - A backbone is created once per process: [`create`], [`info`], then encoding calls in any
//!   order. A [`Pullback`] may outlive the handle through which it was created, and is dropped
//!   without running if its gradient is not needed.
//! - A metric is created and asked for its `info` once, then computed for every record.
//!
//! After a panic in `learn`, `predict` or `restore` the strategy is not called again, except to
//! drop it.
//!
//! # Threads
//!
//! - [`Strategy`]: one thread creates it, calls it and drops it, with one call at a time. It need
//!   be neither `Send` nor `Sync`.
//! - [`Task`], [`Batch`]: usable on the thread that called `learn` or `predict`. They cannot be
//!   sent to other threads; the tensors that they return can.
//! - [`Backbone`]: any thread, possibly several at once. The host calls it from one thread, but a
//!   strategy may call its [`BackboneHandle`] from threads of its own.
//! - [`Pullback`]: any thread, not necessarily that of its `forward`.
//! - [`Metric`]: one thread, one call at a time.
//! - [`Host`], [`BackboneHandle`], [`Tensor`]: any thread. The first two are cheap to clone. A
//!   tensor's deleter may run on any thread.
//!
//! A cell is a process, so strategies that train at the same time never share one.
//! [`Setting::threads`] is how many threads one operation may use. Set your library's thread pool
//! to it in `create`: users expect it, and some libraries round differently with another number.
//!
//! # Tensors
//!
//! | tensor | type | shape | device |
//! |---|---|---|---|
//! | [`Task::features`], [`Batch::features`] | f32 | `[rows, embedding width]` | CPU |
//! | [`Task::output`], [`Batch::output`] | f32 | `[rows, width]` | CPU |
//! | [`Task::images`], [`Batch::images`] | u8 | `[rows, 3, height, width]` | CPU |
//! | [`Task::augmented_images`] | u8 | `[rows, 3, height, width]` | CPU |
//! | [`Task::labels`] (a slice) | i64 | `[samples]` | CPU |
//! | logits of [`Strategy::predict`] | f32 | `[images, classes]` | CPU |
//! | [`State::tensors`] | any | any | CPU |
//! | image embeddings: [`encode_images`] | f32 | `[images, embedding width]` | CPU |
//! | text embeddings: [`encode_texts`] | f32 | `[texts, embedding width]` | CPU |
//! | prompts: [`Site::prompt`] | f32 | [`SiteInfo::shape`] | CPU or backbone's |
//! | outputs of [`forward`] with prompts | f32 | `[rows, …]` | the first prompt's |
//! | outputs of [`forward`] without prompts | f32 | `[rows, …]` | CPU |
//! | gradients into a [`Pullback`] | f32 | as the output | CPU or backbone's |
//! | gradients out of a [`Pullback`] | f32 | as the prompt | the first prompt's |
//!
//! "Backbone's" is the device [`BackboneInfo::device`]. Logits and the state's tensors must be
//! contiguous, in row-major order; what the host lends is, too. Other tensors may have any strides:
//! [`TensorView::to_vec`] copies them in row-major order, while [`TensorView::as_slice`] returns an
//! error unless they are contiguous.
//!
//! - **Rows are in the order that you asked for**: row i of `task.features(0, &rows)` belongs to
//!   sample `rows[i]` of the task, whose label is `task.labels()[rows[i]]`. In a batch, row i is
//!   image i. Embeddings are in the order of the images or texts. Outputs, prompts and their
//!   gradients have one row per image, or one per entry of `row_text`.
//! - **Logits** have their rows in the order of the batch, and their columns in the order of
//!   [`Batch::classes`].
//! - **Features are not normalised.** They are projected into the embedding space that images and
//!   texts share, but do not have unit length: a strategy that uses cosine similarity divides by
//!   the norm. The same holds for text embeddings and for the output `embedding`.
//! - **Images** are RGB, channels first, from 0 to 255. The host resizes and crops them as
//!   [`BackboneInfo::image`] says; the backbone subtracts the mean.
//! - **A label is a class id**, from 0 to N − 1 in the order in which classes arrive: a position in
//!   the stream, not in the task. The ids of a task are consecutive, so subtracting the first one
//!   gives the position in the task.
//! - **A task's samples are not shuffled.** They are in the order of the training split. Test
//!   batches mix images of all tasks, in the same order in every run.
//! - **Lent tensors may be read-only** ([`TensorView::read_only`]): features are often a view of a
//!   mapped file. Copy them before you write.
//! - A view is valid during the call; an owned [`Tensor`] for as long as you keep it.
//!
//! # Randomness, state and files
//!
//! - All randomness comes from generators that are seeded with [`Setting::seed`]. The same seed
//!   must give the same bits, whatever else runs in the process.
//! - A generator that continues from one task to the next is part of the state. It is easier to
//!   create one for every task, seeded with the cell's seed and [`Task::id`].
//! - Anything that can be computed from the state and the parameters, such as the text embeddings
//!   of trained prompts, is a cache: leave it out of the state, and compute it when it is needed.
//! - Relative paths in parameters start at the scenario's folder ([`Setting::folder`]). `check`
//!   reports missing files.
//!
//! # Train a text prompt without libtorch
//!
//! Prompt learning keeps a vision-language model frozen and trains a few vectors in its input. Here
//! they are M *context* vectors in place of the words "a photo of a". This is CoOp (Zhou et al.,
//! IJCV 2022) with a context per class. CoOp puts the context before the class name
//! ([`Place::Front`]); the strategy below puts it after ([`Place::End`]), because the toy backbone,
//! on which it is tested, forgets early tokens.
//!
//! A backbone cannot be differentiated from outside, because it lives in another plugin and perhaps
//! in another framework. It differentiates itself: [`forward`] returns outputs and a pullback,
//! which takes the gradient of your loss with respect to the outputs and returns its gradient with
//! respect to your prompts. You compute only what comes after the outputs.
//!
//! ## One gradient step
//!
//! The toy backbone of the [testkit] has the site and output names of a real one:
//!
//! ```
//! # #[cfg(not(feature = "testkit"))] fn main() {}
//! # #[cfg(feature = "testkit")] fn main() -> harness_abi::Result<()> {
//! use harness_abi::testkit::ToyBackbone;
//! use harness_abi::{Inputs, Place, Site, TensorView};
//!
//! let backbone = ToyBackbone::handle();
//! let text = backbone.info().text.as_ref().expect("the toy has a text encoder");
//! let shape = [2, 4, i64::from(text.width)]; // two classes, M = 4
//! let mut context = vec![0.1_f32; 2 * 4 * text.width as usize];
//!
//! // Two texts, one row each. A text can have many rows, each with its own context.
//! let inputs = Inputs::Texts {
//!     texts: &["gull", "tern"],
//!     row_text: &[0, 1],
//!     place: Place::Front,
//!     options: b"",
//! };
//! let mut losses = Vec::new();
//! for _ in 0..2 {
//!     // 1. Forward: the prompt goes in, the embedding [2, width] comes out.
//!     let site = Site { name: "text.context", prompt: TensorView::new(&context, &shape)? };
//!     let mut forwarded = backbone.forward(&inputs, &[site], &["embedding"])?;
//!     let embedding = forwarded.outputs[0].view().to_vec::<f32>()?;
//!
//!     // 2. Loss, and its gradient with respect to the embedding: here ½ ‖e‖², so e.
//!     losses.push(embedding.iter().map(|e| e * e / 2.0).sum::<f32>());
//!     let gradient = TensorView::new(&embedding, forwarded.outputs[0].view().shape())?;
//!
//!     // 3. Pullback: from the embedding's gradient to the prompt's.
//!     let pulled = forwarded.pullback.call(&[("embedding", gradient)])?;
//!     let (site, gradient) = &pulled[0];
//!     assert_eq!((&site[..], gradient.view().shape()), ("text.context", &shape[..]));
//!
//!     // 4. Step.
//!     let gradient = gradient.view().to_vec::<f32>()?;
//!     context.iter_mut().zip(gradient).for_each(|(value, g)| *value -= 0.1 * g);
//! }
//! assert!(losses[1] < losses[0]);
//! # Ok(())
//! # }
//! ```
//!
//! ## The strategy
//!
//! Image features are cached, so images are not encoded during training; f is a feature scaled to
//! unit length. With the text embedding t of a class, u = t / ‖t‖ and the model's logit scale s,
//! the logits are z = s · f · u, and the loss is the mean cross-entropy over the samples. Its
//! gradient is computed in three steps:
//!
//! - dz = (softmax(z) − onehot(label)) / samples
//! - du = s · Σ dz · f, the sum over samples
//! - dt = (du − (du · u) u) / ‖t‖, the gradient of the normalisation
//!
//! The pullback then goes from dt to the context. The methods, in the order of the
//! [lifecycle](#lifecycle):
//!
//! 1. **check** asks for what is needed: one backbone, with a text encoder, the site
//!    `text.context`, and enough room for the context. A context per class is noise until it is
//!    trained, so the strategy does not score unseen classes, and `predict` never comes before
//!    `learn`.
//! 2. **create** draws the contexts from the seed.
//! 3. **learn** trains the contexts of the task's classes, and only those. It reports progress, and
//!    checks in every epoch whether the run is to stop.
//! 4. **predict** encodes the texts with the trained contexts.
//! 5. **state** and **restore** carry the contexts as a tensor. There is nothing else to remember:
//!    the names of the classes come with every batch. Counters and names would go into the JSON
//!    part, with [`State::write`] and [`State::read`].
//!
//! ```
//! use harness_abi::foreign::Forwarded;
//! use harness_abi::{
//!     BackboneHandle, Batch, Class, Declaration, Error, Host, Inputs, Learned, Outline,
//!     ParameterSet, Place, Result, Setting, Site, State, Strategy, Task, Tensor, TensorView,
//! };
//!
//! #[derive(serde::Deserialize, ParameterSet)]
//! #[serde(deny_unknown_fields, default)]
//! struct Parameters {
//!     /// M, the number of context tokens.
//!     #[parameter(default = 4, at_least = 1)]
//!     context_tokens: u32,
//!     /// Passes over a task's samples.
//!     #[parameter(default = 100, at_least = 1)]
//!     epochs: u32,
//!     /// η, the learning rate of SGD.
//!     #[parameter(default = 0.05, above = 0)]
//!     lr: f32,
//! }
//!
//! struct TextPrompt {
//!     parameters: Parameters,
//!     backbone: BackboneHandle,
//!     host: Host,
//!     /// The factor between cosine similarity and logits.
//!     scale: f32,
//!     /// The width of an embedding.
//!     width: usize,
//!     /// The size of one class's context, M · token width.
//!     size: usize,
//!     contexts: Vec<f32>, // [classes, M, token width]
//! }
//!
//! impl Strategy for TextPrompt {
//!     type Parameters = Parameters;
//!
//!     fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
//!         let info = outline.backbone()?;
//!         let (Some(text), Some(_)) = (&info.text, info.logit_scale) else {
//!             return Err(Error::unsupported(format!(
//!                 "backbone `{}` cannot compare images with texts; use one such as `clip`",
//!                 info.name
//!             )));
//!         };
//!         if !info.sites.iter().any(|site| site.name == "text.context") {
//!             return Err(Error::unsupported(format!(
//!                 "backbone `{}` has no site `text.context`; use one such as `clip`",
//!                 info.name
//!             )));
//!         }
//!         let most = text.context_length.saturating_sub(4); // start, end and a short name
//!         if parameters.context_tokens > most {
//!             let message = format!("must be at most {most}, got {}", parameters.context_tokens);
//!             return Err(Error::parameter("context_tokens", message));
//!         }
//!         let size = u64::from(parameters.context_tokens * text.width);
//!         Ok(Declaration {
//!             scores_unseen: false,
//!             trainable_parameters: u64::from(outline.classes) * size,
//!             ..Declaration::default()
//!         })
//!     }
//!
//!     fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
//!         let backbone = setting.backbone()?.clone();
//!         let info = backbone.info();
//!         let token = info.text.as_ref().map_or(0, |text| text.width); // see `check`
//!         let size = (parameters.context_tokens * token) as usize;
//!         let mut seed = setting.seed;
//!         let contexts = (0..setting.classes as usize * size).map(|_| 0.1 * noise(&mut seed));
//!         Ok(TextPrompt {
//!             contexts: contexts.collect(),
//!             scale: info.logit_scale.unwrap_or(1.0) as f32,
//!             width: info.embedding_width as usize,
//!             host: setting.host,
//!             parameters,
//!             backbone,
//!             size,
//!         })
//!     }
//!
//!     fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
//!         let features = self.unit_rows(&task.features(0, &task.rows())?)?;
//!         // Positions among the task's classes, which are in ascending order of id.
//!         let position = |label: &i64| {
//!             let ids = task.classes().iter().map(|class| i64::from(class.id));
//!             ids.take_while(|id| id < label).count()
//!         };
//!         let targets: Vec<usize> = task.labels().iter().map(position).collect();
//!         let epochs = u64::from(self.parameters.epochs);
//!         for epoch in 1..=epochs {
//!             if self.host.cancelled() {
//!                 return Err(Error::cancelled());
//!             }
//!             let loss = self.step(task.classes(), &features, &targets)?;
//!             self.host.scalar("loss", epoch, loss.into());
//!             self.host.progress("epoch", epoch, epochs);
//!         }
//!         Ok(Learned { optimiser_steps: epochs })
//!     }
//!
//!     fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
//!         let features = self.unit_rows(&batch.features(0)?)?;
//!         let texts = self.unit_rows(&self.forward(batch.classes())?.outputs[0])?;
//!         let mut logits = Vec::new(); // [images, classes]
//!         for feature in features.chunks_exact(self.width) {
//!             for text in texts.chunks_exact(self.width) {
//!                 logits.push(self.scale * dot(feature, text));
//!             }
//!         }
//!         Tensor::from_vec(logits, &[batch.len() as i64, batch.classes().len() as i64])
//!     }
//!
//!     fn state(&self) -> Result<State> {
//!         let shape = [self.contexts.len() as i64];
//!         let contexts = Tensor::from_vec(self.contexts.clone(), &shape)?;
//!         Ok(State { tensors: vec![("contexts".into(), contexts)], ..State::default() })
//!     }
//!
//!     fn restore(&mut self, mut state: State) -> Result<()> {
//!         let contexts = state.take("contexts")?;
//!         contexts.view().expect_shape("`contexts`", &[self.contexts.len() as i64])?;
//!         self.contexts = contexts.view().to_vec()?;
//!         Ok(())
//!     }
//! }
//!
//! impl TextPrompt {
//!     /// Encodes the names of classes, each with its context.
//!     fn forward(&self, classes: &[Class]) -> Result<Forwarded> {
//!         let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
//!         let rows: Vec<i64> = (0..classes.len() as i64).collect();
//!         let contexts = classes.iter().flat_map(|class| &self.contexts[self.range(class)]);
//!         let contexts: Vec<f32> = contexts.copied().collect();
//!         let tokens = i64::from(self.parameters.context_tokens);
//!         let shape = [rows.len() as i64, tokens, self.size as i64 / tokens];
//!         let inputs = Inputs::Texts {
//!             texts: &names,
//!             row_text: &rows,
//!             place: Place::End,
//!             options: b"",
//!         };
//!         let prompt = TensorView::new(&contexts, &shape)?;
//!         self.backbone.forward(&inputs, &[Site { name: "text.context", prompt }], &["embedding"])
//!     }
//!
//!     /// The place of a class's context.
//!     fn range(&self, class: &Class) -> std::ops::Range<usize> {
//!         let start = class.id as usize * self.size;
//!         start..start + self.size
//!     }
//!
//!     /// One step of gradient descent on the contexts of classes; returns the loss.
//!     fn step(&mut self, classes: &[Class], features: &[f32], targets: &[usize]) -> Result<f32> {
//!         let mut forwarded = self.forward(classes)?;
//!         let shape = forwarded.outputs[0].view().shape().to_vec();
//!         let texts = forwarded.outputs[0].view().to_vec::<f32>()?; // t: [classes, width]
//!         let units = self.unit_rows(&forwarded.outputs[0])?; // u: [classes, width]
//!
//!         let mut loss = 0.0;
//!         let mut gradient = vec![0.0_f32; texts.len()]; // du: [classes, width]
//!         for (feature, &target) in features.chunks_exact(self.width).zip(targets) {
//!             let logits = units.chunks_exact(self.width).map(|u| self.scale * dot(feature, u));
//!             let logits: Vec<f32> = logits.collect();
//!             let largest = logits.iter().fold(f32::MIN, |a, &b| a.max(b));
//!             let sum: f32 = logits.iter().map(|z| (z - largest).exp()).sum();
//!             loss += (largest + sum.ln() - logits[target]) / targets.len() as f32;
//!             for (class, z) in logits.iter().enumerate() {
//!                 let hit = f32::from(u8::from(class == target));
//!                 let dz = ((z - largest).exp() / sum - hit) / targets.len() as f32;
//!                 let du = &mut gradient[class * self.width..][..self.width];
//!                 du.iter_mut().zip(feature).for_each(|(du, f)| *du += self.scale * dz * f);
//!             }
//!         }
//!         let rows = gradient.chunks_exact_mut(self.width);
//!         let rows = rows.zip(units.chunks_exact(self.width)).zip(texts.chunks_exact(self.width));
//!         for ((row, u), t) in rows {
//!             let (along, length) = (dot(row, u), dot(t, t).sqrt());
//!             row.iter_mut().zip(u).for_each(|(d, u)| *d = (*d - along * u) / length); // dt
//!         }
//!
//!         let gradient = TensorView::new(&gradient, &shape)?;
//!         let pulled = forwarded.pullback.call(&[("embedding", gradient)])?;
//!         let pulled = pulled[0].1.view().to_vec::<f32>()?; // [classes, M, token width]
//!         for (class, gradient) in classes.iter().zip(pulled.chunks_exact(self.size)) {
//!             let (range, lr) = (self.range(class), self.parameters.lr);
//!             let context = &mut self.contexts[range];
//!             context.iter_mut().zip(gradient).for_each(|(value, g)| *value -= lr * g);
//!         }
//!         Ok(loss)
//!     }
//!
//!     /// The rows `[rows, width]`, each scaled to unit length.
//!     fn unit_rows(&self, rows: &Tensor) -> Result<Vec<f32>> {
//!         rows.view().expect_shape("the embeddings", &[-1, self.width as i64])?;
//!         let mut rows = rows.view().to_vec::<f32>()?;
//!         for row in rows.chunks_exact_mut(self.width) {
//!             let length = dot(row, row).sqrt().max(1e-12);
//!             row.iter_mut().for_each(|value| *value /= length);
//!         }
//!         Ok(rows)
//!     }
//! }
//!
//! fn dot(a: &[f32], b: &[f32]) -> f32 {
//!     a.iter().zip(b).map(|(a, b)| a * b).sum()
//! }
//!
//! /// Uniform in −1..1, by SplitMix64.
//! fn noise(state: &mut u64) -> f32 {
//!     *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
//!     let mut z = *state;
//!     z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
//!     z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
//!     ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
//! }
//!
//! # #[cfg(feature = "testkit")] {
//! use harness_abi::testkit::{self, SyntheticStream, json};
//!
//! // Everything that a host relies on. Guessing reaches one in seven.
//! testkit::strategy::<TextPrompt>()
//!     .bad_parameters(json!({ "context_tokens": 0 }), "context_tokens")
//!     .bad_parameters(json!({ "lr": 0 }), "lr")
//!     .expect_accuracy_above(0.4)
//!     .check();
//! // One task with all seven classes.
//! let joint = SyntheticStream { classes_per_task: vec![7], ..SyntheticStream::default() };
//! testkit::strategy::<TextPrompt>().stream(joint).expect_accuracy_above(0.9).check();
//! # }
//! ```
//!
//! On one task the strategy classifies all but a few images correctly, on three tasks only half of
//! them: contexts that were trained in different tasks never competed with each other. Reducing
//! this is what continual learning is about.
//!
//! To share one context between all classes, as CoOp does by default, repeat it for every row
//! before `forward`, and sum the pulled gradient over the rows. The strategy can then declare
//! `scores_unseen: true`.
//!
//! `options` is a JSON object with what the backbone lets its caller choose. CoOp's texts end with
//! a full stop, which the backbone `clip` appends if the options are `{"suffix": "."}`.
//!
//! On a GPU, outputs are where the prompt is ([Tensors](#tensors)): keep it on the CPU for plain
//! Rust arithmetic, or on the backbone's device for a framework.
//!
//! # Train a text prompt with libtorch
//!
//! With libtorch, autograd computes everything that comes before and after the backbone: prompts
//! may be any function of any parameters, and the loss any function of the output. The crate
//! `clbench-torch` in `plugins/torch` connects the two, and its module `guide` has the same
//! strategy, shorter and for any device. The plugin `plugins/text-prompts` is the full version,
//! with mini-batches, schedules, shared contexts and contexts in any place.
//!
//! [`Backbone`]: crate::Backbone
//! [`BackboneHandle`]: crate::BackboneHandle
//! [`BackboneInfo::device`]: crate::BackboneInfo::device
//! [`BackboneInfo::image`]: crate::BackboneInfo::image
//! [`Batch`]: crate::Batch
//! [`Batch::classes`]: crate::Batch::classes
//! [`Batch::features`]: crate::Batch::features
//! [`Batch::images`]: crate::Batch::images
//! [`Batch::output`]: crate::Batch::output
//! [`Host`]: crate::Host
//! [`Metric`]: crate::Metric
//! [`Place::End`]: crate::Place::End
//! [`Place::Front`]: crate::Place::Front
//! [`Pullback`]: crate::Pullback
//! [`Setting::folder`]: crate::Setting::folder
//! [`Setting::seed`]: crate::Setting::seed
//! [`Setting::threads`]: crate::Setting::threads
//! [`Site::prompt`]: crate::Site::prompt
//! [`SiteInfo::shape`]: crate::backbone::SiteInfo::shape
//! [`State::read`]: crate::State::read
//! [`State::tensors`]: crate::State::tensors
//! [`State::write`]: crate::State::write
//! [`Strategy`]: crate::Strategy
//! [`Strategy::predict`]: crate::Strategy::predict
//! [`Task`]: crate::Task
//! [`Task::augmented_images`]: crate::Task::augmented_images
//! [`Task::features`]: crate::Task::features
//! [`Task::id`]: crate::Task::id
//! [`Task::images`]: crate::Task::images
//! [`Task::labels`]: crate::Task::labels
//! [`Task::output`]: crate::Task::output
//! [`Tensor`]: crate::Tensor
//! [`TensorView::as_slice`]: crate::TensorView::as_slice
//! [`TensorView::read_only`]: crate::TensorView::read_only
//! [`TensorView::to_vec`]: crate::TensorView::to_vec
//! [`create`]: crate::Backbone::create
//! [`encode_images`]: crate::Backbone::encode_images
//! [`encode_texts`]: crate::Backbone::encode_texts
//! [`forward`]: crate::Backbone::forward
//! [`info`]: crate::Backbone::info
//! [`scores_unseen`]: crate::Declaration::scores_unseen
//! [testkit]: crate::testkit
