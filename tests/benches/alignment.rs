//! Time and memory of an epoch of CGIL's alignment on one thread, by the number of classes seen.
//!
//! An epoch uses CGIL's defaults: 256 embeddings of each class in batches of 128, prompts with one
//! learned and one generated token, AdamW. All its steps cost the same, so one step is timed, at
//! the size of the small CLIP and at that of ViT-B/32's text encoder (seeded random weights); the
//! time of an epoch is printed next to it. Drawing an epoch's embeddings from the autoencoders'
//! default decoders is timed separately.
//!
//! The benchmark `encoding` of the CLIP plugin measures the same rows over all positions of the
//! context.

#[path = "../golden.rs"]
#[allow(dead_code)]
mod golden;

use clbench_cgil::parameters::{Precision, Prompting, Training};
use clbench_cgil::prompts::{ClassPrompts, Widths};
use clbench_cgil::tuning::{Seen, Tuning};
use clbench_generators::vae::{Autoencoders, Posterior, Vae};
use clbench_generators::{ClassFeatures, Fitting, Generator as _};
use clbench_tests::{Dir, peak_memory, root, tiny_clip_folder};
use clbench_torch::bridge::threads;
use clbench_torch::prompting::class_texts::text_features;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::training::TrainingSamples;
use clbench_torch::{Generator, Noise};
use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use golden::clip as load_clip;
use harness_abi::{BackboneHandle, Host};
use serde_json::{Value, json};
use std::fs;
use std::time::Instant;

const CLASSES: [usize; 3] = [20, 100, 200];
const BATCH: i64 = 128;
const SAMPLES_PER_CLASS: usize = 256;

/// The tiny CLIP of the fixtures with its text encoder enlarged to that of ViT-B/32: twelve layers
/// of width 512.
fn base(dir: &Dir) -> BackboneHandle {
    let folder = tiny_clip_folder(dir, "cgil_prompter");
    let mut generator = Generator::new(1, "weights", 0);
    let mut tensors = Vec::new();
    let weights = folder.join("model.safetensors");
    for (name, tensor) in Tensor::read_safetensors(&weights).expect("the fixture's weights") {
        let is_text = name.starts_with("text_");
        let wider = |width: i64| match width {
            64 => 512,
            256 => 2048,
            other => other,
        };
        let mut shape = tensor.size();
        match name.as_str() {
            "visual_projection.weight" => shape[0] = 512,
            _ if is_text => shape = shape.into_iter().map(wider).collect(),
            _ => {}
        }
        if name.contains("text_model.encoder.layers.1.") {
            continue;
        }
        let copies = match name.contains("text_model.encoder.layers.0.") {
            true => 0..12,
            false => 0..1,
        };
        for layer in copies {
            let name = match is_text {
                true => name.replace("layers.0.", &format!("layers.{layer}.")),
                false => name.clone(),
            };
            let drawn = match shape.is_empty() {
                true => tensor.copy(),
                false => generator
                    .normal_tensor(&shape, 0.02, Device::Cpu)
                    .expect("weights"),
            };
            tensors.push((name, drawn));
        }
    }
    Tensor::write_safetensors(&tensors, &weights).expect("weights");
    let file = folder.join("config.json");
    let config = fs::read(&file).expect("the fixture's config");
    let mut config: Value = serde_json::from_slice(&config).expect("JSON");
    config["projection_dim"] = json!(512);
    for (key, value) in [
        ("hidden_size", 512),
        ("intermediate_size", 2048),
        ("num_hidden_layers", 12),
        ("num_attention_heads", 8),
        ("projection_dim", 512),
    ] {
        config["text_config"][key] = json!(value);
    }
    config["vision_config"]["projection_dim"] = json!(512);
    fs::write(&file, config.to_string()).expect("a config");
    load_clip(&folder)
}

/// Class names of two words that both tokenizers have.
fn names(n: usize) -> Vec<String> {
    let words = ["red", "blue", "old", "fire", "green"];
    (0..n)
        .map(|class| format!("{} {}", words[class % 5], words[class / 5 % 5]))
        .collect()
}

