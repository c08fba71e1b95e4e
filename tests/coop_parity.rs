//! Compares the strategy's prompts on the CLIP plugin with CoOp's own code on the same weights. The
//! plugin is loaded from its file, as in a run. See `fixtures/coop/README.md`.

use crate::golden::{Golden, class_names, tiny_clip};
use clbench_tests::Dir;
use clbench_text_prompts::Prompt;
use clbench_torch::bridge::threads;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::training::TrainingSamples;
use harness_abi::Place;

/// CoOp names the position of the class name, we name that of the context.
const CASES: [(&str, Place); 4] = [
    ("end", Place::Front),
    ("middle", Place::Middle),
    ("front", Place::End),
    ("end_csc", Place::Front),
];

#[test]
fn text_features_logits_loss_and_gradient_match_coop() {
    threads::set(1).unwrap();
    let dir = Dir::new();
    let clip = tiny_clip(&dir, "coop");
    let (golden, images) = (
        Golden::open("coop/coop"),
        Golden::open("coop/image_features"),
    );
    let names = class_names("coop");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let samples = TrainingSamples {
        features: unit_rows(&images.tensor("image_features")).unwrap(),
        targets: golden.tensor("labels"),
    };

    for (case, place) in CASES {
        let name = |what: &str| format!("{case}.{what}");
        let prompt = Prompt::new(&clip, &names, &golden.tensor(&name("ctx")), place).unwrap();
        golden.close(
            &name("text_features"),
            &prompt.text_features().unwrap(),
            1e-5,
        );
        golden.close(
            &name("logits"),
            &prompt.logits(&samples.features).unwrap(),
            1e-4,
        );
        golden.close(&name("loss"), &prompt.backward(&samples).unwrap(), 2e-5);
        golden.close(&name("grad_ctx"), &prompt.context().grad(), 3e-5);
    }
}
