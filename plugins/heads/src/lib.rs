//! Strategies that train a head on a backbone's frozen features.
//!
//! [`LinearHead`] is softmax regression. Taught task after task it forgets, which makes it the lower bound that a
//! continual-learning method is to stand above; taught all classes at once, as the joint regime does, the very same code
//! is the upper bound on the same features.

pub mod head;
mod linear_head;
pub mod parameters;

pub use linear_head::LinearHead;

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {
        "linear-head": LinearHead => "softmax regression on frozen features: forgets in sequence, the upper bound jointly",
    },
    metrics: {},
}
