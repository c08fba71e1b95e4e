//! Strategies on CLIP's text encoder: an image is scored for a class by the cosine similarity of its embedding with that of a
//! text that holds the class's name.
//!
//! - [`ZeroShot`]: the text is a template, such as `a photo of a {}`, and nothing is trained. It forgets nothing, and what it
//!   makes of classes that are yet to come is what every other strategy is to keep.
//! - [`CoOp`]: instead of a template's words, the text has context vectors that are learned.
//!
//! What CoOp trains, apart from the stream of tasks, is [`prompt`].

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
        "zero-shot": ZeroShot => "CLIP as it is: class names in templates, nothing trained, nothing forgotten",
        "coop": CoOp => "context optimisation: learned context vectors in place of a template's words, task after task",
    },
    metrics: {},
}
