//! Strategies on CLIP's text encoder: the score of a class is the cosine similarity between the
//! image's embedding and the embedding of a text that contains the class name.
//!
//! - [`ZeroShot`]: the text is a template, such as `a photo of a {}`. Nothing is trained, so it
//!   forgets nothing; its accuracy on future classes is the reference for every other strategy.
//! - [`CoOp`]: learned context vectors replace the template's words.
//!
//! [`prompt`] holds the part of CoOp that knows nothing of tasks: the prompt and its training step.

mod coop;
pub mod parameters;
pub mod prompt;
mod zero_shot;

pub use coop::CoOp;
pub use prompt::Prompt;
pub use zero_shot::ZeroShot;

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {
        "zero-shot": ZeroShot => "CLIP zero-shot: class names in templates, no training",
        "coop": CoOp => "context optimisation (CoOp): learned context tokens instead of a template, trained task by task",
    },
    metrics: {},
}
