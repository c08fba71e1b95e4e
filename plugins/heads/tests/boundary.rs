//! Runs the ABI testkit on this plugin.

use clbench_heads::LinearHead;
use clbench_torch::testkit::strategy;
use harness_abi::testkit::{SyntheticStream, json};

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    for parameters in [
        json!({ "epochs": 3 }),
        json!({ "epochs": 3, "train_on": "task", "optimiser": "adam", "normalise": "unit", "batch_size": 7 }),
    ] {
        strategy::<LinearHead>()
            .parameters(parameters)
            .bad_parameters(json!({ "epochs": 0 }), "epochs")
            .bad_parameters(json!({ "lr": -0.1 }), "lr")
            .bad_parameters(json!({ "momentum": 1 }), "momentum")
            .bad_parameters(json!({ "optimiser": "lbfgs" }), "optimiser")
            .check();
    }

    let joint = SyntheticStream {
        classes_per_task: vec![7],
        ..SyntheticStream::default()
    };
    strategy::<LinearHead>()
        .parameters(json!({ "epochs": 30, "lr": 0.1 }))
        .stream(joint)
        .expect_accuracy_above(0.95)
        .check();
}
