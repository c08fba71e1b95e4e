//! Prompts in a backbone, and the image-text comparison that trains them.
//!
//! - [`texts`] and [`images`]: differentiable calls with prompts in the middle of a libtorch graph.
//!   They return a [`Prompted`]: an output that autograd tracks, and its backward pass.
//! - [`text_encoder`]: checks, before training, that a backbone's text encoder has what a strategy
//!   needs.
//! - [`class_texts`]: turns class names into texts, and texts into cached features.
//! - [`templates`]: the averaged features of class names in templates.
//! - [`cosine`]: normalises rows and computes logits from them.

pub mod class_texts;
pub mod cosine;
pub mod images;
mod prompted;
pub mod templates;
pub mod text_encoder;
pub mod texts;

pub use images::PromptedImages;
pub use prompted::{Prompted, Prompts};
pub use texts::PromptedTexts;
