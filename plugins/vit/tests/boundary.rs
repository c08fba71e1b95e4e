//! Runs the ABI testkit on this plugin, which also compares every site's gradients with finite
//! differences.

#[path = "tiny/vit.rs"]
mod tiny;

use clbench_torch::training::GradientMode;
use clbench_torch::{tch, testkit::gradient_mode};
use clbench_vit::Vit;
use harness_abi::testkit::{self, json};
use tiny::TinyVit;

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    clbench_torch::bridge::threads::set(1).unwrap();
    let tiny = TinyVit::new(tiny::query_model());
    testkit::backbone::<Vit>()
        .folder(tiny.setting().folder)
        .parameters(json!({ "path": "tiny-vit" }))
        .bad_parameters(json!({ "path": 3 }), "path")
        .bad_parameters(json!({ "path": "tiny-vit", "dtype": "f8" }), "dtype")
        .bad_parameters(
            json!({ "path": "tiny-vit", "preprocessing": { "mean": [0, 0, 0] } }),
            "preprocessing.std",
        )
        .global_state("the gradient mode", gradient_mode)
        .global_state("the number of threads", tch::get_num_threads)
        .caller("no_grad", |call| {
            let _mode = GradientMode::off();
            call();
        })
        .check();
}
