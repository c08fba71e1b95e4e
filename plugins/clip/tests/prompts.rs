//! The effect of prompts at each site, and the errors for invalid ones. `boundary.rs` checks the
//! gradients.

#[path = "tiny/clip.rs"]
mod tiny;

use clbench_clip::config::Config;
use clbench_clip::model::vision::PromptEntry;
use clbench_clip::preprocessor;
use clbench_clip::{Clip, model};
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_transformer::visual::VisualPrompts;
use clbench_transformer::weights::Weights;
use harness_abi::backbone::Inputs;
use harness_abi::{Backbone, Error, ErrorCode, Place, Site, TensorView};
use std::collections::HashMap;
use tiny::{TinyClip, assert_close, received, tensors};

const IMAGES: [i64; 4] = [2, 3, 32, 32];
const WIDTH: i64 = 64;

fn pixels() -> Vec<u8> {
    (0..IMAGES.iter().product::<i64>())
        .map(|k| (k * k / 11 % 251) as u8)
        .collect()
}

/// Normal numbers.
fn prompt(shape: &[i64], seed: u64) -> Tensor {
    clbench_torch::Generator::new(seed, "prompt", 0)
        .normal_tensor(shape, 0.5, Device::Cpu)
        .unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.contiguous().view(-1)).unwrap()
}

/// `forward` on images.
fn see(
    clip: &Clip,
    options: &str,
    sites: &[(&str, &Tensor)],
    wanted: &str,
) -> Result<Tensor, Error> {
    let pixels = pixels();
    let inputs = Inputs::Images {
        images: TensorView::new(&pixels, &IMAGES).unwrap(),
        options: options.as_bytes(),
    };
    call(clip, &inputs, sites, wanted)
}

/// `forward` on texts.
fn read(
    clip: &Clip,
    texts: &[&str],
    row_text: &[i64],
    options: &str,
    sites: &[(&str, &Tensor)],
    wanted: &str,
) -> Result<Tensor, Error> {
    let inputs = Inputs::Texts {
        texts,
        row_text,
        place: Place::Front,
        options: options.as_bytes(),
    };
    call(clip, &inputs, sites, wanted)
}

fn call(
    clip: &Clip,
    inputs: &Inputs<'_>,
    sites: &[(&str, &Tensor)],
    wanted: &str,
) -> Result<Tensor, Error> {
    let values: Vec<_> = sites.iter().map(|(_, prompt)| values(prompt)).collect();
    let shapes: Vec<_> = sites.iter().map(|(_, prompt)| prompt.size()).collect();
    let sites: Vec<Site<'_>> = sites
        .iter()
        .zip(values.iter().zip(&shapes))
        .map(|((name, _), (values, shape))| Site {
            name,
            prompt: TensorView::new(values, shape).unwrap(),
        })
        .collect();
    let forward = clip.forward(inputs, &sites, &[wanted])?;
    Ok(received(&forward.outputs[0]))
}

