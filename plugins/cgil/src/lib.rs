//! Strategies that train class prompts for CLIP's text encoder: CGIL (Frascaroli et al., *CLIP with
//! Generative Latent Replay: a Strong Baseline for Incremental Learning*, arXiv 2407.15793), and
//! prompt tuning, which trains the same prompts on real embeddings.
//!
//! CGIL's data path, for each task:
//!
//! 1. [`Cgil`] splits the task's embeddings by class.
//! 2. A [generator](clbench_generators) is fitted to each class, all classes at once, and kept.
//! 3. In every epoch, embeddings of all classes seen are drawn from the generators.
//! 4. [`tuning`] trains [`prompts`] on them: contexts go in front of the class names, and the
//!    backbone's text encoder computes the text keys that embeddings are compared with, and their
//!    gradients.
//! 5. The [`classifier`] scores images: with the text keys of seen classes and the zero-shot text
//!    features of unseen ones.
//!
//! [`PromptTuning`] has only steps 4 and 5. [`parameters`] holds the settings of a scenario.

mod cgil;
pub mod classifier;
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
        "cgil": Cgil => "generative latent replay: one generator per class, class prompts trained on sampled embeddings",
        "prompt-tuning": PromptTuning => "CGIL's class prompts trained on real embeddings; in the joint regime a reference for CGIL",
    },
    metrics: {},
}
