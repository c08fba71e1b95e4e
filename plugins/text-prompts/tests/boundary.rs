//! Runs the ABI testkit on this plugin.

use clbench_text_prompts::{CoOp, ZeroShot};
use clbench_torch::testkit::strategy;
use harness_abi::testkit::{SyntheticStream, json};

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    strategy::<ZeroShot>()
        .bad_parameters(json!({ "templates": [] }), "templates")
        .bad_parameters(
            json!({ "templates": ["{}", "a {} or a {}"] }),
            "templates[1]",
        )
        .bad_parameters(json!({ "templates": "a {}" }), "templates")
        .check();
    strategy::<ZeroShot>()
        .parameters(json!({ "templates": ["{}"] }))
        .check();

    for parameters in [
        json!({ "epochs": 3 }),
        json!({ "epochs": 2, "context": "end", "context_tokens": 3, "train_on": "seen", "batch_size": 7 }),
        json!({ "epochs": 2, "context": "middle", "context_tokens": 5, "per_class": true }),
    ] {
        strategy::<CoOp>()
            .parameters(parameters)
            .bad_parameters(json!({ "context": "start" }), "context")
            .bad_parameters(json!({ "context_tokens": 0 }), "context_tokens")
            .bad_parameters(json!({ "context_tokens": 22 }), "context_tokens")
            .bad_parameters(json!({ "warmup_epochs": 50 }), "warmup_epochs")
            .bad_parameters(json!({ "lr": 0 }), "lr")
            .bad_parameters(json!({ "momentum": 1 }), "momentum")
            .check();
    }

    let joint = SyntheticStream {
        classes_per_task: vec![7],
        ..SyntheticStream::default()
    };
    // The toy backbone's recurrence remembers tokens at the end best.
    strategy::<CoOp>()
        .parameters(json!({ "epochs": 150, "lr": 0.05, "per_class": true, "context_tokens": 2, "context": "end" }))
        .stream(joint)
        .expect_accuracy_above(0.9)
        .check();
}
