//! Compares with the reference implementation, transformers' `CLIPModel`, on the tiny CLIP. The
//! fixtures' README says where the numbers come from.

#[path = "tiny/clip.rs"]
mod tiny;

use clbench_clip::config::{Config, EndOfText};
use clbench_clip::model::vision::{EncodedImages, PromptEntry};
use clbench_clip::model::{self, text::EncodedTexts};
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_transformer::visual::VisualPrompts;
use clbench_transformer::weights::Weights;
use harness_abi::backbone::Inputs;
use harness_abi::{Backbone, Place, Site, TensorView};
use serde_json::json;
use std::collections::HashMap;
use tiny::{TinyClip, assert_close, fixtures, received, tensors, unit, word};

/// Absolute, on embeddings of length 1.
const UNIT: f64 = 2e-6;
/// Absolute, on values that are not normalised.
const RAW: f64 = 1e-5;
/// Absolute, on logits at scale 100.
const LOGITS: f64 = 1e-4;

fn tiny_model() -> model::Clip {
    let folder = fixtures().join("tiny_clip");
    let config = Config::open(&folder.join("config.json")).unwrap();
    let file = folder.join("model.safetensors");
    let mut weights = Weights::open(&file, Kind::Float, Device::Cpu).unwrap();
    model::Clip::new(&config, &mut weights).unwrap()
}

fn images(model: &model::Clip, pixels: &Tensor) -> EncodedImages {
    model
        .vision
        .encode(pixels, &VisualPrompts::default(), PromptEntry::default())
        .unwrap()
}

fn ids(tensor: &Tensor) -> Vec<Vec<i64>> {
    (0..tensor.size()[0])
        .map(|row| Vec::try_from(tensor.get(row)).unwrap())
        .collect()
}

/// Encodes texts over all 77 positions.
fn texts(model: &model::Clip, rows: &Tensor, rule: EndOfText) -> EncodedTexts {
    let pooled: Vec<i64> = ids(rows)
        .iter()
        .map(|ids| rule.position(ids) as i64)
        .collect();
    let embedded = model.text.embed(rows).unwrap();
    model.text.encode(&embedded, &pooled).unwrap()
}

/// The text with these ids, without start and end.
fn text(ids: &[i64]) -> String {
    let end = ids.iter().position(|&id| id == tiny::END).unwrap();
    let words: Vec<String> = ids[1..end].iter().map(|&id| word(id)).collect();
    words.join(" ")
}

#[test]
fn images_texts_and_logits_match_the_reference() {
    let (io, model) = (tensors("tiny_clip/io.safetensors"), tiny_model());
    let image = images(&model, &io["pixel_values"]);
    let text = texts(&model, &io["input_ids"], EndOfText::LargestId);
    for (name, ours, tolerance) in [
        ("vision_hidden_after_pre_ln", &image.entering, RAW),
        ("vision_last_hidden_state", &image.last, RAW),
        ("vision_pooler_output", &image.class_token, RAW),
        ("image_features_raw", &image.embedding, RAW),
        ("image_embeds", &unit(&image.embedding), UNIT),
        ("image_embeds_f64", &unit(&image.embedding), UNIT),
        ("text_last_hidden_state", &text.tokens, RAW),
        ("text_pooler_output", &text.pooled, RAW),
        ("text_features_raw", &text.embedding, RAW),
        ("text_embeds", &unit(&text.embedding), UNIT),
        ("text_embeds_f64", &unit(&text.embedding), UNIT),
    ] {
        assert_close(name, ours, &io[name], tolerance);
    }
    let scale = model.logit_scale.double_value(&[]).exp();
    let logits = unit(&image.embedding).matmul(&unit(&text.embedding).tr()) * scale;
    assert_close("logits", &logits, &io["logits_per_image"], LOGITS);
    assert_close("logits", &logits, &io["logits_per_image_f64"], LOGITS);
    assert_close("logits", &logits.tr(), &io["logits_per_text"], LOGITS);
    assert_close(
        "the class token among the tokens",
        &model.vision.tokens(&image.last).unwrap().select(1, 0),
        &io["vision_pooler_output"],
        RAW,
    );
}

