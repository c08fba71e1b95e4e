//! Strategies: a memory of exemplars on frozen features.

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {},
    metrics: {},
}
