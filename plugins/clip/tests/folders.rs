//! What folders may contain, and the errors for invalid ones.

#[path = "tiny/clip.rs"]
mod tiny;

use clbench_clip::config::{Activation, Config, EndOfText, TextConfig, VisionConfig};
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::backbone::{Filter, Resize};
use harness_abi::host::HostService;
use harness_abi::{Backbone, ErrorCode, Host, Level};
use serde_json::{Value, json};
use std::fs;
use std::sync::{Arc, Mutex};
use tiny::TinyClip;

#[test]
fn the_backbones_info_describes_its_folder() {
    let info = TinyClip::new().open().unwrap().info();
    assert_eq!(info.name, "tiny-clip");
    assert_eq!((info.embedding_width, info.device.as_str()), (64, "cpu"));
    assert_eq!((info.image.height, info.image.width), (32, 32));
    assert_eq!(
        (info.image.resize, info.image.filter),
        (Resize::ShortestEdge, Filter::Bicubic)
    );
    let text = info.text.unwrap();
    assert_eq!((text.context_length, text.width, text.layers), (77, 64, 2));
    assert!((info.logit_scale.unwrap() - 100.0).abs() < 1e-4);
    let sites: Vec<_> = info
        .sites
        .iter()
        .map(|site| (site.name.as_str(), &site.shape[..]))
        .collect();
    assert_eq!(
        sites,
        [
            ("text.context", &[-1, -1, 64][..]),
            ("visual.prompt", &[-1, -1, 64]),
            ("visual.kv.0", &[-1, 2, -1, 64]),
            ("visual.kv.1", &[-1, 2, -1, 64]),
        ]
    );
    // The fingerprint depends on the files and the preprocessing, not on the location.
    let other = TinyClip::new();
    assert_eq!(other.open().unwrap().info().fingerprint, info.fingerprint);
    other.edit("preprocessor_config.json", |file| {
        file["resample"] = json!(2)
    });
    assert_ne!(other.open().unwrap().info().fingerprint, info.fingerprint);
}

#[test]
fn missing_fields_have_the_defaults_of_transformers() {
    let tiny = TinyClip::new();
    let config = |json: &str| {
        fs::write(tiny.file("config.json"), json).unwrap();
        Config::open(&tiny.file("config.json")).unwrap()
    };
    // ViT-B/32, as OpenAI published it.
    let expected = Config {
        text: TextConfig {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            eos_token_id: 49407,
        },
        vision: VisionConfig {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        },
        projection_dim: 512,
    };
    assert_eq!(config("{}"), expected);
    assert_eq!(
        config(r#"{"text_config": {}, "vision_config": null, "text_config_dict": null}"#),
        expected
    );
    // If the older `…_config_dict` is present, it replaces that encoder's fields as a whole.
    let overridden = config(
        r#"{"text_config": {"hidden_size": 99, "num_hidden_layers": 1},
            "text_config_dict": {"hidden_size": 64, "eos_token_id": 2},
            "vision_config": {"patch_size": 14},
            "vision_config_dict": {"hidden_size": 1024, "num_attention_heads": 16, "hidden_act": "gelu"},
            "projection_dim": 768}"#,
    );
    assert_eq!(
        (
            overridden.text.hidden_size,
            overridden.text.num_hidden_layers
        ),
        (64, 12)
    );
    assert_eq!(overridden.text.end_of_text(), EndOfText::LargestId);
    assert_eq!(overridden.vision.patch_size, 32);
    assert_eq!(overridden.vision.hidden_act, Activation::Gelu);
    assert_eq!(overridden.projection_dim, 768);
}

#[test]
fn an_incomplete_folder_is_an_error_that_names_the_missing_files() {
    let tiny = TinyClip::new();
    fs::remove_file(tiny.file("tokenizer.json")).unwrap();
    fs::remove_file(tiny.file("model.safetensors")).unwrap();
    assert_eq!(
        tiny.complaint(),
        "tiny: the folder lacks model.safetensors and tokenizer.json; a CLIP in the Hugging Face layout consists of \
         config.json, model.safetensors, tokenizer.json and preprocessor_config.json"
    );
    fs::remove_dir_all(tiny.path()).unwrap();
    assert_eq!(tiny.complaint(), "tiny: no such folder");
}

