//! What folders may contain, and the errors for invalid ones.

#[path = "tiny/vit.rs"]
mod tiny;

use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_vit::Vit;
use harness_abi::Backbone;
use harness_abi::backbone::{Filter, Resize};
use serde_json::{Value, json};
use std::fs;
use tiny::TinyVit;

fn plain() -> TinyVit {
    TinyVit::new(tiny::query_model())
}

fn zeros(shape: &[i64]) -> Tensor {
    Tensor::zeros(shape, (Kind::Float, Device::Cpu))
}

#[test]
fn the_backbones_info_describes_its_folder() {
    let info = plain().open().unwrap().info();
    assert_eq!(info.name, "tiny-vit");
    assert_eq!((info.embedding_width, info.device.as_str()), (48, "cpu"));
    assert_eq!((info.image.height, info.image.width), (32, 32));
    // ⌊32 / 0.9⌋
    assert_eq!(
        (info.image.resize, info.image.filter),
        (Resize::ShortestEdgeThenCrop(35), Filter::Bicubic)
    );
    assert_eq!((info.text, info.logit_scale), (None, None));
    let sites: Vec<_> = info
        .sites
        .iter()
        .map(|site| (site.name.as_str(), &site.shape[..]))
        .collect();
    assert_eq!(
        sites,
        [
            ("visual.prompt", &[-1, -1, 48][..]),
            ("visual.kv.0", &[-1, 2, -1, 48]),
            ("visual.kv.1", &[-1, 2, -1, 48]),
        ]
    );
    // The fingerprint depends on the files and the preprocessing, not on the location.
    let other = plain();
    assert_eq!(other.open().unwrap().info().fingerprint, info.fingerprint);
    other.edit_config(|config| config["pretrained_cfg"]["mean"] = json!([0, 0, 0]));
    assert_ne!(other.open().unwrap().info().fingerprint, info.fingerprint);
}

/// CODA-Prompt's preprocessing on CIFAR-100 and ImageNet-R.
#[test]
fn a_scenario_can_prepare_images_otherwise_than_the_folder() {
    let tiny = plain();
    let open = |preprocessing: Value| {
        tiny.open_with(json!({ "path": "tiny-vit", "preprocessing": preprocessing }))
    };
    let changed = open(json!({ "normalisation": "zero-to-one", "fit": "stretch" })).unwrap();
    let edited = plain();
    edited.edit_config(|config| {
        let fields = &mut config["pretrained_cfg"];
        fields["mean"] = json!([0, 0, 0]);
        fields["std"] = json!([1, 1, 1]);
        fields["crop_mode"] = json!("squash");
        fields["crop_pct"] = json!(1);
    });
    let edited = edited.open().unwrap();
    assert_eq!(changed.info().image, edited.info().image);
    assert_eq!(changed.info().image.resize, Resize::Stretch);
    let images = harness_abi::Tensor::from_vec(
        (0..2 * 3 * 32 * 32).map(|i| (i * 37 % 251) as u8).collect(),
        &[2, 3, 32, 32],
    )
    .unwrap();
    let embeddings = |vit: &Vit| {
        let embeddings = vit.encode_images(images.view()).unwrap();
        embeddings.view().to_vec::<f32>().unwrap()
    };
    assert_eq!(embeddings(&changed), embeddings(&edited));

    let folders = tiny.open().unwrap().info();
    assert_eq!(open(json!({ "resize": 35 })).unwrap().info(), folders);
    let marked = format!("{}-preprocessing-", folders.fingerprint);
    assert!(changed.info().fingerprint.starts_with(&marked));
    let error = open(json!({ "resize": 31 })).unwrap_err();
    assert_eq!(error.parameter_path(), Some("preprocessing.resize"));
}

#[test]
fn an_incomplete_folder_is_an_error_that_names_the_missing_files() {
    let tiny = plain();
    fs::remove_file(tiny.file("model.safetensors")).unwrap();
    assert_eq!(
        tiny.complaint(),
        "tiny: the folder lacks model.safetensors; a vision transformer in timm's layout consists of config.json and \
         model.safetensors"
    );
    fs::remove_dir_all(tiny.path()).unwrap();
    assert_eq!(tiny.complaint(), "tiny: no such folder");
}

