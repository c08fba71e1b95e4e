//! What a host relies on, checked by the testkit of the plugin boundary.

use clbench_heads::LinearHead;
use clbench_torch::testkit::strategy;
use harness_abi::testkit::{SyntheticStream, json};

/// One test, since what it watches belongs to the process: another one beside it would be seen.
#[test]
fn keeps_what_a_host_relies_on() {
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