#[test]
fn damaged_weights_are_errors_that_name_the_tensor() {
    let name = "text_model.encoder.layers.1.mlp.fc2.bias";
    let tiny = TinyClip::new();
    tiny.edit_weights(|weights| {
        assert!(weights.remove(name).is_some());
    });
    assert_eq!(
        tiny.complaint(),
        format!(
            "tiny/model.safetensors: tensor `{name}` is missing; expected shape [64] according to the configuration"
        )
    );
    tiny.edit_weights(|weights| {
        weights.insert(name.into(), Tensor::zeros([32], (Kind::Float, Device::Cpu)));
    });
    assert_eq!(
        tiny.complaint(),
        format!(
            "tiny/model.safetensors: tensor `{name}` has shape [32]; expected shape [64] according to the configuration"
        )
    );
    tiny.edit_weights(|weights| {
        weights.insert(name.into(), Tensor::zeros([64], (Kind::Int64, Device::Cpu)));
    });
    assert_eq!(
        tiny.complaint(),
        format!(
            "tiny/model.safetensors: tensor `{name}` has type I64; supported types are F16, BF16, F32, F64"
        )
    );

    let tiny = TinyClip::new();
    let whole = fs::read(tiny.file("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap());
    let cut = |length: usize| {
        fs::write(tiny.file("model.safetensors"), &whole[..length]).unwrap();
        tiny.complaint()
    };
    assert_eq!(
        cut(1000),
        format!(
            "tiny/model.safetensors: the header is truncated: expected {header} bytes, found 992; copy or download the file again"
        )
    );
    let data = whole.len() - 8 - header as usize;
    assert_eq!(
        cut(whole.len() - 1),
        format!(
            "tiny/model.safetensors: the data are truncated: expected {data} bytes, found {}, so tensor \
             `visual_projection.weight` is incomplete; copy or download the file again",
            data - 1
        )
    );
}

#[test]
fn tensors_that_are_not_read_are_errors_unless_they_follow_from_the_shape() {
    let tiny = TinyClip::new();
    let add = |name: &str| {
        tiny.edit_weights(|weights| {
            let ids = Tensor::arange(77, (Kind::Int64, Device::Cpu)).unsqueeze(0);
            weights.insert(name.into(), ids);
        });
    };
    // As transformers wrote them until 4.31.
    add("text_model.embeddings.position_ids");
    add("vision_model.embeddings.position_ids");
    tiny.open().unwrap();
    let complaint = |expected: &str| {
        assert_eq!(
            tiny.complaint(),
            format!(
                "tiny/model.safetensors: {expected}; take all files from one folder, and check that it holds a model that \
                 this backbone reads"
            )
        );
    };
    add("logit_bias");
    complaint("one tensor is not part of the model that the configuration describes: `logit_bias`");
    for name in ["decoder.a", "decoder.b", "visual_projection.bias"] {
        add(name);
    }
    complaint(
        "4 tensors are not part of the model that the configuration describes: `decoder.a`, `decoder.b`, `logit_bias` \
         and 1 more",
    );
    // A configuration with fewer layers than the weights have.
    let tiny = TinyClip::new();
    tiny.edit("config.json", |file| {
        file["vision_config"]["num_hidden_layers"] = json!(1);
    });
    assert!(
        tiny.complaint()
            .starts_with("tiny/model.safetensors: 16 tensors are not part of the model"),
        "{}",
        tiny.complaint()
    );
}

#[test]
fn another_model_in_the_place_of_a_clip_is_named() {
    for (model_type, expected) in [
        ("siglip", "a SigLIP model (`model_type: siglip`)"),
        ("altclip", "an AltCLIP model (`model_type: altclip`)"),
        ("clipseg", "a CLIPSeg model (`model_type: clipseg`)"),
        (
            "chinese_clip",
            "a Chinese-CLIP model (`model_type: chinese_clip`)",
        ),
    ] {
        let tiny = TinyClip::new();
        tiny.edit("config.json", |file| file["model_type"] = json!(model_type));
        // What else such a folder lacks does not matter.
        fs::remove_file(tiny.file("tokenizer.json")).unwrap();
        assert_eq!(
            tiny.complaint(),
            format!(
                "tiny/config.json: this is {expected}; `clip` reads CLIP, such as `openai/clip-vit-base-patch32`"
            )
        );
    }
    let tiny = TinyClip::new();
    fs::write(
        tiny.file("config.json"),
        r#"{"architecture": "vit_base_patch16_224", "num_classes": 0}"#,
    )
    .unwrap();
    assert_eq!(
        tiny.complaint(),
        "tiny/config.json: this is a model of timm (`architecture: vit_base_patch16_224`); `clip` reads CLIP, such as \
         `openai/clip-vit-base-patch32`; for a plain vision transformer, use the backbone `vit`"
    );
}

#[test]
fn a_scenario_can_prepare_images_otherwise_than_the_folder() {
    let tiny = TinyClip::new();
    let open = |preprocessing: Value| {
        tiny.open_with(json!({ "path": "tiny-clip", "preprocessing": preprocessing }))
    };
    let folders = tiny.open().unwrap();
    let same = open(json!({ "normalisation": "clip", "resize": 32, "filter": "bicubic" })).unwrap();
    assert_eq!(same.info(), folders.info());

    let imagenet = open(json!({ "normalisation": "imagenet", "resize": 36 })).unwrap();
    let info = imagenet.info();
    assert_eq!((info.image.height, info.image.width), (32, 32));
    assert_eq!(info.image.resize, Resize::ShortestEdgeThenCrop(36));
    let marked = format!("{}-preprocessing-", folders.info().fingerprint);
    assert!(
        info.fingerprint.starts_with(&marked),
        "{}",
        info.fingerprint
    );

    // An embedding is that of the same folder with this mean and standard deviation in its file.
    let images = harness_abi::Tensor::from_vec(
        (0..2 * 3 * 32 * 32).map(|i| (i * 37 % 251) as u8).collect(),
        &[2, 3, 32, 32],
    )
    .unwrap();
    let embeddings = |clip: &clbench_clip::Clip| {
        let embeddings = clip.encode_images(images.view()).unwrap();
        embeddings.view().to_vec::<f32>().unwrap()
    };
    let edited = TinyClip::new();
    edited.edit("preprocessor_config.json", |file| {
        file["image_mean"] = json!([0.485, 0.456, 0.406]);
        file["image_std"] = json!([0.229, 0.224, 0.225]);
    });
    assert_eq!(embeddings(&imagenet), embeddings(&edited.open().unwrap()));
    assert_ne!(embeddings(&imagenet), embeddings(&folders));

    let error = open(json!({ "resize": 31 })).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PARAMETER);
    assert_eq!(error.parameter_path(), Some("preprocessing.resize"));
    // Mistakes that do not depend on the folder are found without it.
    fs::remove_dir_all(tiny.path()).unwrap();
    let error = open(json!({ "mean": [0, 0, 0] })).unwrap_err();
    assert_eq!(error.parameter_path(), Some("preprocessing.std"));
}

/// The image settings of the tiny CLIP as transformers 5 writes them.
fn processor(settings: Value) -> String {
    let mut fields = json!({
        "crop_size": {"height": 32, "width": 32}, "do_center_crop": true, "do_convert_rgb": true, "do_normalize": true,
        "do_rescale": true, "do_resize": true, "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_processor_type": "CLIPImageProcessor", "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 32}
    });
    for (key, value) in settings.as_object().unwrap() {
        fields[key] = value.clone();
    }
    json!({ "image_processor": fields, "processor_class": "CLIPProcessor" }).to_string()
}

/// The warnings of a backbone.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl HostService for Heard {
    fn log(&self, level: Level, message: &str) {
        assert_eq!(level, Level::Warning);
        self.0.lock().unwrap().push(message.to_owned());
    }
}

