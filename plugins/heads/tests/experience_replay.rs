//! Runs the ABI testkit on experience replay.

use clbench_heads::ExperienceReplay;
use clbench_torch::testkit::strategy;
use harness_abi::testkit::json;

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    for parameters in [
        json!({ "epochs": 30, "lr": 0.1 }),
        json!({
            "epochs": 20, "lr": 0.1, "batch_size": 7, "replay": 20, "normalise": "unit", "optimiser": "adam",
            "memory": { "size": 30, "selection": "herding" },
        }),
        json!({ "epochs": 30, "lr": 0.1, "contents": "images", "memory": { "per_class": 8 } }),
        json!({
            "epochs": 30, "lr": 0.1, "contents": "images",
            "memory": { "per_class": 8, "selection": "herding" },
        }),
    ] {
        strategy::<ExperienceReplay>()
            .parameters(parameters)
            .bad_parameters(json!({ "replay": 0 }), "replay")
            .bad_parameters(json!({ "contents": "texts" }), "contents")
            .bad_parameters(
                json!({ "memory": { "selection": "random", "size": 6 } }),
                "memory.size",
            )
            .bad_parameters(
                json!({ "memory": { "selection": "reservoir", "per_class": 6 } }),
                "memory.selection",
            )
            .bad_parameters(json!({ "optimiser": "adam", "momentum": 0.5 }), "momentum")
            .expect_accuracy_above(0.9)
            .check();
    }
}