fn steps(c: &mut Criterion) {
    threads::set(1).expect("one thread");
    let dir = Dir::new();
    let small = load_clip(&root().join("plugins/clip/weights/small"));
    for (size, clip) in [("small", small), ("ViT-B-32", base(&dir))] {
        for precision in [Precision::F32, Precision::Bf16] {
            for classes in CLASSES {
                if precision == Precision::Bf16 && classes != 100 {
                    continue;
                }
                step(c, size, &clip, precision, classes);
            }
        }
    }
}

fn step(
    c: &mut Criterion,
    size: &str,
    clip: &BackboneHandle,
    precision: Precision,
    classes: usize,
) {
    let names = names(classes);
    let texts: Vec<String> = names
        .iter()
        .map(|name| format!("a photo of a {name}"))
        .collect();
    let zero_shot = text_features(
        clip,
        &texts.iter().map(String::as_str).collect::<Vec<_>>(),
        Device::Cpu,
    )
    .expect("text features");
    let prompting = Prompting::default();
    let widths = Widths::of(clip.info(), &prompting).expect("a text encoder");
    let mut prompts = ClassPrompts::new(&prompting, widths, 1, Device::Cpu).expect("prompts");
    prompts
        .grow(classes as u32, &prompting, 1)
        .expect("prompts");
    let seen = Seen {
        backbone: clip,
        names: &names,
        zero_shot: &zero_shot,
        options: precision.text_options(),
    };
    let tuning = Tuning::new(seen, &prompts, 0, 0.0).expect("a training");
    let mut optimiser = tuning
        .optimiser(&Training::default())
        .expect("an optimiser");
    let images = Generator::new(1, "images", 0)
        .normal_tensor(&[BATCH, widths.embedding], 1.0, Device::Cpu)
        .expect("images");
    let samples = TrainingSamples {
        features: unit_rows(&images).expect("images"),
        targets: Tensor::arange(BATCH, (Kind::Int64, Device::Cpu)).remainder(classes as i64),
    };
    // The first step allocates the rows; its memory is that of the training.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let _ = tuning.step(&mut optimiser, &samples).expect("a step");
    let start = Instant::now();
    let _ = tuning.step(&mut optimiser, &samples).expect("a step");
    let per_epoch = (classes * SAMPLES_PER_CLASS).div_ceil(BATCH as usize);
    eprintln!(
        "{size} {precision:?}, {classes} classes: peak memory {} MiB; an epoch of {per_epoch} steps in about {:.1} s",
        peak_memory(),
        start.elapsed().as_secs_f64() * per_epoch as f64,
    );
    let mut group = c.benchmark_group("alignment step");
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(BATCH as u64));
    let name = format!("{size} {precision:?}");
    group.bench_function(BenchmarkId::new(name, classes), |b| {
        b.iter(|| tuning.step(&mut optimiser, &samples).expect("a step"));
    });
}

/// Drawing the embeddings of an epoch, at width 512.
fn draws(c: &mut Criterion) {
    threads::set(1).expect("one thread");
    let vae = Vae {
        epochs: 1,
        ..Vae::default()
    };
    let generator = Autoencoders::new(vae, Posterior::StandardDeviation);
    let host = Host::silent();
    let fitting = Fitting {
        seed: 1,
        task: 1,
        device: Device::Cpu,
        kind: Kind::Float,
        host: &host,
    };
    let classes = |count: u32| -> Vec<ClassFeatures> {
        let mut images = Generator::new(1, "images", 0);
        let mut features = |_| {
            images
                .normal_tensor(&[8, 512], 1.0, Device::Cpu)
                .expect("images")
        };
        let all = (0..count).map(|class| (class, features(class)));
        all.map(|(class, features)| ClassFeatures { class, features })
            .collect()
    };
    let mut group = c.benchmark_group("draws of an epoch");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for count in [20, 100] {
        let fit = generator.fit(&classes(count), &fitting).expect("a fit");
        let streams: Vec<u32> = (0..count).collect();
        let mut noise = Noise::new(1, "draws", 1, &streams, Device::Cpu).expect("streams");
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| {
                generator
                    .draw(&fit.fitted, SAMPLES_PER_CLASS as i64, &mut noise)
                    .expect("draws")
            });
        });
    }
}

criterion_group!(benches, steps, draws);
criterion_main!(benches);
