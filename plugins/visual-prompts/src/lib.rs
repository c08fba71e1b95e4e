//! Strategies that put prompts into the image encoder and train a classifier on what comes out: L2P, DualPrompt and
//! CODA-Prompt. They know classes by number only, so they cannot score one that they were not taught.
//!
//! The three differ in which prompts an image gets, which is a [`Method`]; all else is one [`Learner`]:
//!
//! ```text
//! image ─ frozen encoder, cached ─▶ query ─ method ─▶ prompts
//! image + prompts ─ the same encoder ─▶ output ─ pooled ─▶ head ─▶ logits
//! ```
//!
//! - The query is the class token of the image without prompts, from the host's cache: an image passes the encoder once a step,
//!   not twice. Where the stream augments its training images, the query is still that of the plain image.
//! - The cross-entropy chooses among the current task's classes; the rows of other classes get no gradient.
//! - Every task begins with a fresh optimiser. The state is the parameters and the number of tasks.
//!
//! The papers have an ImageNet ViT; the backbone `vit` is one. On any other backbone with the same sites, such as CLIP's image
//! encoder, the strategies declare themselves an adaptation.

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
        "l2p": Learner<L2p> => "L2P: prompts from a pool, chosen by the image's class token, beside its patches",
        "dualprompt": Learner<DualPrompt> => "DualPrompt: general prompts in the first layers, one expert for each task behind them",
        "coda-prompt": Learner<CodaPrompt> => "CODA-Prompt: prompts mixed of components by attention, a share of them for each task",
    },
    metrics: {},
}
