//! Runs the ABI testkit on this plugin.

use clbench_pixels::Pixels;
use harness_abi::testkit::{self, json};

#[test]
fn satisfies_the_testkit() {
    for colour in [false, true] {
        testkit::backbone::<Pixels>()
            .parameters(json!({ "size": 12, "colour": colour }))
            .bad_parameters(json!({ "size": 0 }), "size")
            .bad_parameters(json!({ "size": 1025 }), "size")
            .bad_parameters(json!({ "colour": "grey" }), "colour")
            .check();
    }
}
