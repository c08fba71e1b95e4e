//! Strategies that train a head on a backbone's frozen features.
//!
//! [`LinearHead`] is softmax regression. Trained task by task it forgets, which makes it a lower
//! bound for continual-learning methods; trained on all classes at once (the joint regime), the
//! same code is a reference for the same features. [`ExperienceReplay`] adds a memory of past
//! samples. [`ClassifierAlignment`] is the second stage of SLCA: after every task, a copy of the head
//! is trained on features that are drawn for all classes seen.

pub mod classifier_alignment;
mod experience_replay;
pub mod head;
mod linear_head;
pub mod parameters;

pub use classifier_alignment::ClassifierAlignment;
pub use experience_replay::ExperienceReplay;
pub use linear_head::LinearHead;

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {
        "linear-head": LinearHead => "softmax regression on frozen features: forgets in sequence; a reference in the joint regime",
        "classifier-alignment": ClassifierAlignment => "a linear head, aligned after every task on features drawn for all classes (SLCA's second stage)",
        "experience-replay": ExperienceReplay => "a linear head that also trains on a memory of past samples, features or images",
    },
    metrics: {},
}
