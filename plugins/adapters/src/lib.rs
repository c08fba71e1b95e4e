//! Strategies: adapters between CLIP's frozen image and text features.
//!
//! Both keep CLIP's zero-shot classifier, the texts of the classes, and add something small to it.
//! [`Rapf`] trains one linear adapter behind the image encoder and replays past classes from
//! Gaussians. [`TipAdapter`] adds the votes of a cache of training features, and [`TipAdapterF`]
//! fine-tunes the cache's keys.

pub mod rapf;
pub mod seen;
pub mod stored;
pub mod tip_adapter;

pub use rapf::Rapf;
pub use tip_adapter::{TipAdapter, TipAdapterF};

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {
        "rapf": Rapf => "RAPF: a linear adapter on CLIP's image features, replay from Gaussians, parameter fusion (ECCV 2024)",
        "tip-adapter": TipAdapter => "Tip-Adapter: zero-shot CLIP plus a cache of training features, without training (ECCV 2022)",
        "tip-adapter-f": TipAdapterF => "Tip-Adapter-F: Tip-Adapter whose cached keys are fine-tuned on their task (ECCV 2022)",
    },
    metrics: {},
}
