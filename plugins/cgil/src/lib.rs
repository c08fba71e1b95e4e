//! Strategies that train the prompts of classes on CLIP's text encoder: CGIL (Frascaroli et al., *CLIP with Generative Latent
//! Replay: a Strong Baseline for Incremental Learning*, arXiv 2407.15793), and the same prompts trained on real embeddings.
//!
//! The path of CGIL's data, one task at a time:
//!
//! 1. [`Cgil`] takes the task's embeddings, class by class.
//! 2. A [`generator`] is fitted to each class, all of them at once, and kept.
//! 3. Every epoch, embeddings of all classes seen are drawn from what is kept.
//! 4. [`tuning`] trains [`prompts`] on them: contexts go in front of the class names, and the backbone's text encoder gives the
//!    keys that embeddings are compared with, and the way back.
//! 5. The [`classifier`] scores images: with those keys where a class was seen, with zero-shot text features elsewhere.
//!
//! [`PromptTuning`] has steps 4 and 5 alone. What a scenario can set stands in [`parameters`].

mod cgil;
pub mod classifier;
pub mod generator;
pub mod keys;
pub mod network;
pub mod parameters;
mod prompt_tuning;
pub mod prompts;
pub mod tuning;

pub use cgil::Cgil;
pub use prompt_tuning::PromptTuning;

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {
        "cgil": Cgil => "generative replay of embeddings: a generator for each class, class prompts trained on what they draw",
        "prompt-tuning": PromptTuning => "CGIL's class prompts trained on real embeddings; its upper bound where all tasks are there at once",
    },
    metrics: {},
}