#[test]
fn a_folder_that_transformers_5_wrote_is_read_as_transformers_5_reads_it() {
    let tiny = TinyClip::new();
    let (old, new) = (
        tiny.file("preprocessor_config.json"),
        tiny.file("processor_config.json"),
    );
    let heard = Arc::new(Heard::default());
    let filter = || {
        let parameters = serde_json::from_value(json!({ "path": "tiny-clip" })).unwrap();
        let host = Host::serving(heard.clone());
        let clip = clbench_clip::Clip::create(parameters, tiny.setting_for(host));
        clip.unwrap().info().image.filter
    };
    let warnings = || std::mem::take(&mut *heard.0.lock().unwrap());

    // Transformers 4 wrote a file of this name too, without the settings.
    let before = tiny.open().unwrap().info().fingerprint;
    fs::write(&new, r#"{"processor_class": "CLIPProcessor"}"#).unwrap();
    assert_eq!(filter(), Filter::Bicubic);
    assert_eq!(tiny.open().unwrap().info().fingerprint, before);
    // Both, and they agree.
    fs::write(&new, processor(json!({}))).unwrap();
    assert_eq!(filter(), Filter::Bicubic);
    assert_eq!(warnings(), [""; 0]);
    // Both, and they differ.
    fs::write(&new, processor(json!({ "resample": 2 }))).unwrap();
    assert_eq!(filter(), Filter::Bilinear);
    assert_eq!(
        warnings()
            .concat()
            .replace(&tiny.path().display().to_string(), "tiny"),
        "tiny: processor_config.json and preprocessor_config.json prepare images differently; processor_config.json is read, \
         as by transformers 5, but transformers 4 reads preprocessor_config.json; delete the one that is out of date"
    );
    // Alone.
    fs::remove_file(&old).unwrap();
    assert_eq!(filter(), Filter::Bilinear);
    assert_eq!(warnings(), [""; 0]);
    let two = tiny.open().unwrap().info().fingerprint;
    fs::write(&new, processor(json!({ "resample": 0 }))).unwrap();
    assert_eq!(filter(), Filter::Nearest);
    assert_ne!(tiny.open().unwrap().info().fingerprint, two);
    fs::write(&new, processor(json!({ "resample": 1 }))).unwrap();
    assert_eq!(
        tiny.complaint(),
        "tiny/processor_config.json: `image_processor`: `resample` must be 0 (nearest), 2 (bilinear) or 3 (bicubic), got 1"
    );
    fs::write(&new, r#"{"processor_class": "CLIPProcessor"}"#).unwrap();
    assert!(
        tiny.complaint()
            .starts_with("tiny: the folder lacks preprocessor_config.json; a CLIP"),
        "{}",
        tiny.complaint()
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_file() {
    let tiny = TinyClip::new();
    let files = ["config.json", "preprocessor_config.json", "tokenizer.json"];
    for file in files {
        let path = tiny.file(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("\u{feff}{text}")).unwrap();
    }
    tiny.open().unwrap();
    for file in files {
        let path = tiny.file(file);
        let text = fs::read(&path).unwrap();
        fs::write(&path, b"\xff\xfe{\0}\0").unwrap();
        assert_eq!(
            tiny.complaint(),
            format!("tiny/{file}: UTF-16 text; save the file as UTF-8")
        );
        fs::write(&path, text).unwrap();
    }
}

#[test]
fn an_invalid_configuration_is_an_error_with_the_line_or_the_key() {
    let tiny = TinyClip::new();
    let complaint = |json: &str| {
        fs::write(tiny.file("config.json"), json).unwrap();
        tiny.complaint()
    };
    for (json, expected) in [
        (
            "{\n  \"text_config\": {\n    \"hidden_size\": 64,,\n",
            "tiny/config.json: not the configuration of a CLIP: key must be a string at line 3 column 23",
        ),
        (
            r#"{"text_config": {"hidden_act": "relu"}}"#,
            "tiny/config.json: `text_config`: unknown variant `relu`, expected `quick_gelu` or `gelu`",
        ),
        (
            r#"{"vision_config": {"hidden_size": 100}}"#,
            "tiny/config.json: `vision_config.hidden_size` must be a multiple of the 12 attention heads, got 100",
        ),
        (
            r#"{"text_config": {"num_hidden_layers": 0}}"#,
            "tiny/config.json: `text_config.num_hidden_layers` must be from 1 to 16777216, got 0",
        ),
        (
            r#"{"vision_config": {"num_channels": 1}}"#,
            "tiny/config.json: `vision_config.num_channels` must be 3, got 1",
        ),
    ] {
        assert_eq!(complaint(json), expected);
    }
}

#[test]
fn if_files_do_not_belong_together_the_error_names_both() {
    let tiny = TinyClip::new();
    tiny.edit("tokenizer.json", |file| {
        file["model"]["vocab"]["lantern"] = json!(600);
    });
    assert_eq!(
        tiny.complaint(),
        "tiny/tokenizer.json: the token `lantern` has id 600, but the vocabulary of tiny/config.json ends at 599 \
         (`text_config.vocab_size`: 600); take both files from one folder"
    );
    let tiny = TinyClip::new();
    tiny.edit("config.json", |file| {
        file["text_config"]["eos_token_id"] = json!(300);
    });
    assert_eq!(
        tiny.complaint(),
        "tiny/config.json: `text_config.eos_token_id` is 300, but `<|endoftext|>` has id 599 in tiny/tokenizer.json; \
         take both files from one folder"
    );
    let tiny = TinyClip::new();
    tiny.edit("tokenizer.json", |file| {
        file["model"]["vocab"] = json!({ "<unk>": 0, "<|startoftext|>": 598 });
        file["added_tokens"] = json!([]);
    });
    assert_eq!(
        tiny.complaint(),
        "tiny/tokenizer.json: the token `<|endoftext|>` is missing; a CLIP tokenizer has `<|startoftext|>` and \
         `<|endoftext|>`"
    );
    let tiny = TinyClip::new();
    tiny.edit("preprocessor_config.json", |file| *file = json!({}));
    assert_eq!(
        tiny.complaint(),
        "tiny/preprocessor_config.json: images are resized to 224×224 pixels, but `vision_config.image_size` in \
         config.json is 32; correct one of them"
    );
}

#[test]
fn an_unavailable_device_is_an_error() {
    let tiny = TinyClip::new();
    let open = |device: &str| {
        let mut setting = tiny.setting();
        setting.device = device.into();
        let parameters = serde_json::from_value(json!({ "path": "tiny-clip" })).unwrap();
        clbench_clip::Clip::create(parameters, setting)
    };
    let error = open("cuda:99").unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNSUPPORTED);
    assert!(
        error
            .to_string()
            .starts_with("device `cuda:99` is not available: "),
        "{error}"
    );
}
