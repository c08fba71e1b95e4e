//! The checks that a plugin author runs on their own plugin.
//!
//! What the traits cannot say in types, a host still relies on: that a seed decides every bit, that a state is all that
//! a strategy remembers, that a sample's logits do not depend on its batch, that a pullback is the gradient. The kit
//! puts an author's type behind the real boundary, the same guard and wire as in a loaded file, drives it as a host
//! does, and says what a host could not live with. It needs no data and no weights: a [`SyntheticStream`] of pictures
//! and a [`ToyBackbone`] are part of it.
//!
//! It is made for an ordinary test:
//!
//! ```
//! use harness_abi::testkit::{self, json};
//! use harness_abi::{
//!     Batch, Declaration, Keeps, Learned, Outline, ParameterSet, Result, Setting, State, Strategy, Task, Tensor,
//! };
//!
//! /// Scores a class by the inner product with the sum of its features.
//! struct Prototypes {
//!     scale: f32,
//!     width: usize,
//!     sums: Vec<f32>, // [classes, width]
//! }
//!
//! #[derive(serde::Deserialize, ParameterSet)]
//! #[serde(deny_unknown_fields, default)]
//! struct Parameters {
//!     /// What the sums are multiplied by.
//!     #[parameter(default = 1.0, above = 0)]
//!     scale: f32,
//! }
//!
//! impl Strategy for Prototypes {
//!     type Parameters = Parameters;
//!
//!     fn check(_parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
//!         outline.backbone()?;
//!         Ok(Declaration {
//!             keeps: vec![Keeps::Statistics],
//!             scores_unseen: false,
//!             batch_dependent: false,
//!             trainable_parameters: 0,
//!             ..Declaration::default()
//!         })
//!     }
//!
//!     fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
//!         let width = setting.backbone()?.info().embedding_width as usize;
//!         let sums = vec![0.0; width * setting.classes as usize];
//!         Ok(Prototypes { scale: parameters.scale, width, sums })
//!     }
//!
//!     fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
//!         let features = task.features(0, &task.rows())?;
//!         features.view().expect_shape("the features", &[-1, self.width as i64])?;
//!         let rows = features.view().as_slice::<f32>()?.chunks_exact(self.width);
//!         for (row, &label) in rows.zip(task.labels()) {
//!             let sum = &mut self.sums[label as usize * self.width..][..self.width];
//!             sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
//!         }
//!         Ok(Learned::default())
//!     }
//!
//!     fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
//!         let features = batch.features(0)?;
//!         features.view().expect_shape("the features", &[-1, self.width as i64])?;
//!         let mut logits = Vec::new();
//!         for row in features.view().as_slice::<f32>()?.chunks_exact(self.width) {
//!             for class in batch.classes() {
//!                 let sum = &self.sums[class.id as usize * self.width..][..self.width];
//!                 let product: f32 = sum.iter().zip(row).map(|(a, b)| a * b).sum();
//!                 logits.push(self.scale * product);
//!             }
//!         }
//!         Tensor::from_vec(logits, &[batch.len() as i64, batch.classes().len() as i64])
//!     }
//!
//!     fn state(&self) -> Result<State> {
//!         let shape = [self.sums.len() as i64];
//!         let sums = Tensor::from_vec(self.sums.clone(), &shape)?;
//!         Ok(State { tensors: vec![("sums".into(), sums)], ..State::default() })
//!     }
//!
//!     fn restore(&mut self, mut state: State) -> Result<()> {
//!         self.sums = state.take("sums")?.view().to_vec()?;
//!         Ok(())
//!     }
//! }
//!
//! testkit::strategy::<Prototypes>()
//!     .parameters(json!({ "scale": 2.0 }))
//!     .bad_parameters(json!({ "scale": -1.0 }), "scale")
//!     .bad_parameters(json!({ "scale": "large" }), "scale")
//!     .expect_accuracy_above(0.5)
//!     .check();
//! ```
//!
//! A backbone is checked by [`backbone`](fn@backbone). Both kits collect all that they find in a [`Report`] before
//! `check` panics with it; [`Check`] lists what is looked at. State that a framework keeps for the whole process, such
//! as a gradient mode, the kit sees through the author's own probe: `global_state("the gradient mode", || …)`.

mod backbone;
mod bad_parameters;
mod linked;
mod random;
mod report;
mod strategy;
mod stream;
mod toy;
mod watch;

pub use backbone::{BackboneKit, backbone};
pub use report::{Check, Finding, Report};
pub use serde_json::json;
pub use strategy::{StrategyKit, strategy};
pub use stream::SyntheticStream;
pub use toy::{ToyBackbone, ToyParameters};

use crate::backbone::{Backbone, BackboneSetting};
use crate::error::Result;
use crate::foreign::BackboneHandle;
use crate::host::Host;
use std::path::PathBuf;

/// Makes a backbone on the CPU, with one thread, and puts it behind the boundary, as
/// [`StrategyKit::backbone`] takes it.
///
/// # Errors
///
/// What the backbone reports.
pub fn backbone_handle<B: Backbone>(parameters: &serde_json::Value) -> Result<BackboneHandle> {
    linked::backbone_plugin::<B>().backbone(linked::NAME, parameters, &backbone_setting())
}

fn backbone_setting() -> BackboneSetting {
    BackboneSetting {
        device: "cpu".into(),
        threads: 1,
        folder: PathBuf::from("."),
        host: Host::silent(),
    }
}
