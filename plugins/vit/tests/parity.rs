//! Compares with reference implementations on the same weights: timm's plain model and L2P's
//! prompted one. The fixture's README says where the numbers come from.

#[path = "tiny/vit.rs"]
mod tiny;

use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_transformer::visual::{PromptPosition, TokenPrompts, VisualPrompts};
use clbench_transformer::weights::Weights;
use clbench_vit::model::VisionTransformer;
use clbench_vit::shape::Shape;
use harness_abi::{Backbone, TensorView};
use serde_json::json;
use std::collections::HashMap;
use tiny::{HEADS, PROMPTED, TinyVit, WIDTH, assert_close, received, tensors};

/// Absolute.
const TOLERANCE: f64 = 1e-5;

const CASES: [&str; 4] = [
    "batchwise_prompt",
    "samplewise_prompt",
    "batchwise_token",
    "samplewise_token_prompt",
];

/// The model without the backbone around it, which takes the fixture's images as floats.
fn model(weights: HashMap<String, Tensor>) -> VisionTransformer {
    let tiny = TinyVit::new(weights);
    let file = tiny.file("model.safetensors");
    let mut weights = Weights::open(&file, Kind::Float, Device::Cpu).unwrap();
    let shape = Shape::of(&weights).unwrap();
    let expected = Shape {
        width: WIDTH,
        inner: 4 * WIDTH,
        layers: 2,
        patch: 8,
        side: 4,
    };
    assert_eq!(shape, expected);
    VisionTransformer::new(&shape, HEADS, &mut weights).unwrap()
}

#[test]
fn queries_match_the_class_token_of_the_plain_model() {
    let (io, model) = (tensors("io.safetensors"), model(tiny::query_model()));
    let encoded = model
        .encode(&io["images"], &VisualPrompts::default())
        .unwrap();
    let class = model.class_token(&encoded).unwrap();
    for case in CASES {
        assert_close(case, &class, &io[&format!("{case}.cls_query")], TOLERANCE);
    }
    let tokens = model.tokens(&encoded).unwrap();
    assert_eq!(tokens.size(), [6, 17, WIDTH]);
    assert_close("among the tokens", &tokens.select(1, 0), &class, 1e-6);
}

#[test]
fn prompts_with_their_own_positions_match_the_prompted_model() {
    let (io, weights) = (tensors("io.safetensors"), tensors("weights.safetensors"));
    let (backbone, positions) = tiny::prompted_model();
    let model = model(backbone);
    for case in CASES {
        let of = |name: &str| &io[&format!("{case}.{name}")];
        let selected = weights["model.prompt.prompt"]
            .index_select(0, &of("prompt_idx").view(-1))
            .view([6, PROMPTED, WIDTH]);
        let prompts = VisualPrompts {
            tokens: Some(TokenPrompts {
                prompts: selected + &positions,
                position: PromptPosition::None,
            }),
            ..VisualPrompts::default()
        };
        let encoded = model.encode(&io["images"], &prompts).unwrap();
        let tokens = model.tokens(&encoded).unwrap();
        assert_close(case, &tokens, of("x_last"), TOLERANCE);
        // The head's input: the class token, the prompts, or both.
        let (from, many) = match case {
            "batchwise_token" => (0, 1),
            "samplewise_token_prompt" => (0, 1 + PROMPTED),
            _ => (1, PROMPTED),
        };
        let pooled = tokens
            .narrow(1, from, many)
            .mean_dim([1_i64].as_slice(), false, Kind::Float);
        assert_close(case, &pooled, of("pre_logits"), TOLERANCE);
    }
}

fn bytes() -> Vec<u8> {
    (0..2 * 3 * 32 * 32)
        .map(|k: usize| (k * k / 7 % 256) as u8)
        .collect()
}

#[test]
fn bytes_are_normalised_as_configured() {
    let vit = TinyVit::new(tiny::query_model()).open().unwrap();
    let (bytes, shape) = (bytes(), [2, 3, 32, 32]);
    let view = TensorView::new(&bytes, &shape).unwrap();
    let ours = received(&vit.encode_images(view).unwrap());
    let channels = |values: [f64; 3]| {
        Tensor::from_slice(&values)
            .to_kind(Kind::Double)
            .view([1, 3, 1, 1])
    };
    let pixels = Tensor::from_slice(&bytes).view(shape).to_kind(Kind::Double) / 255.0;
    let pixels = (pixels - channels([0.5, 0.4, 0.3])) / channels([0.2, 0.3, 0.4]);
    let model = model(tiny::query_model());
    let encoded = model
        .encode(&pixels.to_kind(Kind::Float), &VisualPrompts::default())
        .unwrap();
    let expected = model.class_token(&encoded).unwrap();
    assert_close("embeddings", &ours, &expected, TOLERANCE);

    let none = TensorView::new::<u8>(&[], &[0, 3, 32, 32]).unwrap();
    let none = vit.encode_images(none).unwrap();
    assert_eq!(none.view().shape(), [0, WIDTH]);
}

#[test]
fn half_precision_files_and_bfloat16_stay_close_to_single_precision() {
    let (bytes, shape) = (bytes(), [2, 3, 32, 32]);
    let encoded = |tiny: &TinyVit, dtype: &str| {
        let parameters = json!({ "path": "tiny-vit", "dtype": dtype });
        let view = TensorView::new(&bytes, &shape).unwrap();
        let vit = tiny.open_with(parameters).unwrap();
        received(&vit.encode_images(view).unwrap())
    };
    let tiny = TinyVit::new(tiny::query_model());
    let single = encoded(&tiny, "f32");
    let largest = single.abs().max().double_value(&[]);
    assert_close("bf16", &encoded(&tiny, "bf16"), &single, 0.05 * largest);
    for (kind, relative) in [(Kind::Half, 5e-3), (Kind::BFloat16, 0.05)] {
        tiny.store_weights_as(kind);
        let stored = encoded(&tiny, "f32");
        assert_close(&format!("{kind:?}"), &stored, &single, relative * largest);
        tiny.edit_weights(|weights| *weights = tiny::query_model());
    }
}
