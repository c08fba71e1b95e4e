//! The effect of prompts at each site, and the errors for invalid ones. `boundary.rs` checks the
//! gradients.

#[path = "tiny/vit.rs"]
mod tiny;

use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_vit::Vit;
use harness_abi::backbone::Inputs;
use harness_abi::{Backbone, Error, ErrorCode, Place, Site, TensorView};
use std::collections::HashMap;
use tiny::{HEADS, TinyVit, WIDTH, assert_close, received};

const IMAGES: [i64; 4] = [2, 3, 32, 32];

/// Normal numbers.
fn prompt(shape: &[i64], seed: u64) -> Tensor {
    clbench_torch::Generator::new(seed, "prompt", 0)
        .normal_tensor(shape, 0.5, Device::Cpu)
        .unwrap()
}

/// `forward` on two images.
fn see(vit: &Vit, options: &str, sites: &[(&str, &Tensor)], wanted: &str) -> Result<Tensor, Error> {
    let pixels: Vec<u8> = (0..IMAGES.iter().product::<i64>())
        .map(|k| (k * k / 11 % 251) as u8)
        .collect();
    let values: Vec<Vec<f32>> = sites
        .iter()
        .map(|(_, prompt)| Vec::try_from(prompt.contiguous().view(-1)).unwrap())
        .collect();
    let shapes: Vec<_> = sites.iter().map(|(_, prompt)| prompt.size()).collect();
    let sites: Vec<Site<'_>> = sites
        .iter()
        .zip(values.iter().zip(&shapes))
        .map(|((name, _), (values, shape))| Site {
            name,
            prompt: TensorView::new(values, shape).unwrap(),
        })
        .collect();
    let inputs = Inputs::Images {
        images: TensorView::new(&pixels, &IMAGES).unwrap(),
        options: options.as_bytes(),
    };
    let forward = vit.forward(&inputs, &sites, &[wanted])?;
    Ok(received(&forward.outputs[0]))
}

