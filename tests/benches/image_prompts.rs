//! A training step of L2P, DualPrompt and CODA-Prompt: choose prompts, encode images with them,
//! compute all gradients, take an optimiser step. At the size of the small CLIP and of ViT-B/32, on
//! one thread; a second line has the peak memory of the process during the step, including the
//! model.
//!
//! `cargo bench -p clbench-tests --bench image_prompts`. Compare methods within one run: times of
//! two runs differ with the machine.

#[path = "../golden.rs"]
#[allow(dead_code)]
mod golden;

use clbench_tests::{Dir, peak_memory, root, tiny_clip_folder};
use clbench_torch::Generator;
use clbench_torch::bridge::{self, threads};
use clbench_torch::prompting::images;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_visual_prompts::learner::TrainingBatch;
use clbench_visual_prompts::{CodaPrompt, DualPrompt, L2p, Learner, Method};
use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use golden::clip as load_clip;
use harness_abi::{BackboneHandle, Host, Inputs, Setting, Strategy, TensorView};
use serde_json::{Value, json};
use std::fs;

const CLASSES: u32 = 100;
const TASKS: u32 = 10;

/// The tiny CLIP of the fixtures with its image encoder enlarged to ViT-B/32: random weights,
/// twelve layers of width 768, 224 pixels.
fn base(dir: &Dir) -> BackboneHandle {
    const LAYER: &str = "vision_model.encoder.layers.0.";
    let folder = tiny_clip_folder(dir, "cgil_prompter");
    let mut generator = Generator::new(1, "weights", 0);
    let mut tensors = Vec::new();
    let weights = folder.join("model.safetensors");
    for (name, tensor) in Tensor::read_safetensors(&weights).expect("the fixture's weights") {
        if name.starts_with("vision_model.encoder.layers.1.") {
            continue;
        }
        if !name.starts_with("vision_model.") && name != "visual_projection.weight" {
            tensors.push((name, tensor));
            continue;
        }
        let wider = |width: i64| match width {
            64 => 768,
            256 => 3072,
            other => other,
        };
        let shape: Vec<i64> = match name.as_str() {
            "visual_projection.weight" => vec![64, 768],
            "vision_model.embeddings.patch_embedding.weight" => vec![768, 3, 32, 32],
            "vision_model.embeddings.position_embedding.weight" => vec![50, 768],
            _ => tensor.size().into_iter().map(wider).collect(),
        };
        let layers = if name.starts_with(LAYER) { 0..12 } else { 0..1 };
        for layer in layers {
            let name = name.replace(LAYER, &format!("vision_model.encoder.layers.{layer}."));
            let drawn = generator
                .normal_tensor(&shape, 0.02, Device::Cpu)
                .expect("weights");
            tensors.push((name, drawn));
        }
    }
    Tensor::write_safetensors(&tensors, &weights).expect("weights");
    let edit = |file: &str, change: &dyn Fn(&mut Value)| {
        let file = folder.join(file);
        let mut value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
        change(&mut value);
        fs::write(file, value.to_string()).expect("a file");
    };
    edit("config.json", &|config| {
        for (key, value) in [
            ("hidden_size", 768),
            ("intermediate_size", 3072),
            ("num_hidden_layers", 12),
            ("num_attention_heads", 12),
            ("image_size", 224),
            ("patch_size", 32),
        ] {
            config["vision_config"][key] = json!(value);
        }
    });
    edit("preprocessor_config.json", &|preprocessor| {
        preprocessor["size"] = json!(224);
        preprocessor["crop_size"] = json!(224);
    });
    load_clip(&folder)
}

fn steps(c: &mut Criterion) {
    threads::set(1).expect("one thread");
    let small = load_clip(&root().join("plugins/clip/weights/small"));
    // The small one has four layers; everything else is as in the presets.
    let (dual, coda) = (
        json!({ "expert_layers": [3, 4] }),
        json!({ "layers": [1, 2, 3, 4] }),
    );
    step::<L2p>(c, "small", "l2p", json!({}), &small, 64);
    step::<DualPrompt>(c, "small", "dualprompt", dual, &small, 64);
    step::<CodaPrompt>(c, "small", "coda-prompt", coda, &small, 64);
    drop(small);
    let dir = Dir::new();
    let base = base(&dir);
    step::<L2p>(c, "ViT-B-32", "l2p", json!({}), &base, 16);
    step::<DualPrompt>(c, "ViT-B-32", "dualprompt", json!({}), &base, 16);
    step::<CodaPrompt>(c, "ViT-B-32", "coda-prompt", json!({}), &base, 16);
}

fn step<M: Method>(
    c: &mut Criterion,
    size: &str,
    name: &str,
    parameters: Value,
    clip: &BackboneHandle,
    batch: i64,
) {
    let setting = Setting {
        seed: 1,
        tasks: TASKS,
        classes: CLASSES,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![clip.clone()],
        host: Host::silent(),
    };
    let parameters = serde_json::from_value(parameters).expect("parameters");
    let learner = Learner::<M>::create(parameters, setting).expect("a strategy");
    let side = i64::from(clip.info().image.height);
    let shape = [batch, 3, side, side];
    let mut generator = Generator::new(1, "pictures", 0);
    let pixels: Vec<u8> = (0..shape.iter().product())
        .map(|_: i64| generator.below(256) as u8)
        .collect();
    let pictures = TensorView::new(&pixels, &shape).expect("pictures");
    let inputs = Inputs::Images {
        images: pictures,
        options: b"",
    };
    let forward = clip
        .forward(&inputs, &[], &[images::CLASS_TOKEN])
        .expect("class tokens");
    let batch_of = TrainingBatch {
        images: pictures,
        queries: bridge::copy_in(forward.outputs[0].view()).expect("queries"),
        targets: Tensor::arange(batch, (Kind::Int64, Device::Cpu)).remainder(10),
        classes: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        task: 1,
    };
    drop(forward);
    let mut optimiser = learner.optimiser().expect("an optimiser");
    // If the system does not allow resetting it, the peak includes everything before.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let mut group = c.benchmark_group("image prompts step");
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(batch as u64));
    group.bench_function(BenchmarkId::new(name, size), |b| {
        b.iter(|| learner.step(&mut optimiser, &batch_of).expect("a step"));
    });
    group.finish();
    eprintln!("{name} {size}: peak memory {} MiB", peak_memory());
}

criterion_group!(benches, steps);
criterion_main!(benches);