#[test]
fn tensors_of_other_models_are_an_error() {
    for (name, what) in [
        ("blocks.0.ls1.gamma", "layer scale"),
        ("reg_token", "register tokens"),
        ("dist_token", "a distillation token"),
        ("fc_norm.weight", "normalisation of pooled patches"),
        ("norm_pre.weight", "normalisation before the first layer"),
        (
            "blocks.1.attn.q_norm.weight",
            "normalisation of queries and keys",
        ),
        ("attn_pool.latent", "attention pooling"),
    ] {
        let tiny = plain();
        tiny.edit_weights(|weights| {
            weights.insert(name.into(), zeros(&[1, 1, 48]));
        });
        assert_eq!(
            tiny.complaint(),
            format!(
                "tiny/model.safetensors: tensor `{name}` belongs to {what}, which a plain vision transformer does not have"
            )
        );
    }
    let tiny = plain();
    tiny.edit_weights(|weights| {
        weights.insert("vit.embeddings.cls_token".into(), zeros(&[1, 1, 48]));
    });
    assert_eq!(
        tiny.complaint(),
        "tiny/model.safetensors: tensor `vit.embeddings.cls_token` does not belong to a plain vision transformer in \
         timm's layout, such as `vit_base_patch16_224`"
    );
    // A classification head is ignored.
    let tiny = plain();
    tiny.edit_weights(|weights| {
        weights.retain(|name, _| !name.starts_with("head."));
        weights.insert("pre_logits.fc.weight".into(), zeros(&[48, 48]));
    });
    tiny.open().unwrap();
}

#[test]
fn missing_and_misshapen_tensors_are_named() {
    let position = "expected [1, 1 + patches, width], positions of the class token and of the patches of a square";
    for (name, shape, expected) in [
        (
            "cls_token",
            None,
            "is missing; expected the class token, [1, 1, width]".into(),
        ),
        (
            "pos_embed",
            Some(&[1, 16, 48][..]),
            format!("has shape [1, 16, 48]; {position}"),
        ),
        (
            "pos_embed",
            Some(&[17, 48]),
            format!("has shape [17, 48]; {position}"),
        ),
        (
            "patch_embed.proj.weight",
            Some(&[48, 3, 8, 4]),
            "has shape [48, 3, 8, 4]; expected [width, 3, patch, patch], square patches with three colours"
                .into(),
        ),
        (
            "blocks.0.mlp.fc1.weight",
            None,
            "is missing; expected [hidden width, width]".into(),
        ),
        (
            "blocks.0.attn.qkv.bias",
            None,
            "is missing; expected shape [144] according to the other tensors".into(),
        ),
        (
            "blocks.1.attn.proj.weight",
            Some(&[48, 24]),
            "has shape [48, 24]; expected shape [48, 48] according to the other tensors".into(),
        ),
    ] {
        let tiny = plain();
        tiny.edit_weights(|weights| {
            weights.remove(name);
            if let Some(shape) = shape {
                weights.insert(name.into(), zeros(shape));
            }
        });
        assert_eq!(
            tiny.complaint(),
            format!("tiny/model.safetensors: tensor `{name}` {expected}")
        );
    }
}

#[test]
fn a_configuration_that_does_not_match_the_weights_is_an_error_with_its_key() {
    let tiny = plain();
    tiny.edit_config(|config| config["model_args"] = json!(null));
    assert_eq!(
        tiny.complaint(),
        "tiny/config.json: `vit_tiny_patch8_32` has token width 192, but the weights have 48; if both files belong \
         together, set `model_args.num_heads`"
    );
    tiny.edit_config(|config| config["architecture"] = json!("eva02_tiny_patch14_224"));
    assert_eq!(
        tiny.complaint(),
        "tiny/config.json: the number of attention heads of `eva02_tiny_patch14_224` is only known for `vit_` and `deit_` \
         in the sizes tiny, small, base, large, huge; set `model_args.num_heads`"
    );
    let tiny = plain();
    tiny.edit_config(|config| config["pretrained_cfg"]["input_size"] = json!([3, 224, 224]));
    assert_eq!(
        tiny.complaint(),
        "tiny/config.json: `pretrained_cfg.input_size` is [3, 224, 224], but the weights are for images [3, 32, 32]; take \
         both files from one folder"
    );
}
