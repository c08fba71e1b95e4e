//! CoOp's numbers: the strategy's prompt on the CLIP plugin, loaded from its file as a run loads it, against what CoOp's own
//! code gave on the same weights. See `fixtures/coop/README.md`.

use clbench_tests::{Dir, build, root, tiny_clip_folder};
use clbench_text_prompts::{Lesson, Prompt};
use clbench_torch::cosine::unit_rows;
use clbench_torch::tch::{Kind, Tensor};
use clbench_torch::threads;
use harness::plugin::{Loaded, PluginFile};
use harness_abi::backbone::BackboneSetting;
use harness_abi::{BackboneHandle, Host, Place};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use std::fs;

/// CoOp's words are of the class name's place, ours of the context's.
const CASES: [(&str, Place); 4] = [
    ("end", Place::Front),
    ("middle", Place::Middle),
    ("front", Place::End),
    ("end_csc", Place::Front),
];

#[test]
fn text_features_logits_loss_and_gradient_are_coops() {
    threads::set(1).unwrap();
    let dir = Dir::new();
    let clip = clip(&dir);
    let (golden, images) = (fixture("coop"), fixture("image_features"));
    let (golden, images) = (open(&golden), open(&images));
    let meta = fs::read(root().join("tests/fixtures/coop/meta.json")).unwrap();
    let meta: Value = serde_json::from_slice(&meta).unwrap();
    let names = meta["class_names"].as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|name| name.as_str().unwrap()).collect();
    let lesson = Lesson {
        features: unit_rows(&tensor(&images, "image_features")).unwrap(),
        targets: tensor(&golden, "labels"),
    };

    for (case, place) in CASES {
        let expected = |what: &str| tensor(&golden, &format!("{case}.{what}"));
        let prompt = Prompt::new(&clip, &names, &expected("ctx"), place).unwrap();
        let close = |what: &str, ours: &Tensor, tolerance: f64| {
            let theirs = expected(what);
            assert_eq!(ours.numel(), theirs.numel(), "{case}: {what}");
            let ours = ours.reshape(theirs.size());
            let off = (ours - theirs).abs().max().double_value(&[]);
            assert!(off < tolerance, "{case}: {what} is off by {off:e}");
        };
        close("text_features", &prompt.text_features().unwrap(), 1e-5);
        close("logits", &prompt.logits(&lesson.features).unwrap(), 1e-4);
        close("loss", &prompt.backward(&lesson).unwrap(), 2e-5);
        close("grad_ctx", &prompt.context().grad(), 3e-5);
    }
}

/// The tiny CLIP, from the plugin's file.
fn clip(dir: &Dir) -> BackboneHandle {
    tiny_clip_folder(dir);
    let file = PluginFile::open(&build().join("libclbench_clip.so")).unwrap();
    let setting = BackboneSetting {
        device: "cpu".into(),
        threads: 1,
        folder: dir.path("."),
        host: Host::silent(),
    };
    Loaded::load(&file)
        .unwrap()
        .backbone("clip", &json!({ "path": "tiny-clip" }), &setting)
        .unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join(format!("tests/fixtures/coop/{name}.safetensors"))).unwrap()
}

fn open(bytes: &[u8]) -> SafeTensors<'_> {
    SafeTensors::deserialize(bytes).unwrap()
}

fn tensor(file: &SafeTensors<'_>, name: &str) -> Tensor {
    let stored = file.tensor(name).unwrap();
    let kind = match stored.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::I64 => Kind::Int64,
        other => panic!("{name} is of {other:?}"),
    };
    let shape: Vec<i64> = stored.shape().iter().map(|&n| n as i64).collect();
    Tensor::from_data_size(stored.data(), &shape, kind)
}
