//! Strategies: a memory of exemplars on frozen features.
//!
//! [`NearestMeanOfExemplars`] is iCaRL's classifier: [`NearestMean`] has the formulas. The memory
//! itself is [`clbench_torch::exemplars`], which other plugins use too.

mod nearest_mean;
mod nearest_mean_of_exemplars;
pub mod parameters;

pub use nearest_mean::NearestMean;
pub use nearest_mean_of_exemplars::NearestMeanOfExemplars;

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {
        "nearest-mean-of-exemplars": NearestMeanOfExemplars => "iCaRL's classifier: the nearest mean of a few kept samples of each class",
    },
    metrics: {},
}
