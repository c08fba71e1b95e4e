//! The cost of CLIP on one thread: texts at their own length compared with the full context length,
//! images, and a step of CoOp.
//!
//! Two sizes, with seeded random weights: the small CLIP in this repository, and ViT-B/32. Texts at
//! their own length, images and the step go through the plugin ABI, like a strategy's calls; the
//! full context, which the backbone never encodes, goes to the model directly.
//!
//! A step of CoOp is one `forward` over all classes, cross-entropy with cached image features, and
//! one pullback. A prompt step is only the text encoder's part of it, for more classes and shorter
//! contexts, both as the backbone computes it and over all positions.

use clbench_clip::config::{Activation, Config, TextConfig, VisionConfig};
use clbench_clip::tokenizer::{END, START};
use clbench_clip::{Clip, model};
use clbench_torch::prompting::PromptedTexts;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::{Generator, bridge};
use clbench_transformer::source::Source;
use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use harness_abi::backbone::Inputs;
use harness_abi::testkit::{self, json};
use harness_abi::{BackboneHandle, Place, Result, Site, TensorView};
use std::fs;

const SEED: u64 = 1;
/// The number of classes in a prompt step.
const PROMPTED: usize = 100;
const ADJECTIVES: [&str; 10] = [
    "red", "old", "small", "dotted", "bright", "wooden", "narrow", "frozen", "empty", "quiet",
];
const NOUNS: [&str; 10] = [
    "star", "castle", "truck", "lantern", "river", "apple", "zebra", "harbour", "ladder", "cloud",
];
/// The words around a class name.
const TEMPLATE: [&str; 5] = ["a", "photo", "of", ".", "<unk>"];

/// Creates the tensors that a model requests, and keeps them to write a file.
struct Seeded {
    generator: Generator,
    tensors: Vec<(String, Tensor)>,
}

impl Source for Seeded {
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let tensor = self.generator.normal_tensor(shape, 0.02, Device::Cpu)?;
        self.tensors.push((name.into(), tensor.to_kind(Kind::Half)));
        Ok(tensor)
    }
}

/// A CLIP of some size, and the amount of work per iteration.
struct Size {
    name: &'static str,
    model: model::Clip,
    backbone: BackboneHandle,
    config: Config,
    texts: usize,
    images: i64,
    classes: usize,
    /// The number of CoOp's context tokens.
    context: i64,
}

impl Size {
    /// The small CLIP in this repository.
    fn small() -> Size {
        let text = TextConfig {
            vocab_size: 1024,
            hidden_size: 128,
            intermediate_size: 512,
            num_hidden_layers: 3,
            num_attention_heads: 4,
            max_position_embeddings: 32,
            hidden_act: Activation::Gelu,
            eos_token_id: 1023,
            ..TextConfig::default()
        };
        let vision = VisionConfig {
            hidden_size: 128,
            intermediate_size: 512,
            num_hidden_layers: 4,
            num_attention_heads: 4,
            image_size: 32,
            patch_size: 8,
            hidden_act: Activation::Gelu,
            ..VisionConfig::default()
        };
        let config = Config {
            text,
            vision,
            projection_dim: 128,
        };
        Size::new("small", config, [100, 64, 40], 4)
    }

    /// ViT-B/32, the defaults of transformers.
    fn base() -> Size {
        let config = Config {
            text: TextConfig::default(),
            vision: VisionConfig::default(),
            projection_dim: 512,
        };
        Size::new("ViT-B-32", config, [20, 8, 10], 16)
    }

