//! The same model in every supported layout has the same features, and unsupported ones are errors.

#[path = "tiny/clip.rs"]
mod tiny;

use clbench_clip::{Clip, Parameters};
use clbench_torch::tch::{Kind, Tensor};
use harness_abi::host::HostService;
use harness_abi::{Backbone, Host, Level, TensorView};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex};
use tiny::{TinyClip, tensors};

/// The features of four images and three texts.
fn features(clip: &Clip) -> [Vec<f32>; 2] {
    let pixels = &tensors("tiny_clip/io.safetensors")["pixel_values"];
    let bytes = ((pixels + 2.0) * 60.0)
        .clamp(0.0, 255.0)
        .to_kind(Kind::Uint8);
    let shape = bytes.size();
    let mut values = vec![0_u8; bytes.numel()];
    let count = values.len();
    bytes.copy_data_u8(&mut values, count);
    let images = clip.encode_images(TensorView::new(&values, &shape).unwrap());
    let texts = clip.encode_texts(&["red apple", "t20 t30 t40 castle .", ""]);
    [images, texts].map(|tensor| tensor.unwrap().view().to_vec::<f32>().unwrap())
}

fn largest_difference(a: &[Vec<f32>; 2], b: &[Vec<f32>; 2]) -> f32 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn sharded_weights_give_the_same_features() {
    let tiny = TinyClip::new();
    let whole = features(&tiny.open().unwrap());
    let file = tiny.file("model.safetensors");
    let all = Tensor::read_safetensors(&file).unwrap();
    let mut map = serde_json::Map::new();
    for part in 0..3 {
        let name = format!("model-0000{}-of-00003.safetensors", part + 1);
        let shard: Vec<_> = (all.iter().enumerate())
            .filter(|(at, _)| at % 3 == part)
            .map(|(_, (name, tensor))| (name.clone(), tensor.shallow_clone()))
            .collect();
        map.extend(
            shard
                .iter()
                .map(|(tensor, _)| (tensor.clone(), json!(name))),
        );
        Tensor::write_safetensors(&shard, tiny.file(&name)).unwrap();
    }
    fs::remove_file(&file).unwrap();
    let index = json!({ "metadata": { "total_size": 1 }, "weight_map": map });
    fs::write(tiny.file("model.safetensors.index.json"), index.to_string()).unwrap();
    assert_eq!(features(&tiny.open().unwrap()), whole);
    fs::remove_file(tiny.file("model-00002-of-00003.safetensors")).unwrap();
    assert_eq!(
        tiny.complaint(),
        "tiny/model.safetensors.index.json: model-00002-of-00003.safetensors, one of 3 files in `weight_map`, is missing \
         beside the index; download it too"
    );
}

/// The tensors of the tiny CLIP, named and stacked as in OpenCLIP.
fn as_open_clip(tensors: &HashMap<String, Tensor>, text: &str) -> Vec<(String, Tensor)> {
    let mut theirs = Vec::new();
    for (side, before) in [("vision_model", "visual."), ("text_model", text)] {
        for layer in 0..2 {
            let from = format!("{side}.encoder.layers.{layer}.");
            let to = format!("{before}transformer.resblocks.{layer}.");
            for what in ["weight", "bias"] {
                let stack = ["q", "k", "v"]
                    .map(|one| &tensors[&format!("{from}self_attn.{one}_proj.{what}")]);
                theirs.push((format!("{to}attn.in_proj_{what}"), Tensor::cat(&stack, 0)));
                for (ours, name) in [
                    ("self_attn.out_proj", "attn.out_proj"),
                    ("layer_norm1", "ln_1"),
                    ("layer_norm2", "ln_2"),
                    ("mlp.fc1", "mlp.c_fc"),
                    ("mlp.fc2", "mlp.c_proj"),
                ] {
                    let tensor = &tensors[&format!("{from}{ours}.{what}")];
                    theirs.push((format!("{to}{name}.{what}"), tensor.shallow_clone()));
                }
            }
        }
    }
    let mut one = |ours: &str, name: String, transposed: bool| {
        let tensor = &tensors[ours];
        let tensor = if transposed {
            tensor.tr().contiguous()
        } else {
            tensor.shallow_clone()
        };
        theirs.push((name, tensor));
    };
    for what in ["weight", "bias"] {
        one(
            &format!("vision_model.pre_layrnorm.{what}"),
            format!("visual.ln_pre.{what}"),
            false,
        );
        one(
            &format!("vision_model.post_layernorm.{what}"),
            format!("visual.ln_post.{what}"),
            false,
        );
        one(
            &format!("text_model.final_layer_norm.{what}"),
            format!("{text}ln_final.{what}"),
            false,
        );
    }
    for (ours, name) in [
        (
            "vision_model.embeddings.class_embedding",
            "visual.class_embedding".to_owned(),
        ),
        (
            "vision_model.embeddings.patch_embedding.weight",
            "visual.conv1.weight".to_owned(),
        ),
        (
            "vision_model.embeddings.position_embedding.weight",
            "visual.positional_embedding".to_owned(),
        ),
        (
            "text_model.embeddings.token_embedding.weight",
            format!("{text}token_embedding.weight"),
        ),
        (
            "text_model.embeddings.position_embedding.weight",
            format!("{text}positional_embedding"),
        ),
        ("logit_scale", "logit_scale".to_owned()),
    ] {
        one(ours, name, false);
    }
    one("visual_projection.weight", "visual.proj".to_owned(), true);
    one(
        "text_projection.weight",
        format!("{text}text_projection"),
        true,
    );
    theirs
}

