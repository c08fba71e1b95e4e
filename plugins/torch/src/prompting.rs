//! Prompts in a backbone, and the comparison of images with texts that they are trained by.
//!
//! - [`texts`] and [`images`]: differentiable calls with prompts in the middle of a graph of
//!   libtorch's. [`Prompted`] is what they give: an output that autograd knows, and the way back.
//! - [`text_encoder`]: what a strategy needs of a backbone's text encoder, asked for before
//!   anything is trained.
//! - [`class_texts`]: class names into texts, and texts into features that are kept.
//! - [`cosine`]: rows of unit length, and logits made of them.

pub mod class_texts;
pub mod cosine;
pub mod images;
mod prompted;
pub mod text_encoder;
pub mod texts;

pub use images::PromptedImages;
pub use prompted::{Prompted, Prompts};
pub use texts::PromptedTexts;
