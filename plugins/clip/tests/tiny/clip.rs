//! Writes the fixtures' tiny CLIP as a folder in the Hugging Face layout: weights, a whole-word
//! tokenizer, and preprocessing.
#![allow(dead_code)] // Each test file uses a part of it.

use clbench_clip::{Clip, Parameters};
use clbench_torch::tch::{Kind, Tensor};
use harness_abi::{Backbone, BackboneSetting, Host, Result};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub const START: i64 = 598;
pub const END: i64 = 599;

/// The words of CoOp's fixtures with their ids; every other id below [`START`] is the word `t<id>`.
const WORDS: [(&str, i64); 12] = [
    ("<unk>", 0),
    ("X", 5),
    (".", 6),
    ("red", 10),
    ("apple", 11),
    ("bicycle", 12),
    ("old", 13),
    ("castle", 14),
    ("dolphin", 15),
    ("fire", 16),
    ("truck", 17),
    ("zebra", 18),
];

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// All tensors of a fixture file.
pub fn tensors(file: &str) -> HashMap<String, Tensor> {
    Tensor::read_safetensors(fixtures().join(file))
        .unwrap()
        .into_iter()
        .collect()
}

/// A model folder inside a temporary folder.
pub struct TinyClip(TempDir);

impl TinyClip {
    pub fn new() -> TinyClip {
        let tiny = TinyClip(tempfile::tempdir().unwrap());
        fs::create_dir(tiny.path()).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::copy(fixtures().join("tiny_clip").join(file), tiny.file(file)).unwrap();
        }
        fs::write(tiny.file("tokenizer.json"), tokenizer().to_string()).unwrap();
        let preprocessor = json!({ "size": 32, "crop_size": 32 });
        fs::write(
            tiny.file("preprocessor_config.json"),
            preprocessor.to_string(),
        )
        .unwrap();
        tiny
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("tiny-clip")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn edit(&self, file: &str, edit: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&fs::read(self.file(file)).unwrap()).unwrap();
        edit(&mut value);
        fs::write(self.file(file), value.to_string()).unwrap();
    }

    /// Edits the weights.
    pub fn edit_weights(&self, edit: impl FnOnce(&mut HashMap<String, Tensor>)) {
        let file = self.file("model.safetensors");
        let mut weights = Tensor::read_safetensors(&file)
            .unwrap()
            .into_iter()
            .collect();
        edit(&mut weights);
        let weights: Vec<_> = weights.into_iter().collect();
        Tensor::write_safetensors(&weights, &file).unwrap();
    }

    /// Stores the weights in another type.
    pub fn store_weights_as(&self, kind: Kind) {
        self.edit_weights(|weights| {
            weights
                .values_mut()
                .for_each(|tensor| *tensor = tensor.to_kind(kind));
        });
    }

    /// The temporary folder is the scenario's folder.
    pub fn setting(&self) -> BackboneSetting {
        self.setting_for(Host::silent())
    }

    pub fn setting_for(&self, host: Host) -> BackboneSetting {
        BackboneSetting {
            device: "cpu".into(),
            threads: 1,
            folder: self.0.path().into(),
            host,
        }
    }

    pub fn open(&self) -> Result<Clip> {
        self.open_with(json!({ "path": "tiny-clip" }))
    }

    pub fn open_with(&self, parameters: Value) -> Result<Clip> {
        let parameters: Parameters = serde_json::from_value(parameters).unwrap();
        Clip::create(parameters, self.setting())
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

/// The word of an id.
pub fn word(id: i64) -> String {
    match id {
        START => "<|startoftext|>".into(),
        END => "<|endoftext|>".into(),
        id => WORDS
            .iter()
            .find(|(_, other)| *other == id)
            .map_or_else(|| format!("t{id}"), |(word, _)| (*word).into()),
    }
}

fn tokenizer() -> Value {
    let vocab: serde_json::Map<String, Value> = (0..=END).map(|id| (word(id), json!(id))).collect();
    let special = |id: i64| {
        json!({ "id": id, "content": word(id), "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true })
    };
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(START), special(END)],
        "normalizer": null, "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "<unk>" },
    })
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

/// Scales rows to unit length.
pub fn unit(x: &Tensor) -> Tensor {
    x / x.norm_scalaropt_dim(2.0, [-1_i64], true)
}
