//! Writes the vision transformers of the L2P fixture as folders in timm's layout.
#![allow(dead_code)] // Each test file uses a part of it.

use clbench_torch::tch::{Kind, Tensor};
use clbench_vit::{Parameters, Vit};
use harness_abi::{Backbone, BackboneSetting, Host, Result};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub const WIDTH: i64 = 48;
pub const HEADS: i64 = 3;
/// The number of prompt tokens of an image in the fixture.
pub const PROMPTED: i64 = 12;

/// All tensors of a fixture file.
pub fn tensors(file: &str) -> HashMap<String, Tensor> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/l2p");
    Tensor::read_safetensors(fixtures.join(file))
        .unwrap()
        .into_iter()
        .collect()
}

/// The tensors of the query model, with timm's names.
pub fn query_model() -> HashMap<String, Tensor> {
    let tensors = tensors("weights.safetensors").into_iter();
    tensors
        .filter_map(|(name, tensor)| Some((name.strip_prefix("query_model.")?.into(), tensor)))
        .collect()
}

/// The tensors of the prompted model without its prompts and their positions, and these positions,
/// `[1, 12, 48]`.
pub fn prompted_model() -> (HashMap<String, Tensor>, Tensor) {
    let mut model: HashMap<String, Tensor> = tensors("weights.safetensors")
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("model.")?.to_owned(), tensor)))
        .filter(|(name, _)| !name.starts_with("prompt."))
        .collect();
    let all = model.remove("pos_embed").unwrap();
    let patches = all.size()[1] - 1 - PROMPTED;
    let own = [all.narrow(1, 0, 1), all.narrow(1, 1 + PROMPTED, patches)];
    model.insert("pos_embed".into(), Tensor::cat(&own, 1));
    (model, all.narrow(1, 1, PROMPTED))
}

/// A model folder inside a temporary folder.
pub struct TinyVit(TempDir);

impl TinyVit {
    pub fn new(weights: HashMap<String, Tensor>) -> TinyVit {
        let tiny = TinyVit(tempfile::tempdir().unwrap());
        fs::create_dir(tiny.path()).unwrap();
        let config = json!({
            "architecture": "vit_tiny_patch8_32", "num_classes": 10, "num_features": WIDTH, "global_pool": "token",
            "model_args": { "num_heads": HEADS, "embed_dim": WIDTH, "depth": 2, "img_size": 32, "patch_size": 8 },
            "pretrained_cfg": {
                "input_size": [3, 32, 32], "fixed_input_size": true, "interpolation": "bicubic", "crop_pct": 0.9,
                "crop_mode": "center", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "classifier": "head",
            },
        });
        fs::write(tiny.file("config.json"), config.to_string()).unwrap();
        tiny.write_weights(weights);
        tiny
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("tiny-vit")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn edit_config(&self, edit: impl FnOnce(&mut Value)) {
        let file = self.file("config.json");
        let mut value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        edit(&mut value);
        fs::write(file, value.to_string()).unwrap();
    }

    /// Edits the weights.
    pub fn edit_weights(&self, edit: impl FnOnce(&mut HashMap<String, Tensor>)) {
        let file = self.file("model.safetensors");
        let tensors = Tensor::read_safetensors(file).unwrap();
        let mut weights = tensors.into_iter().collect();
        edit(&mut weights);
        self.write_weights(weights);
    }

    /// Stores the weights in another type.
    pub fn store_weights_as(&self, kind: Kind) {
        self.edit_weights(|weights| {
            weights
                .values_mut()
                .for_each(|tensor| *tensor = tensor.to_kind(kind));
        });
    }

    fn write_weights(&self, weights: HashMap<String, Tensor>) {
        let weights: Vec<_> = weights.into_iter().collect();
        Tensor::write_safetensors(&weights, self.file("model.safetensors")).unwrap();
    }

    /// The temporary folder is the scenario's folder.
    pub fn setting(&self) -> BackboneSetting {
        BackboneSetting {
            device: "cpu".into(),
            threads: 1,
            folder: self.0.path().into(),
            host: Host::silent(),
        }
    }

    pub fn open(&self) -> Result<Vit> {
        self.open_with(json!({ "path": "tiny-vit" }))
    }

    pub fn open_with(&self, parameters: Value) -> Result<Vit> {
        let parameters: Parameters = serde_json::from_value(parameters).unwrap();
        Vit::create(parameters, self.setting())
    }

    /// The error of opening the folder, with `tiny` in place of its path.
    pub fn complaint(&self) -> String {
        let error = self.open().unwrap_err();
        assert_eq!(error.code(), harness_abi::ErrorCode::DATA, "{error}");
        error
            .to_string()
            .replace(&self.path().display().to_string(), "tiny")
    }
}

/// Copies a tensor of the ABI into libtorch.
pub fn received(tensor: &harness_abi::Tensor) -> Tensor {
    clbench_torch::bridge::copy_in(tensor.view()).unwrap()
}

/// Fails if two tensors differ in shape, or in any entry by more than `tolerance`.
#[track_caller]
pub fn assert_close(what: &str, a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.size(), b.size(), "{what}");
    let difference = (a.to_kind(Kind::Double) - b.to_kind(Kind::Double))
        .abs()
        .max()
        .double_value(&[]);
    // Written so that NaN fails.
    assert!(
        difference <= tolerance,
        "{what}: {difference:e} apart, {tolerance:e} allowed"
    );
}