#[test]
fn both_pooling_rules_match_the_reference() {
    let (io, model) = (tensors("tiny_clip/io.safetensors"), tiny_model());
    for (rows, rule, expected) in [
        ("input_ids", EndOfText::Token(599), "text_embeds"),
        (
            "input_ids_padeos",
            EndOfText::Token(599),
            "text_embeds_padeos_eos599",
        ),
        (
            "input_ids_disagree",
            EndOfText::Token(300),
            "text_embeds_disagree_eos300",
        ),
        (
            "input_ids_disagree",
            EndOfText::LargestId,
            "text_embeds_disagree_legacy",
        ),
        (
            "input_ids_absent",
            EndOfText::Token(300),
            "text_embeds_absent_eos300",
        ),
    ] {
        let ours = texts(&model, &io[rows], rule).embedding;
        assert_close(expected, &unit(&ours), &io[expected], UNIT);
    }
    // The rule that the file selects with its `eos_token_id`.
    let config = Config::open(&fixtures().join("tiny_clip/config.json")).unwrap();
    assert_eq!(config.text.end_of_text(), EndOfText::LargestId);
}

#[test]
fn encoding_at_a_texts_own_length_matches_all_positions() {
    let (io, model) = (tensors("tiny_clip/io.safetensors"), tiny_model());
    let full = unit(&texts(&model, &io["input_ids"], EndOfText::LargestId).embedding);
    let rows: Vec<String> = ids(&io["input_ids"]).iter().map(|ids| text(ids)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    for eos in [2, tiny::END] {
        let tiny = TinyClip::new();
        tiny.edit("config.json", |config| {
            config["text_config"]["eos_token_id"] = json!(eos);
        });
        let clip = tiny.open().unwrap();
        // All but the one with 77 tokens in one batch; then each alone, at its own length.
        let batch = received(&clip.encode_texts(&rows[..5]).unwrap());
        assert_close("a batch", &unit(&batch), &full.narrow(0, 0, 5), UNIT);
        for (at, row) in rows.iter().enumerate() {
            let alone = received(&clip.encode_texts(&[row]).unwrap());
            assert_close(row, &unit(&alone), &full.narrow(0, at as i64, 1), UNIT);
        }
    }
    // A text that contains the end token is pooled there, whatever follows.
    let clip = TinyClip::new().open().unwrap();
    let cut = clip.encode_texts(&["t40 t41 <|endoftext|> t42 t43", "t40 t41"]);
    let cut = received(&cut.unwrap());
    assert_close("a text with its end inside", &cut.get(0), &cut.get(1), RAW);
}

#[test]
fn texts_in_many_chunks_keep_their_order() {
    let clip = TinyClip::new().open().unwrap();
    let names: Vec<String> = (20..590).map(word).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = received(&clip.encode_texts(&names).unwrap());
    assert_eq!(all.size(), [570, 64]);
    for at in [0, 255, 256, 511, 512, 569] {
        let alone = received(&clip.encode_texts(&[names[at]]).unwrap());
        assert_close(names[at], &all.narrow(0, at as i64, 1), &alone, RAW);
    }
    let none = clip.encode_texts(&[]).unwrap();
    assert_eq!(none.view().shape(), [0, 64]);
}

#[test]
fn bytes_are_normalised_as_configured() {
    let clip = TinyClip::new().open().unwrap();
    let bytes: Vec<u8> = (0..3 * 3 * 32 * 32)
        .map(|k: usize| (k * k / 7 % 256) as u8)
        .collect();
    let shape = [3, 3, 32, 32];
    let view = TensorView::new(&bytes, &shape).unwrap();
    let ours = received(&clip.encode_images(view).unwrap());

    let channels = |values: &[f64]| {
        Tensor::from_slice(values)
            .to_kind(Kind::Double)
            .view([1, 3, 1, 1])
    };
    let pixels = Tensor::from_slice(&bytes).view(shape).to_kind(Kind::Double) / 255.0;
    let mean = channels(&[0.48145466, 0.4578275, 0.40821073]);
    let std = channels(&[0.26862954, 0.26130258, 0.27577711]);
    let pixels = ((pixels - mean) / std).to_kind(Kind::Float);
    assert_close(
        "embeddings",
        &ours,
        &images(&tiny_model(), &pixels).embedding,
        RAW,
    );
    let none = TensorView::new::<u8>(&[], &[0, 3, 32, 32]).unwrap();
    let none = clip.encode_images(none).unwrap();
    assert_eq!(none.view().shape(), [0, 64]);
}

#[test]
fn half_precision_files_and_bfloat16_stay_close_to_single_precision() {
    let io = tensors("tiny_clip/io.safetensors");
    let rows: Vec<String> = ids(&io["input_ids"]).iter().map(|ids| text(ids)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let expected = io["text_embeds"].shallow_clone();
    let embeds = |tiny: &TinyClip, dtype| {
        let clip = tiny.open_with(json!({ "path": "tiny-clip", "dtype": dtype }));
        let clip = clip.unwrap();
        assert_eq!(clip.info().dtype, dtype);
        assert!((clip.info().logit_scale.unwrap() - 100.0).abs() < 0.1);
        let embeddings = clip.encode_texts(&rows).unwrap();
        assert_eq!(embeddings.view().dtype(), harness_abi::DType::F32);
        unit(&received(&embeddings))
    };
    let tiny = TinyClip::new();
    let single = tiny.open().unwrap().info().fingerprint;
    assert_close("bf16", &embeds(&tiny, "bf16"), &expected, 3e-2);
    tiny.store_weights_as(Kind::Half);
    assert_close("an f16 file", &embeds(&tiny, "f32"), &expected, 2e-3);
    assert_ne!(tiny.open().unwrap().info().fingerprint, single);
    // Values that f16 represents exactly give the same results when stored as f32.
    let half = embeds(&tiny, "f32");
    tiny.store_weights_as(Kind::Float);
    assert_close("f16 stored as f32", &embeds(&tiny, "f32"), &half, 0.0);
}

/// CoOp's cases through the ABI's differentiable call: text features, loss and the gradient of the
/// context.
#[test]
fn coops_layouts_losses_and_gradients_match_the_reference() {
    let coop = tensors("coop/coop.safetensors");
    let model = tiny_model();
    let image = unit(&images(&model, &coop["pixel_values"]).embedding);
    let clip = TinyClip::new().open().unwrap();
    let names = [
        "red apple",
        "bicycle",
        "old castle",
        "dolphin",
        "fire truck",
        "zebra",
    ];
    for (case, place) in [
        ("front", Place::Front),
        ("middle", Place::Middle),
        ("end", Place::End),
        ("end_csc", Place::End),
    ] {
        // CoOp names positions after the class name: "end" means that the context is in front.
        let place = match place {
            Place::Front => Place::End,
            Place::End => Place::Front,
            Place::Middle => Place::Middle,
        };
        let of = |name: &str| &coop[&format!("{case}.{name}")];
        let shared = of("ctx").dim() == 2;
        let context = match shared {
            true => of("ctx").unsqueeze(0).expand([6, 16, 64], false),
            false => of("ctx").shallow_clone(),
        };
        let context: Vec<f32> = Vec::try_from(context.contiguous().view(-1)).unwrap();
        let inputs = Inputs::Texts {
            texts: &names,
            row_text: &[0, 1, 2, 3, 4, 5],
            place,
            options: br#"{"suffix": "."}"#,
        };
        let site = Site {
            name: "text.context",
            prompt: TensorView::new(&context, &[6, 16, 64]).unwrap(),
        };
        let mut forward = clip.forward(&inputs, &[site], &["embedding"]).unwrap();
        let features = received(&forward.outputs[0]);
        assert_close(case, &features, of("text_features"), RAW);

        let features = features.set_requires_grad(true);
        let logits = image.matmul(&unit(&features).tr()) * 100.0;
        assert_close(case, &logits, of("logits"), LOGITS);
        let loss = logits.cross_entropy_for_logits(&coop["labels"]);
        assert_close(case, &loss.view(1), of("loss"), 2e-5);
        let gradient = Tensor::run_backward(&[&loss], &[&features], false, false).remove(0);
        let gradient: Vec<f32> = Vec::try_from(gradient.contiguous().view(-1)).unwrap();
        let gradient = TensorView::new(&gradient, &[6, 64]).unwrap();
        let mut pulled = forward.pullback.call(&[("embedding", gradient)]).unwrap();
        let (site, pulled) = pulled.remove(0);
        assert_eq!(site, "text.context");
        let pulled = match shared {
            true => received(&pulled).sum_dim_intlist(0_i64, false, Kind::Float),
            false => received(&pulled),
        };
        assert_close(case, &pulled, of("grad_ctx"), 3e-5);
    }
}

/// The file has the image features of CoOp's fixtures, for tests of strategies, which have no image
/// encoder.
#[test]
fn the_stored_image_features_of_coops_fixtures_match_the_model() {
    let stored = &tensors("coop/image_features.safetensors")["image_features"];
    let pixels = &tensors("coop/coop.safetensors")["pixel_values"];
    let ours = images(&tiny_model(), pixels).embedding;
    assert_close("image features", &ours, stored, RAW);
}

/// A layer whose attention is zeroed is x + W₂ a(W₁ norm(x) + b₁) + b₂, which shows its activation
/// a.
#[test]
fn both_activations_match_their_definitions() {
    for (name, activation) in [
        (
            "quick_gelu",
            (|x: &Tensor| x * (x * 1.702).sigmoid()) as fn(&Tensor) -> Tensor,
        ),
        ("gelu", |x| x * ((x / 2.0_f64.sqrt()).erf() + 1.0) * 0.5),
    ] {
        let tiny = TinyClip::new();
        tiny.edit("config.json", |config| {
            config["vision_config"]["hidden_act"] = json!(name);
            config["vision_config"]["num_hidden_layers"] = json!(1);
        });
        let layer = "vision_model.encoder.layers.0";
        tiny.edit_weights(|weights| {
            for part in ["weight", "bias"] {
                let name = format!("{layer}.self_attn.out_proj.{part}");
                let _ = weights.get_mut(&name).unwrap().zero_();
            }
        });
        let config = Config::open(&tiny.file("config.json")).unwrap();
        let file = tiny.file("model.safetensors");
        let mut source = Weights::open(&file, Kind::Float, Device::Cpu).unwrap();
        let model = model::Clip::new(&config, &mut source).unwrap();
        let io = tensors("tiny_clip/io.safetensors");
        let encoded = images(&model, &io["pixel_values"]);

        let weights: HashMap<String, Tensor> = Tensor::read_safetensors(&file)
            .unwrap()
            .into_iter()
            .collect();
        let of = |name: &str| &weights[&format!("{layer}.{name}")];
        let linear = |x: &Tensor, name: &str| {
            x.linear(
                of(&format!("{name}.weight")),
                Some(of(&format!("{name}.bias"))),
            )
        };
        let normed = encoded.entering.layer_norm(
            [64],
            Some(of("layer_norm2.weight")),
            Some(of("layer_norm2.bias")),
            1e-5,
            true,
        );
        let expected =
            &encoded.entering + linear(&activation(&linear(&normed, "mlp.fc1")), "mlp.fc2");
        assert_close(name, &encoded.last, &expected, RAW);
    }
}
