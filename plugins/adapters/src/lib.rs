//! Strategies: adapters between CLIP's frozen image and text features.

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {},
    metrics: {},
}
