//! Runs the ABI testkit on this plugin, which also compares every site's gradients with finite
//! differences.

#[path = "tiny/clip.rs"]
mod tiny;

use clbench_clip::Clip;
use clbench_torch::training::GradientMode;
use clbench_torch::{tch, testkit::gradient_mode};
use harness_abi::testkit::{self, json};
use tiny::TinyClip;

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    clbench_torch::bridge::threads::set(1).unwrap();
    let legacy = TinyClip::new();
    let by_id = TinyClip::new();
    by_id.edit("config.json", |config| {
        config["text_config"]["eos_token_id"] = json!(tiny::END);
    });
    for tiny in [legacy, by_id] {
        testkit::backbone::<Clip>()
            .folder(tiny.setting().folder)
            .parameters(json!({ "path": "tiny-clip" }))
            .bad_parameters(json!({ "path": 3 }), "path")
            .bad_parameters(json!({ "path": "tiny-clip", "dtype": "f8" }), "dtype")
            .bad_parameters(
                json!({ "path": "tiny-clip", "preprocessing": { "mean": [0, 0, 0] } }),
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
}
