//! Strategies: class means, ridge regression and discriminants on frozen features, in closed form.

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {},
    metrics: {},
}
