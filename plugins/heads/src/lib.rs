//! Strategies that train a head on a backbone's frozen features.
//!
//! [`LinearHead`] is softmax regression. Trained task by task it forgets, which makes it a lower
//! bound for continual-learning methods; trained on all classes at once (the joint regime), the
//! same code is the upper bound on the same features.

pub mod head;
mod linear_head;
pub mod parameters;

pub use linear_head::LinearHead;

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {
        "linear-head": LinearHead => "softmax regression on frozen features: lower bound in sequence, upper bound jointly",
    },
    metrics: {},
}
