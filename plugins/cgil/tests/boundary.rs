//! Runs the ABI testkit on this plugin.

use clbench_cgil::{Cgil, PromptTuning};
use clbench_torch::testkit::strategy;
use harness_abi::testkit::{SyntheticStream, json};

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    let vae = json!({ "hidden": 16, "latent": 4, "epochs": 12 });
    let alignment = json!({ "epochs": 2, "batch_size": 40 });
    for parameters in [
        json!({}),
        json!({ "fidelity": "reference" }),
        json!({ "generator": "gaussian", "prompt": { "train": "task", "orthogonality": 1 } }),
        json!({ "generator": "mixture", "prompt": { "context": "per-class", "learned_tokens": 3, "train": "task" } }),
        json!({ "generator": "diffusion", "diffusion": { "hidden": 16, "layers": 1, "steps": 4, "epochs": 3 },
                "prompt": { "context": "shared" } }),
        json!({ "generator": "gaussian", "prompt": { "context": "generated" }, "alignment": { "optimiser": "sgd" } }),
        json!({ "generator": "gaussian", "prompt": { "context": "image-conditioned" } }),
        json!({ "generator": "gaussian", "prompt": { "context": "image-conditioned", "train": "task" } }),
    ] {
        let mut parameters = parameters;
        parameters["vae"] = vae.clone();
        parameters["samples_per_class"] = json!(12);
        let mut training = alignment.clone();
        training.as_object_mut().unwrap().extend(
            parameters["alignment"]
                .as_object()
                .cloned()
                .unwrap_or_default(),
        );
        parameters["alignment"] = training;
        strategy::<Cgil>()
            .parameters(parameters)
            .bad_parameters(json!({ "alignment": { "epochs": -1 } }), "alignment.epochs")
            .bad_parameters(json!({ "samples_per_class": 0 }), "samples_per_class")
            .bad_parameters(json!({ "generator": "gan" }), "generator")
            .bad_parameters(json!({ "vae": { "latent": 0 } }), "vae.latent")
            .bad_parameters(
                json!({ "prompt": { "context": "combined", "learned_tokens": 20 } }),
                "prompt.learned_tokens",
            )
            .check();
    }
    strategy::<PromptTuning>()
        .parameters(json!({ "training": { "epochs": 2 } }))
        .bad_parameters(json!({ "training": { "lr": 0 } }), "training.lr")
        .bad_parameters(json!({ "alignment": {} }), "alignment")
        .check();

    // The toy backbone's text encoder is a recurrence that forgets most of what comes first.
    let joint = SyntheticStream {
        classes_per_task: vec![7],
        ..SyntheticStream::default()
    };
    strategy::<PromptTuning>()
        .parameters(json!({ "training": { "epochs": 200, "lr": 0.2 }, "prompt": { "context": "per-class", "learned_tokens": 6, "init_std": 0.5 } }))
        .stream(joint)
        .expect_accuracy_above(0.7)
        .check();
    // In sequence, only replay keeps the classes of the first and the last task apart.
    strategy::<Cgil>()
        .parameters(json!({
            "generator": "gaussian", "samples_per_class": 16,
            "alignment": { "epochs": 200, "lr": 0.2 },
            "prompt": { "context": "per-class", "learned_tokens": 6, "init_std": 0.5 },
        }))
        .expect_accuracy_above(0.7)
        .check();
}