#[test]
fn visual_prompts_get_the_class_tokens_position_or_none() {
    let vit = TinyVit::new(tiny::query_model()).open().unwrap();
    let bare = prompt(&[2, 3, WIDTH], 1);
    let positioned = &bare + tiny::query_model()["pos_embed"].select(1, 0);
    let see = |options, prompt| {
        let sites = [("visual.prompt", prompt)];
        see(&vit, options, &sites, "tokens").unwrap()
    };
    let expected = see("", &bare);
    assert_eq!(expected.size(), [2, 1 + 3 + 16, WIDTH]);
    let named = see(r#"{"prompt_position": "class"}"#, &bare);
    assert_close("by name", &named, &expected, 0.0);
    let own = r#"{"prompt_position": "none"}"#;
    assert_close("its own", &see(own, &positioned), &expected, 1e-5);
    let none = see(own, &bare);
    assert!((none - expected).abs().max().double_value(&[]) > 1e-2);
}

#[test]
fn the_embedding_is_the_class_token() {
    let vit = TinyVit::new(tiny::query_model()).open().unwrap();
    let prompt = prompt(&[2, 2, WIDTH], 2);
    let see = |wanted| see(&vit, "", &[("visual.prompt", &prompt)], wanted).unwrap();
    assert_close("embedding", &see("embedding"), &see("class_token"), 0.0);
    let first = see("tokens").select(1, 0);
    assert_close("class token", &first, &see("class_token"), 1e-5);
}

#[test]
fn the_output_of_prompts_is_their_part_of_all_tokens() {
    let vit = TinyVit::new(tiny::query_model()).open().unwrap();
    let prompt = prompt(&[2, 3, WIDTH], 2);
    let see = |wanted| see(&vit, "", &[("visual.prompt", &prompt)], wanted).unwrap();
    let part = see("tokens").narrow(1, 1, 3);
    assert_close("prompts", &see("prompts"), &part, 1e-6);
}

/// One layer of the model, computed from its definition, with a prefix of keys and values.
fn layer_by_hand(
    weights: &HashMap<String, Tensor>,
    at: i64,
    x: &Tensor,
    prefix: Option<&Tensor>,
) -> Tensor {
    let of = |name: &str| &weights[&format!("blocks.{at}.{name}")];
    let linear = |x: &Tensor, name: &str| {
        x.matmul(&of(&format!("{name}.weight")).tr()) + of(&format!("{name}.bias"))
    };
    let norm = |x: &Tensor, name: &str| {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        x.layer_norm([WIDTH], Some(of(&weight)), Some(of(&bias)), 1e-6, false)
    };
    let qkv = linear(&norm(x, "norm1"), "attn.qkv").split(WIDTH, 2);
    let (queries, mut keys, mut values) = (&qkv[0], qkv[1].copy(), qkv[2].copy());
    if let Some(prefix) = prefix {
        keys = Tensor::cat(&[prefix.select(1, 0), keys], 1);
        values = Tensor::cat(&[prefix.select(1, 1), values], 1);
    }
    let size = WIDTH / HEADS;
    let heads: Vec<Tensor> = (0..HEADS)
        .map(|head| {
            let own = |x: &Tensor| x.narrow(2, head * size, size);
            let scores = own(queries).matmul(&own(&keys).transpose(1, 2)) / (size as f64).sqrt();
            scores.softmax(-1, Kind::Double).matmul(&own(&values))
        })
        .collect();
    let x = x + linear(&Tensor::cat(&heads, 2), "attn.proj");
    let inner = linear(&norm(&x, "norm2"), "mlp.fc1");
    let inner = &inner * ((&inner / 2.0_f64.sqrt()).erf() + 1.0) / 2.0;
    x + linear(&inner, "mlp.fc2")
}

#[test]
fn a_prefix_is_prepended_to_the_keys_and_values_of_its_layer() {
    let vit = TinyVit::new(tiny::query_model()).open().unwrap();
    let weights: HashMap<String, Tensor> = tiny::query_model()
        .into_iter()
        .map(|(name, tensor)| (name, tensor.to_kind(Kind::Double)))
        .collect();
    // The first layer's input, from the definition: a convolution of the normalised bytes.
    let pixels = Tensor::arange(IMAGES.iter().product::<i64>(), (Kind::Int64, Device::Cpu));
    let pixels = (&pixels * &pixels).floor_divide_scalar(11).remainder(251);
    let pixels = pixels.to_kind(Kind::Double).view(IMAGES) / 255.0;
    let channels = |values: [f64; 3]| Tensor::from_slice(&values).view([1, 3, 1, 1]);
    let pixels = (pixels - channels([0.5, 0.4, 0.3])) / channels([0.2, 0.3, 0.4]);
    let patches = pixels.conv2d(
        &weights["patch_embed.proj.weight"],
        Some(&weights["patch_embed.proj.bias"]),
        [8, 8],
        [0, 0],
        [1, 1],
        1,
    );
    let class = weights["cls_token"].expand([2, 1, WIDTH], false);
    let entering =
        Tensor::cat(&[class, patches.flatten(2, 3).transpose(1, 2)], 1) + &weights["pos_embed"];

    let (first, second) = (prompt(&[2, 2, 5, WIDTH], 3), prompt(&[2, 2, 1, WIDTH], 4));
    for sites in [
        &[][..],
        &[("visual.kv.0", &first)],
        &[("visual.kv.1", &first)],
        &[("visual.kv.1", &second), ("visual.kv.0", &first)],
    ] {
        let mut x = entering.copy();
        for layer in 0..2 {
            let prefix = sites
                .iter()
                .find(|(name, _)| *name == format!("visual.kv.{layer}"))
                .map(|(_, prefix)| prefix.to_kind(Kind::Double));
            x = layer_by_hand(&weights, layer, &x, prefix.as_ref());
        }
        let (weight, bias) = (&weights["norm.weight"], &weights["norm.bias"]);
        let expected = x.layer_norm([WIDTH], Some(weight), Some(bias), 1e-6, false);
        let names: Vec<_> = sites.iter().map(|(name, _)| *name).collect();
        let ours = see(&vit, "", sites, "tokens").unwrap();
        assert_close(&names.join(" and "), &ours, &expected, 1e-5);
    }
}

#[test]
fn invalid_sites_shapes_and_outputs_are_named() {
    let vit = TinyVit::new(tiny::query_model()).open().unwrap();
    let visual = prompt(&[2, 4, WIDTH], 1);
    let refused = |site, wanted| see(&vit, "", &[(site, &visual)], wanted).unwrap_err();
    for site in ["visual.kv.2", "text.context"] {
        let error = refused(site, "embedding");
        assert_eq!(error.code(), ErrorCode::UNSUPPORTED);
        assert_eq!(
            error.to_string(),
            format!(
                "unknown site `{site}`; images have `visual.prompt` and `visual.kv.0` to `visual.kv.1`"
            )
        );
    }
    assert_eq!(
        refused("visual.kv.0", "embedding").to_string(),
        "the prompt at `visual.kv.0` should have shape [2, 2, _, 48], not [2, 4, 48]"
    );
    assert_eq!(
        see(&vit, "", &[], "prompts").unwrap_err().to_string(),
        "the output `prompts` needs prompts at the site `visual.prompt`"
    );
    assert_eq!(
        refused("visual.prompt", "logits").to_string(),
        "unknown output `logits`; the outputs are `embedding`, `class_token`, `tokens`, `prompts`"
    );
    let texts = Inputs::Texts {
        texts: &["zebra"],
        row_text: &[0],
        place: Place::Front,
        options: b"",
    };
    let error = vit.forward(&texts, &[], &["embedding"]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNSUPPORTED);
    assert_eq!(error.to_string(), "this backbone has no text encoder");
    // An option of CLIP only, because a ViT has no normalisation before the layers.
    let entry = r#"{"prompt_entry": "before-pre-norm"}"#;
    let error = see(&vit, entry, &[], "embedding").unwrap_err();
    assert_eq!(error.code(), ErrorCode::PARAMETER);
    assert_eq!(
        error.to_string(),
        "parameter `prompt_entry`: no such parameter; there are `prompt_position`"
    );
}
