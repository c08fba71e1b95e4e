//! Runs the ABI testkit on `classifier-alignment`.

use clbench_heads::ClassifierAlignment;
use clbench_torch::testkit::strategy;
use harness_abi::testkit::json;

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    let vae = json!({ "hidden": 16, "latent": 4, "epochs": 12 });
    let diffusion = json!({ "hidden": 16, "layers": 1, "steps": 4, "epochs": 3 });
    for source in [
        "gaussian",
        "diagonal-gaussian",
        "vae",
        "mixture",
        "diffusion",
    ] {
        strategy::<ClassifierAlignment>()
            .parameters(json!({
                "source": source, "vae": vae, "diffusion": diffusion,
                "training": { "epochs": 2, "batch_size": 9 },
                "alignment": { "epochs": 2, "samples_per_class": 13 },
            }))
            .bad_parameters(json!({ "training": { "epochs": 0 } }), "training.epochs")
            .bad_parameters(
                json!({ "training": { "milestones": [0] } }),
                "training.milestones",
            )
            .bad_parameters(
                json!({ "alignment": { "temperature": 0 } }),
                "alignment.temperature",
            )
            .bad_parameters(json!({ "source": "images" }), "source")
            .check();
    }
    for preset in ["slca-cifar-100", "pilot-cifar-100"] {
        strategy::<ClassifierAlignment>()
            .parameters(json!({ "preset": preset }))
            .expect_accuracy_above(0.95)
            .check();
    }
    strategy::<ClassifierAlignment>()
        .parameters(json!({
            "normalise": "unit", "training": { "lr": 1, "epochs": 4, "milestones": [] },
            "alignment": { "epochs": 3, "logit_normalisation": false, "lr": 1, "samples_per_class": 16 },
        }))
        .check();
}
