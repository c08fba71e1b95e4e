//! Strategies that insert prompts into the image encoder and train a classifier on its output: L2P,
//! DualPrompt and CODA-Prompt. They ignore class names, so they cannot score unseen classes.
//!
//! They differ in which prompts an image gets, which is a [`Method`]; the rest is shared, a
//! [`Learner`]:
//!
//! ```text
//! image ─ frozen encoder, cached ─▶ query ─ method ─▶ prompts
//! image + prompts ─ the same encoder ─▶ output ─ pooled ─▶ head ─▶ logits
//! ```
//!
//! - The query is the class token of the image without prompts, from the host's cache, so a step
//!   encodes an image once, not twice. If the stream augments training images, the query is still
//!   that of the original image.
//! - The candidates of the cross-entropy are the current task's classes; the rows of other classes
//!   get no gradient.
//! - Every task starts with a new optimiser. The state is the parameters and the number of tasks
//!   learned.
//!
//! The papers use an ImageNet ViT, as the backbone `vit` does. On a backbone with a text encoder,
//! such as CLIP, the strategies declare an adaptation.

pub mod coda_prompt;
pub mod dual_prompt;
pub mod head;
pub mod image_encoder;
pub mod l2p;
pub mod learner;
mod method;
pub mod pool;
#[cfg(test)]
mod presets_tests;
pub mod training;

pub use coda_prompt::CodaPrompt;
pub use dual_prompt::DualPrompt;
pub use l2p::L2p;
pub use learner::Learner;
pub use method::{Chosen, Method, Plan, Stage};

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {
        "l2p": Learner<L2p> => "L2P: prompts from a prompt pool, chosen by the image's class token, beside its patches",
        "dualprompt": Learner<DualPrompt> => "DualPrompt: prefix tuning with general prompts in early layers, one expert prompt per task in later ones",
        "coda-prompt": Learner<CodaPrompt> => "CODA-Prompt: prefix tuning with attention-weighted sums of components, some added for each task",
    },
    metrics: {},
}