/// Converts the folder to OpenCLIP's layout, with an edited configuration.
fn to_open_clip(tiny: &TinyClip, text: &str, edit: impl FnOnce(&mut Value)) {
    let file = tiny.file("model.safetensors");
    let tensors: HashMap<_, _> = Tensor::read_safetensors(&file)
        .unwrap()
        .into_iter()
        .collect();
    let theirs = as_open_clip(&tensors, text);
    Tensor::write_safetensors(&theirs, tiny.file("open_clip_model.safetensors")).unwrap();
    for file in [
        "model.safetensors",
        "config.json",
        "preprocessor_config.json",
    ] {
        fs::remove_file(tiny.file(file)).unwrap();
    }
    let mut config = json!({
        "model_cfg": {
            "embed_dim": 64, "quick_gelu": true,
            "vision_cfg": { "image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32 },
            "text_cfg": { "context_length": 77, "vocab_size": 600, "width": 64, "heads": 2, "layers": 2 },
        },
        "preprocess_cfg": { "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711] },
    });
    edit(&mut config);
    fs::write(tiny.file("open_clip_config.json"), config.to_string()).unwrap();
}

#[test]
fn open_clips_layout_gives_the_same_features() {
    let ours = features(&TinyClip::new().open().unwrap());
    for text in ["", "text."] {
        let tiny = TinyClip::new();
        to_open_clip(&tiny, text, |_| {});
        let clip = tiny.open().unwrap();
        assert_eq!(
            clip.info().image,
            TinyClip::new().open().unwrap().info().image
        );
        assert!(largest_difference(&features(&clip), &ours) < 1e-6);
    }
    // Without `quick_gelu`, GELU is exact.
    let tiny = TinyClip::new();
    to_open_clip(&tiny, "", |config| {
        config["model_cfg"]["quick_gelu"] = json!(false)
    });
    assert!(largest_difference(&features(&tiny.open().unwrap()), &ours) > 1e-3);
}

#[test]
fn unsupported_open_clip_settings_are_named_with_their_key() {
    let refused = |edit: fn(&mut Value)| {
        let tiny = TinyClip::new();
        to_open_clip(&tiny, "", edit);
        tiny.complaint()
    };
    assert_eq!(
        refused(|config| config["model_cfg"]["vision_cfg"] =
            json!({ "timm_model_name": "vit_base", "image_size": 32 })),
        "tiny/open_clip_config.json: `model_cfg.vision_cfg.timm_model_name` is \"vit_base\", which is not supported; \
         this backbone reads CLIPs with plain transformer encoders"
    );
    assert_eq!(
        refused(|config| config["model_cfg"]["vision_cfg"]["layers"] = json!([3, 4, 6, 3])),
        "tiny/open_clip_config.json: `model_cfg.vision_cfg` describes a ResNet (`layers` is [3,4,6,3], `patch_size` is 8); \
         this backbone reads vision transformers only"
    );
    assert_eq!(
        refused(|config| config["model_cfg"]["multimodal_cfg"] = json!({})),
        "tiny/open_clip_config.json: `model_cfg.multimodal_cfg` is {}, which is not supported; this backbone reads \
         CLIPs with plain transformer encoders"
    );
    assert_eq!(
        refused(|config| config["preprocess_cfg"]["resize_mode"] = json!("longest")),
        "tiny/open_clip_config.json: `preprocess_cfg.resize_mode` must be `shortest` or `squash`, got `longest`"
    );
}

#[test]
fn pickled_weights_are_not_opened() {
    let tiny = TinyClip::new();
    fs::rename(
        tiny.file("model.safetensors"),
        tiny.file("pytorch_model.bin"),
    )
    .unwrap();
    assert_eq!(
        tiny.complaint(),
        "tiny: the folder has pytorch_model.bin but no model.safetensors; pickled weights can run code when opened, so they \
         are not supported: use a revision with safetensors, or save the model again with `safe_serialization=True`"
    );
}

#[test]
fn a_scenario_must_give_exactly_one_location() {
    let tiny = TinyClip::new();
    let refused = |parameters: Value| {
        let parameters: Parameters = serde_json::from_value(parameters).unwrap();
        Clip::create(parameters, tiny.setting())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(json!({})),
        "parameter `path`: no model is given; set `path` to a folder or `model` to a name on the Hugging Face hub"
    );
    assert_eq!(
        refused(json!({ "path": "tiny-clip", "model": "openai/clip-vit-base-patch32" })),
        "parameter `model`: both `path` and `model` are given; remove one of them"
    );
}

/// A host that records log messages.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl HostService for Log {
    fn log(&self, _level: Level, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

/// A text that is too long is truncated before its end token, with a single warning.
#[test]
fn long_texts_are_truncated_with_one_warning() {
    let tiny = TinyClip::new();
    let log = Arc::new(Log::default());
    let parameters = serde_json::from_value(json!({ "path": "tiny-clip" })).unwrap();
    let clip = Clip::create(parameters, tiny.setting_for(Host::serving(log.clone()))).unwrap();
    let zebras = |n| vec!["zebra"; n].join(" ");
    let texts = [zebras(75), zebras(76), zebras(200)];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let encoded = clip.encode_texts(&texts).unwrap();
    let values = encoded.view().to_vec::<f32>().unwrap();
    assert_eq!(values[..64], values[64..128]);
    assert_eq!(values[..64], values[128..]);
    assert_eq!(
        *log.0.lock().unwrap(),
        [format!(
            "the text \"{}\"… has 78 tokens including start and end, but the model takes 77; it is truncated, as are all other \
             texts that are too long",
            &texts[1][..60]
        )]
    );
}
