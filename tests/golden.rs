//! Fixtures made by reference implementations, and the tiny CLIP that they were made on, loaded as
//! in a run.

use clbench_tests::{Dir, build, root, tiny_clip_folder};
use clbench_torch::tch::{Kind, Tensor};
use harness::plugin::{Loaded, PluginFile};
use harness_abi::backbone::BackboneSetting;
use harness_abi::{BackboneHandle, Host};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The tensors of one file.
pub struct Golden(Vec<u8>);

impl Golden {
    /// `tests/fixtures/<path>.safetensors`.
    pub fn open(path: &str) -> Golden {
        Golden(fs::read(root().join(format!("tests/fixtures/{path}.safetensors"))).unwrap())
    }

    pub fn tensor(&self, name: &str) -> Tensor {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let stored = file.tensor(name).unwrap();
        let kind = match stored.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F64 => Kind::Double,
            Dtype::I64 => Kind::Int64,
            other => panic!("{name} is of {other:?}"),
        };
        let shape: Vec<i64> = stored.shape().iter().map(|&n| n as i64).collect();
        Tensor::from_data_size(stored.data(), &shape, kind)
    }

    /// Asserts that a tensor equals the one with this name, up to its shape and a tolerance.
    pub fn close(&self, name: &str, ours: &Tensor, tolerance: f64) {
        let theirs = self.tensor(name);
        assert_eq!(ours.numel(), theirs.numel(), "{name}");
        let ours = ours.detach().reshape(theirs.size());
        let off = (ours.to_kind(theirs.kind()) - theirs).abs().max();
        let off = off.double_value(&[]);
        assert!(off < tolerance, "{name} is off by {off:e}");
    }
}

/// The class names of `tests/fixtures/<fixture>/meta.json`.
pub fn class_names(fixture: &str) -> Vec<String> {
    let meta = fs::read(root().join(format!("tests/fixtures/{fixture}/meta.json"))).unwrap();
    let meta: Value = serde_json::from_slice(&meta).unwrap();
    let names = meta["class_names"].as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap().into()).collect()
}

/// A plugin's file, loaded.
pub fn load(library: &str) -> Loaded {
    Loaded::load(&PluginFile::open(&build().join(library)).unwrap(), "cpu").unwrap()
}

/// The CLIP in a folder, from the plugin file.
pub fn clip(folder: &Path) -> BackboneHandle {
    let setting = BackboneSetting {
        device: "cpu".into(),
        threads: 1,
        folder: folder.into(),
        host: Host::silent(),
    };
    load("libclbench_clip.so")
        .backbone("clip", &json!({ "path": folder }), &setting)
        .unwrap()
}

/// The tiny CLIP with a fixture's vocabulary.
pub fn tiny_clip(dir: &Dir, fixture: &str) -> BackboneHandle {
    clip(&tiny_clip_folder(dir, fixture))
}