    fn new(name: &'static str, config: Config, work: [usize; 3], context: i64) -> Size {
        clbench_torch::bridge::threads::set(1).expect("one thread");
        let mut seeded = Seeded {
            generator: Generator::new(SEED, "weights", 0),
            tensors: Vec::new(),
        };
        let model = model::Clip::new(&config, &mut seeded).expect("a model of that size");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str| folder.path().join(name);
        Tensor::write_safetensors(&seeded.tensors, file("model.safetensors")).expect("weights");
        let side = config.vision.image_size;
        let written = [
            (
                "config.json",
                json!({ "text_config": config.text, "vision_config": config.vision,
                        "projection_dim": config.projection_dim }),
            ),
            (
                "preprocessor_config.json",
                json!({ "size": side, "crop_size": side }),
            ),
            ("tokenizer.json", tokenizer(config.text.eos_token_id)),
        ];
        for (name, value) in written {
            fs::write(file(name), value.to_string()).expect("a file of the folder");
        }
        let backbone = testkit::backbone_handle::<Clip>(&json!({ "path": folder.path() }))
            .expect("a backbone of that folder");
        Size {
            name,
            model,
            backbone,
            config,
            texts: work[0],
            images: work[1] as i64,
            classes: work[2],
            context,
        }
    }
}

/// A tokenizer with one token per word, and the two special tokens last.
fn tokenizer(end: i64) -> serde_json::Value {
    let words = TEMPLATE.iter().chain(&ADJECTIVES).chain(&NOUNS).copied();
    let ids = (0..).zip(words).chain([(end - 1, START), (end, END)]);
    let vocab: serde_json::Map<_, _> = ids.map(|(id, word)| (word.into(), json!(id))).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "<unk>" },
    })
}

/// Class names of two words.
fn names(n: usize) -> Vec<String> {
    let pairs = ADJECTIVES
        .iter()
        .flat_map(|a| NOUNS.iter().map(move |n| format!("{a} {n}")));
    pairs.take(n).collect()
}

fn texts(c: &mut Criterion, size: &Size) {
    let mut group = c.benchmark_group("texts");
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(size.texts as u64));
    let texts: Vec<String> = names(size.texts)
        .iter()
        .map(|name| format!("a photo of a {name}."))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    group.bench_function(BenchmarkId::new("own length", size.name), |b| {
        b.iter(|| size.backbone.encode_texts(&texts).expect("embeddings"));
    });
    let rows = [texts.len() as i64, size.config.text.max_position_embeddings];
    let ids = Tensor::zeros(rows, (Kind::Int64, Device::Cpu));
    let pooled = vec![8; texts.len()];
    group.bench_function(BenchmarkId::new("whole context", size.name), |b| {
        b.iter(|| {
            let embedded = size.model.text.embed(&ids).expect("tokens");
            size.model
                .text
                .encode(&embedded, &pooled)
                .expect("embeddings")
        });
    });
}

fn images(c: &mut Criterion, size: &Size) {
    let mut group = c.benchmark_group("images");
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(size.images as u64));
    let side = size.config.vision.image_size;
    let shape = [size.images, 3, side, side];
    let pixels: Vec<u8> = (0..shape.iter().product::<i64>())
        .map(|k| (k * k / 7 % 256) as u8)
        .collect();
    let images = TensorView::new(&pixels, &shape).expect("images");
    group.bench_function(size.name, |b| {
        b.iter(|| size.backbone.encode_images(images).expect("embeddings"));
    });
}

/// One step on 32 cached features with a context shared by all classes, whose gradient is summed
/// over them.
fn coop_step(c: &mut Criterion, size: &Size) {
    let mut group = c.benchmark_group("CoOp step");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let names = names(size.classes);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let row_text: Vec<i64> = (0..names.len() as i64).collect();
    let (classes, width) = (names.len() as i64, size.config.text.hidden_size);
    let mut generator = Generator::new(SEED, "coop", 0);
    let mut normal = |shape: &[i64], deviation| {
        generator
            .normal_tensor(shape, deviation, Device::Cpu)
            .expect("numbers")
    };
    let unit = |x: &Tensor| x / x.norm_scalaropt_dim(2.0, [-1_i64], true);
    let features = unit(&normal(&[32, size.config.projection_dim], 1.0));
    let labels = Tensor::arange(32, (Kind::Int64, Device::Cpu)).remainder(classes);
    let mut context = normal(&[size.context, width], 0.02);
    group.bench_function(size.name, |b| {
        b.iter(|| {
            let rows = context
                .unsqueeze(0)
                .expand([classes, size.context, width], false);
            let prompt = bridge::copy_out(&rows).expect("the prompt");
            let inputs = Inputs::Texts {
                texts: &names,
                row_text: &row_text,
                place: Place::Front,
                options: br#"{"suffix": ".", "shared_context": true}"#,
            };
            let site = Site {
                name: "text.context",
                prompt: prompt.view(),
            };
            let mut forwarded = size
                .backbone
                .forward(&inputs, &[site], &["embedding"])
                .expect("embeddings");
            let embedding = bridge::copy_in(forwarded.outputs[0].view())
                .expect("the embeddings")
                .set_requires_grad(true);
            let loss =
                (features.matmul(&unit(&embedding).tr()) * 100.0).cross_entropy_for_logits(&labels);
            let gradient = Tensor::run_backward(&[&loss], &[&embedding], false, false).remove(0);
            let gradient = bridge::copy_out(&gradient).expect("its gradient");
            let pulled = forwarded
                .pullback
                .call(&[("embedding", gradient.view())])
                .expect("the gradient of the context");
            let pulled = bridge::copy_in(pulled[0].1.view()).expect("the same");
            context -= pulled.sum_dim_intlist(0_i64, false, Kind::Float) * 0.002;
        });
    });
}