#[test]
fn without_prompts_forward_equals_plain_encoding() {
    let clip = TinyClip::new().open().unwrap();
    let pixels = pixels();
    let images = TensorView::new(&pixels, &IMAGES).unwrap();
    let plain = received(&clip.encode_images(images).unwrap());
    let called = see(&clip, "", &[], "embedding").unwrap();
    assert_close("images", &called, &plain, 1e-5);

    let plain = received(
        &clip
            .encode_texts(&["old castle", "zebra.", "zebra"])
            .unwrap(),
    );
    let texts = ["zebra", "old castle"];
    let called = read(&clip, &texts, &[1, 0], "", &[], "embedding").unwrap();
    assert_close("texts", &called.get(0), &plain.get(0), 1e-5);
    assert_close("texts", &called.get(1), &plain.get(2), 1e-5);
    let dotted = read(&clip, &texts, &[0], r#"{"suffix": "."}"#, &[], "embedding").unwrap();
    assert_close("a suffix", &dotted.get(0), &plain.get(1), 1e-5);
}

#[test]
fn the_tokens_of_images_are_class_token_prompts_and_patches() {
    let clip = TinyClip::new().open().unwrap();
    let prompt = prompt(&[2, 3, WIDTH], 1);
    let sites = [("visual.prompt", &prompt)];
    let tokens = see(&clip, "", &sites, "tokens").unwrap();
    assert_eq!(tokens.size(), [2, 1 + 3 + 16, WIDTH]);
    let class = see(&clip, "", &sites, "class_token").unwrap();
    assert_close("class token", &tokens.select(1, 0), &class, 1e-6);
}

#[test]
fn options_select_the_entry_and_position_of_visual_prompts() {
    let clip = TinyClip::new().open().unwrap();
    let weights = tensors("tiny_clip/model.safetensors");
    let of = |name: &str| &weights[&format!("vision_model.{name}")];
    let bare = prompt(&[2, 3, WIDTH], 1);
    let positioned = &bare + of("embeddings.position_embedding.weight").get(0);
    let normed = positioned.layer_norm(
        [WIDTH],
        Some(of("pre_layrnorm.weight")),
        Some(of("pre_layrnorm.bias")),
        1e-5,
        true,
    );
    let see =
        |options, prompt| see(&clip, options, &[("visual.prompt", prompt)], "tokens").unwrap();
    let expected = see("", &bare);
    for (options, prompt) in [
        (
            r#"{"prompt_position": "class", "prompt_entry": "before-pre-norm"}"#,
            &bare,
        ),
        (r#"{"prompt_position": "none"}"#, &positioned),
        (
            r#"{"prompt_position": "none", "prompt_entry": "after-pre-norm"}"#,
            &normed,
        ),
    ] {
        assert_close(options, &see(options, prompt), &expected, 1e-5);
    }
    let otherwise = see(r#"{"prompt_entry": "after-pre-norm"}"#, &bare);
    assert!((otherwise - expected).abs().max().double_value(&[]) > 1e-2);
}

/// Repeating every key and value does not change attention: a prefix of the layer's own keys and
/// values has no effect, but one with keys and values swapped has.
#[test]
fn a_prefix_has_keys_first_and_is_prepended_after_the_projections() {
    let clip = TinyClip::new().open().unwrap();
    let weights: HashMap<String, Tensor> = tensors("tiny_clip/model.safetensors");
    let layer = "vision_model.encoder.layers.0";
    let of = |name: &str| &weights[&format!("{layer}.{name}")];
    // The input of layer 0, computed by the model.
    let folder = tiny::fixtures().join("tiny_clip");
    let config = Config::open(&folder.join("config.json")).unwrap();
    let file = folder.join("model.safetensors");
    let mut source = Weights::open(&file, Kind::Float, Device::Cpu).unwrap();
    let model = model::Clip::new(&config, &mut source).unwrap();
    let tiny = TinyClip::new();
    let preprocessing = preprocessor::open(&tiny.file("preprocessor_config.json"), 32).unwrap();
    let images = Tensor::from_slice(&pixels()).view(IMAGES);
    let encoded = model
        .vision
        .encode(
            &preprocessing.normalisation.apply(&images).unwrap(),
            &VisualPrompts::default(),
            PromptEntry::default(),
        )
        .unwrap();
    let normed = encoded.entering.layer_norm(
        [WIDTH],
        Some(of("layer_norm1.weight")),
        Some(of("layer_norm1.bias")),
        1e-5,
        true,
    );
    let project = |name: &str| {
        normed.linear(
            of(&format!("self_attn.{name}.weight")),
            Some(of(&format!("self_attn.{name}.bias"))),
        )
    };
    let (keys, values) = (project("k_proj"), project("v_proj"));
    let plain = see(&clip, "", &[], "tokens").unwrap();
    let own = Tensor::stack(&[&keys, &values], 1);
    let prefixed = see(&clip, "", &[("visual.kv.0", &own)], "tokens").unwrap();
    assert_close("a layer's own keys and values", &prefixed, &plain, 1e-5);
    let exchanged = Tensor::stack(&[&values, &keys], 1);
    let exchanged = see(&clip, "", &[("visual.kv.0", &exchanged)], "tokens").unwrap();
    assert!((&exchanged - &plain).abs().max().double_value(&[]) > 1e-2);
    let elsewhere = see(&clip, "", &[("visual.kv.1", &own)], "tokens").unwrap();
    assert!((&elsewhere - &plain).abs().max().double_value(&[]) > 1e-2);
}

#[test]
fn prompts_and_gradients_stay_f32_with_bfloat16() {
    let tiny = TinyClip::new();
    let half = tiny
        .open_with(serde_json::json!({ "path": "tiny-clip", "dtype": "bf16" }))
        .unwrap();
    let single = tiny.open().unwrap();
    let context = values(&prompt(&[2, 4, WIDTH], 2));
    let ones = vec![1.0_f32; 2 * 64];
    let gradient = |clip: &Clip| {
        let inputs = Inputs::Texts {
            texts: &["zebra", "old castle"],
            row_text: &[0, 1],
            place: Place::Middle,
            options: b"",
        };
        let site = Site {
            name: "text.context",
            prompt: TensorView::new(&context, &[2, 4, WIDTH]).unwrap(),
        };
        let mut forward = clip.forward(&inputs, &[site], &["embedding"]).unwrap();
        let ones = TensorView::new(&ones, &[2, 64]).unwrap();
        let pulled = forward.pullback.call(&[("embedding", ones)]).unwrap();
        received(&pulled[0].1)
    };
    let (half, single) = (gradient(&half), gradient(&single));
    assert_eq!(half.kind(), Kind::Float);
    let largest = single.abs().max().double_value(&[]);
    assert_close("the gradient", &half, &single, 0.05 * largest);
}

#[test]
fn invalid_sites_shapes_and_outputs_are_named() {
    let clip = TinyClip::new().open().unwrap();
    let (context, visual) = (prompt(&[1, 4, WIDTH], 1), prompt(&[2, 4, WIDTH], 1));
    let texts = ["zebra"];
    let refused = |result: Result<Tensor, Error>| result.unwrap_err();
    let site = |name: &'static str| [(name, &visual)];

    let error = refused(see(&clip, "", &site("visual.kv.2"), "embedding"));
    assert_eq!(error.code(), ErrorCode::UNSUPPORTED);
    let there =
        "texts have `text.context`, images `visual.prompt` and `visual.kv.0` to `visual.kv.1`";
    assert_eq!(
        error.to_string(),
        format!("unknown site `visual.kv.2`; {there}")
    );
    assert_eq!(
        refused(see(&clip, "", &site("text.context"), "embedding")).to_string(),
        format!("images do not have the site `text.context`; {there}")
    );
    assert_eq!(
        refused(read(
            &clip,
            &texts,
            &[0, 0],
            "",
            &site("visual.prompt"),
            "embedding"
        ))
        .to_string(),
        format!("texts do not have the site `visual.prompt`; {there}")
    );
    assert_eq!(
        refused(read(
            &clip,
            &texts,
            &[0, 0],
            "",
            &[("text.context", &context)],
            "embedding"
        ))
        .to_string(),
        "the prompt at `text.context` should have shape [2, _, 64], not [1, 4, 64]"
    );
    assert_eq!(
        refused(see(&clip, "", &site("visual.kv.0"), "embedding")).to_string(),
        "the prompt at `visual.kv.0` should have shape [2, 2, _, 64], not [2, 4, 64]"
    );
    let twice = [("visual.prompt", &visual), ("visual.prompt", &visual)];
    assert_eq!(
        refused(see(&clip, "", &twice, "embedding")).to_string(),
        "the site `visual.prompt` has two prompts; give one"
    );

    let error = refused(read(&clip, &texts, &[0], "", &[], "tokens"));
    assert_eq!(error.code(), ErrorCode::UNSUPPORTED);
    assert_eq!(
        error.to_string(),
        "`tokens` is an output of images only; texts have `embedding` and `class_token`"
    );
    assert_eq!(
        refused(see(&clip, "", &[], "logits")).to_string(),
        "unknown output `logits`; the outputs are `embedding`, `class_token`, `tokens`, `prompts`"
    );
    for row_text in [1, -1] {
        assert_eq!(
            refused(read(&clip, &texts, &[row_text], "", &[], "embedding")).to_string(),
            format!("text index {row_text} is out of range: there are 1 texts")
        );
    }
    assert_eq!(
        refused(read(&clip, &texts, &[], "", &[], "embedding")).to_string(),
        "the batch is empty; give at least one row"
    );

    let error = refused(see(&clip, r#"{"prompt_entry": "last"}"#, &[], "embedding"));
    assert_eq!(error.code(), ErrorCode::PARAMETER);
    assert_eq!(
        error.to_string(),
        "parameter `prompt_entry`: unknown variant `last`, expected `before-pre-norm` or `after-pre-norm`"
    );
    assert_eq!(
        refused(read(
            &clip,
            &texts,
            &[0],
            r#"{"sufix": "."}"#,
            &[],
            "embedding"
        ))
        .to_string(),
        "parameter `sufix`: no such parameter; did you mean `suffix`?"
    );

    let context = prompt(&[1, 76, WIDTH], 1);
    assert_eq!(
        refused(read(
            &clip,
            &["zebra"],
            &[0],
            "",
            &[("text.context", &context)],
            "embedding"
        ))
        .to_string(),
        "a context of 76 tokens, start, end and a suffix of 0 tokens leave no room for the text: the model takes 77 tokens; use a shorter context"
    );
}

#[test]
fn a_pullback_accepts_gradients_of_its_own_outputs_only() {
    let clip = TinyClip::new().open().unwrap();
    let context = values(&prompt(&[1, 2, WIDTH], 3));
    let ones = vec![1.0_f32; 64];
    let ones = TensorView::new(&ones, &[1, 64]).unwrap();
    let pull = |gradients: &[(&str, TensorView<'_>)]| {
        let inputs = Inputs::Texts {
            texts: &["zebra"],
            row_text: &[0],
            place: Place::Front,
            options: b"",
        };
        let site = Site {
            name: "text.context",
            prompt: TensorView::new(&context, &[1, 2, WIDTH]).unwrap(),
        };
        let wanted = ["embedding", "class_token"];
        let mut forward = clip.forward(&inputs, &[site], &wanted)?;
        let pulled = forward.pullback.call(gradients)?;
        Ok::<_, Error>(received(&pulled[0].1))
    };
    // A missing gradient counts as zero, and the gradients of several outputs add up.
    let none = pull(&[]).unwrap();
    assert_close("no gradient", &none, &Tensor::zeros_like(&none), 0.0);
    let sum = pull(&[("embedding", ones)]).unwrap() + pull(&[("class_token", ones)]).unwrap();
    let both = pull(&[("class_token", ones), ("embedding", ones)]).unwrap();
    assert_close("both", &both, &sum, 1e-5);

    let refused = |gradients: &[(&str, TensorView<'_>)]| pull(gradients).unwrap_err().to_string();
    assert_eq!(
        refused(&[("tokens", ones)]),
        "got a gradient for `tokens`, but the outputs of the call are `embedding`, `class_token`"
    );
    assert_eq!(
        refused(&[("embedding", ones), ("embedding", ones)]),
        "got two gradients for `embedding`; give one"
    );
    let short = [1.0_f32; 32];
    assert_eq!(
        refused(&[("embedding", TensorView::new(&short, &[1, 32]).unwrap())]),
        "the gradient of `embedding` should have shape [1, 64], not [1, 32]"
    );
}
