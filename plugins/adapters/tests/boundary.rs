//! Runs the ABI testkit on this plugin.

use clbench_adapters::{Rapf, TipAdapter, TipAdapterF};
use clbench_torch::testkit::strategy;
use harness_abi::testkit::{SyntheticStream, json};

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    // The default stream has 16 samples per class.
    for parameters in [
        json!({ "epochs": 3, "batch_size": 11, "threshold": 2 }),
        json!({ "preset": "cub", "epochs": 2, "milestones": [1], "domain_templates": true, "threshold": 0 }),
    ] {
        strategy::<Rapf>()
            .parameters(parameters)
            .bad_parameters(json!({ "preset": "cars" }), "preset")
            .bad_parameters(json!({ "milestones": [4, 2] }), "milestones")
            .bad_parameters(json!({ "beta": 0.05 }), "beta")
            .bad_parameters(json!({ "mix_bias": 1.5 }), "mix_bias")
            .bad_parameters(json!({ "templates": ["{}", "photo"] }), "templates[1]")
            .bad_parameters(
                json!({ "templates": ["{}"], "domain_templates": true }),
                "domain_templates",
            )
            .check();
    }

    for parameters in [
        json!({ "alpha": 0.5, "search": true, "search_alpha": 2, "validation": 0.5 }),
        json!({ "shots": 5, "alpha": 2, "beta": 5.5, "search": true, "templates": ["{}"] }),
    ] {
        strategy::<TipAdapter>()
            .parameters(parameters)
            .bad_parameters(json!({ "beta": 0 }), "beta")
            .bad_parameters(json!({ "alpha": -1 }), "alpha")
            .bad_parameters(json!({ "shots": 0 }), "shots")
            .bad_parameters(json!({ "validation": 1 }), "validation")
            .bad_parameters(json!({ "templates": [] }), "templates")
            .check();
    }
    strategy::<TipAdapter>().order_free(1e-5).check();
    for parameters in [
        json!({ "epochs": 4, "batch_size": 9 }),
        json!({ "preset": "dtd", "epochs": 2, "train_on": "seen", "validation": 0, "shots": 3 }),
        json!({ "epochs": 2, "search": true }),
    ] {
        strategy::<TipAdapterF>()
            .parameters(parameters)
            .bad_parameters(json!({ "epochs": 0 }), "epochs")
            .bad_parameters(json!({ "lr": 0 }), "lr")
            .bad_parameters(json!({ "search": true, "validation": 0 }), "validation")
            .check();
    }

    // What is learned, in sequence: the past classes are still known.
    let stream = || SyntheticStream {
        train_per_class: 30,
        ..SyntheticStream::default()
    };
    strategy::<Rapf>()
        .parameters(json!({ "epochs": 60, "lr": 0.02, "milestones": [40], "batch_size": 20 }))
        .stream(stream())
        .expect_accuracy_above(0.9)
        .check();
    strategy::<TipAdapter>()
        .parameters(json!({ "alpha": 10, "beta": 20 }))
        .stream(stream())
        .expect_accuracy_above(0.9)
        .check();
    strategy::<TipAdapterF>()
        .parameters(json!({ "alpha": 10, "beta": 20, "epochs": 5 }))
        .stream(stream())
        .expect_accuracy_above(0.9)
        .check();

    // A task with one class, and one sample per class.
    let tiny = || SyntheticStream {
        classes_per_task: vec![1, 2, 1],
        train_per_class: 1,
        ..SyntheticStream::default()
    };
    strategy::<Rapf>()
        .parameters(json!({ "preset": "imagenet-r", "epochs": 2 }))
        .stream(tiny())
        .check();
    strategy::<TipAdapter>()
        .parameters(json!({ "search": true }))
        .stream(tiny())
        .check();
    strategy::<TipAdapterF>()
        .parameters(json!({ "search": true, "epochs": 2 }))
        .stream(tiny())
        .check();
}
