//! Runs the ABI testkit on this plugin.

use clbench_exemplars::NearestMeanOfExemplars;
use clbench_torch::testkit::strategy;
use harness_abi::testkit::json;

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    for parameters in [
        json!({}),
        json!({ "memory": { "size": 30 } }),
        json!({ "memory": { "per_class": 3, "selection": "random" } }),
    ] {
        strategy::<NearestMeanOfExemplars>()
            .parameters(parameters)
            .bad_parameters(json!({ "memory": { "size": 0 } }), "memory.size")
            .bad_parameters(json!({ "memory": { "size": 6 } }), "memory.size")
            .bad_parameters(json!({ "memory": { "per_class": 0 } }), "memory.per_class")
            .bad_parameters(
                json!({ "memory": { "size": 70, "per_class": 5 } }),
                "memory.per_class",
            )
            .bad_parameters(
                json!({ "memory": { "selection": "reservoir" } }),
                "memory.selection",
            )
            .expect_accuracy_above(0.9)
            .check();
    }
}