/// A step of prompt training without the loss: the embeddings of all classes, each with its own
/// context, and the gradient of the contexts. Every step has the same rows, as in training.
fn prompt_step(c: &mut Criterion, size: &Size) {
    let mut group = c.benchmark_group("prompt step");
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .throughput(Throughput::Elements(PROMPTED as u64));
    let (rows, n) = (PROMPTED as i64, 2);
    let (width, length) = (
        size.config.text.hidden_size,
        size.config.text.max_position_embeddings,
    );
    let mut generator = Generator::new(SEED, "prompts", 0);
    let context = generator
        .normal_tensor(&[rows, n, width], 0.02, Device::Cpu)
        .expect("contexts")
        .set_requires_grad(true);
    let precisions: &[_] = match size.name {
        "small" => &["f32"],
        _ => &["f32", "bf16"],
    };
    for precision in precisions {
        let options = json!({ "suffix": ".", "precision": precision }).to_string();
        let texts = PromptedTexts::one_row_each(
            &size.backbone,
            names(PROMPTED),
            Place::Front,
            options.as_bytes(),
        )
        .expect("rows");
        let name = format!("{} {precision}", size.name);
        group.bench_function(BenchmarkId::new("shortened", name), |b| {
            b.iter(|| {
                let encoded = texts.encode(&context).expect("embeddings");
                let sum = encoded.output().sum(Kind::Float);
                encoded.backward(&sum).expect("gradients");
            });
        });
    }
    // ViT-B/32 takes a minute for ten steps with a fifth of the classes, so compare times per
    // class.
    let rows = match size.name {
        "small" => rows,
        _ => rows / 5,
    };
    group.throughput(Throughput::Elements(rows as u64));
    let context = context.narrow(0, 0, rows).detach().set_requires_grad(true);
    let backward = |embeddings: &Tensor| {
        let sum = embeddings.sum(Kind::Float);
        Tensor::run_backward(&[&sum], &[&context], false, false)
    };
    // Start, context, two words, full stop, end.
    let pooled = vec![n + 4; rows as usize];
    let ids = |tokens| Tensor::zeros([rows, tokens], (Kind::Int64, Device::Cpu));
    let name = format!("{} f32", size.name);
    group.bench_function(BenchmarkId::new("all positions", name), |b| {
        let text = &size.model.text;
        b.iter(|| {
            let start = text.embed(&ids(1)).expect("start tokens");
            let after = text.embed(&ids(length - 1 - n)).expect("tokens");
            let embedded = Tensor::cat(&[&start, &context, &after], 1);
            backward(
                &text
                    .encode(&embedded, &pooled)
                    .expect("embeddings")
                    .embedding,
            )
        });
    });
}

fn all(c: &mut Criterion) {
    for size in [Size::small, Size::base] {
        let size = size();
        texts(c, &size);
        images(c, &size);
        coop_step(c, &size);
        prompt_step(c, &size);
    }
}

criterion_group!(benches, all);
criterion_main!(benches);
