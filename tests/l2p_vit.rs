//! Compares a plain vision transformer, as a strategy sees it, with L2P's own code on the same
//! weights. The plugin is loaded from its file, as in a run. See `fixtures/l2p/README.md`.

use crate::golden::{Golden, load};
use clbench_tests::{Dir, l2p_images, l2p_query_vit_folder, l2p_vit_folder};
use clbench_torch::bridge::{self, threads};
use clbench_torch::tch::{Kind, Tensor};
use harness_abi::backbone::{BackboneSetting, Inputs};
use harness_abi::{BackboneHandle, Host, Site, TensorView};
use serde_json::json;

const IMAGES: [i64; 4] = [6, 3, 96, 96];
const PROMPTS: [i64; 3] = [6, 12, 48];
const TOKENS: [i64; 3] = [6, 29, 48];
/// The classes of the task.
const SEEN: [i64; 2] = [4, 5];

fn backbone(dir: &Dir, folder: &str) -> BackboneHandle {
    let setting = BackboneSetting {
        device: "cpu".into(),
        threads: 1,
        folder: dir.path("."),
        host: Host::silent(),
    };
    load("libclbench_vit.so")
        .backbone("vit", &json!({ "path": folder }), &setting)
        .unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.contiguous().view(-1)).unwrap()
}

#[test]
fn tokens_and_prompt_gradients_match_l2p() {
    threads::set(1).unwrap();
    let dir = Dir::new();
    l2p_query_vit_folder(&dir);
    l2p_vit_folder(&dir);
    let (queries, vit) = (backbone(&dir, "l2p-query-vit"), backbone(&dir, "l2p-vit"));
    let (io, weights) = (Golden::open("l2p/io"), Golden::open("l2p/weights"));
    let bytes = l2p_images();
    let images = TensorView::new(&bytes, &IMAGES).unwrap();
    let query = bridge::copy_in(queries.encode_images(images).unwrap().view()).unwrap();

    let (pool, positions) = (
        weights.tensor("model.prompt.prompt"),
        weights.tensor("model.pos_embed").narrow(1, 1, PROMPTS[1]),
    );
    let head = (
        weights.tensor("model.head.weight"),
        weights.tensor("model.head.bias"),
    );
    for case in [
        "batchwise_prompt",
        "samplewise_prompt",
        "batchwise_token",
        "samplewise_token_prompt",
    ] {
        let name = |what: &str| format!("{case}.{what}");
        io.close(&name("cls_query"), &query, 1e-5);

        let selected = io.tensor(&name("prompt_idx")).view(-1);
        let prompts = pool.index_select(0, &selected).view(PROMPTS) + &positions;
        let prompts = values(&prompts);
        let site = Site {
            name: "visual.prompt",
            prompt: TensorView::new(&prompts, &PROMPTS).unwrap(),
        };
        let inputs = Inputs::Images {
            images,
            options: br#"{"prompt_position": "none"}"#,
        };
        let mut forward = vit.forward(&inputs, &[site], &["tokens"]).unwrap();
        let tokens = bridge::copy_in(forward.outputs[0].view()).unwrap();
        io.close(&name("x_last"), &tokens, 1e-5);

        // L2P's loss on the tokens; its other term does not depend on the prompts.
        let tokens = tokens.set_requires_grad(true);
        let (from, many) = match case {
            "batchwise_token" => (0, 1),
            "samplewise_token_prompt" => (0, 1 + PROMPTS[1]),
            _ => (1, PROMPTS[1]),
        };
        let pooled = tokens
            .narrow(1, from, many)
            .mean_dim([1_i64].as_slice(), false, Kind::Float);
        io.close(&name("pre_logits"), &pooled, 1e-5);
        let logits = pooled.linear(&head.0, Some(&head.1));
        io.close(&name("logits"), &logits, 1e-5);
        let logits = logits.index_select(1, &Tensor::from_slice(&SEEN));
        let targets = io.tensor("labels") - SEEN[0];
        logits.cross_entropy_for_logits(&targets).backward();

        let gradient = values(&tokens.grad());
        let gradient = TensorView::new(&gradient, &TOKENS).unwrap();
        let pulled = forward.pullback.call(&[("tokens", gradient)]).unwrap();
        let pulled = bridge::copy_in(pulled[0].1.view()).unwrap();
        // For every prompt of the pool, summed over all places where it was used.
        let gradient = pool.zeros_like().index_add(
            0,
            &selected,
            &pulled.view([selected.size()[0], pool.size()[1], pool.size()[2]]),
        );
        io.close(&name("grad.prompt.prompt"), &gradient, 2e-7);
    }
}
