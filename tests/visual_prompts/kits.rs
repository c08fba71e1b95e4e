//! The strategies, driven as by the host.

use crate::golden::{load, tiny_clip};
use clbench_tests::Dir;
use clbench_torch::Generator;
use clbench_torch::bridge::threads;
use clbench_torch::testkit::strategy;
use clbench_visual_prompts::{CodaPrompt, DualPrompt, L2p, Learner};
use harness_abi::foreign::SampleSource;
use harness_abi::testkit::{StrategyKit, SyntheticStream};
use harness_abi::{BackboneHandle, Class, Host, Inputs, Result, Setting, State, Strategy};
use serde_json::{Value, json};

/// Pictures of noise around a different level for each class.
struct Pictures<'a> {
    backbone: &'a BackboneHandle,
    labels: Vec<i64>,
}

impl SampleSource for Pictures<'_> {
    fn features(&self, _: usize, rows: &[u32]) -> Result<harness_abi::Tensor> {
        self.output(0, "embedding", rows)
    }

    fn output(&self, _: usize, output: &str, rows: &[u32]) -> Result<harness_abi::Tensor> {
        let images = self.images(0, rows)?;
        let inputs = Inputs::Images {
            images: images.view(),
            options: b"",
        };
        let mut forward = self.backbone.forward(&inputs, &[], &[output])?;
        Ok(forward.outputs.remove(0))
    }

    fn images(&self, _: usize, rows: &[u32]) -> Result<harness_abi::Tensor> {
        let side = i64::from(self.backbone.info().image.height);
        let mut pixels = Vec::new();
        for &row in rows {
            let level = 30 * self.labels[row as usize] as u64;
            let mut generator = Generator::new(row.into(), "picture", 0);
            pixels.extend((0..3 * side * side).map(|_| (level + generator.below(60)) as u8));
        }
        harness_abi::Tensor::from_vec(pixels, &[rows.len() as i64, 3, side, side])
    }

    fn augmented_images(&self, _: usize, rows: &[u32], _: u64) -> Result<harness_abi::Tensor> {
        self.images(0, rows)
    }
}

/// The states of a strategy loaded from its plugin file, before its first task and after each task:
/// two classes per task, with `samples` samples each.
fn taught(
    name: &str,
    parameters: Value,
    backbone: &BackboneHandle,
    tasks: u32,
    samples: u32,
) -> Vec<State> {
    threads::set(1).unwrap();
    let setting = Setting {
        seed: 5,
        tasks,
        classes: 2 * tasks,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![backbone.clone()],
        host: Host::silent(),
    };
    let loaded = load("libclbench_visual_prompts.so");
    let mut strategy = loaded.strategy(name, &parameters, &setting).unwrap();
    let mut states = vec![strategy.state().unwrap()];
    for task in 0..tasks {
        let classes: Vec<Class> = (2 * task..2 * task + 2)
            .map(|id| Class {
                id,
                name: format!("class {id}"),
                templates: Vec::new(),
            })
            .collect();
        let labels: Vec<i64> = (0..2 * samples)
            .map(|row| i64::from(2 * task + row % 2))
            .collect();
        let index: Vec<u64> = (0..labels.len() as u64).collect();
        let pictures = Pictures {
            backbone,
            labels: labels.clone(),
        };
        strategy
            .learn(task + 1, &classes, &labels, &index, &pictures)
            .unwrap();
        states.push(strategy.state().unwrap());
    }
    states
}

/// The states after each of `tasks` tasks.
pub fn states(name: &str, parameters: Value, backbone: &BackboneHandle, tasks: u32) -> Vec<State> {
    taught(name, parameters, backbone, tasks, 6)
}

/// The same, with tasks that have no samples.
pub fn empty_tasks(
    name: &str,
    parameters: Value,
    backbone: &BackboneHandle,
    tasks: u32,
) -> Vec<State> {
    taught(name, parameters, backbone, tasks, 0)
}

/// A single test, since it observes state of the whole process.
#[test]
fn keeps_what_a_host_relies_on() {
    let dir = Dir::new();
    let clip = tiny_clip(&dir, "cgil_prompter");
    fn kit<S: Strategy>(
        clip: &BackboneHandle,
        mut parameters: Value,
        epochs: u32,
    ) -> StrategyKit<S> {
        parameters["training"] = json!({ "epochs": epochs, "batch_size": 16, "lr": 0.01 });
        strategy::<S>()
            .backbone(clip.clone())
            .parameters(parameters)
            .bad_parameters(json!({ "training": { "epochs": 0 } }), "training.epochs")
            .bad_parameters(json!({ "training": { "lr": -1 } }), "training.lr")
            .bad_parameters(
                json!({ "training": { "schedule": "steps" } }),
                "training.schedule",
            )
            .bad_parameters(json!({ "preset": "mine" }), "preset")
    }
    let l2p = json!({ "pool_size": 4, "prompt_length": 2, "top_k": 2 });
    kit::<Learner<L2p>>(&clip, l2p.clone(), 2)
        .bad_parameters(json!({ "top_k": 11 }), "top_k")
        .bad_parameters(json!({ "key_weight": -0.1 }), "key_weight")
        .bad_parameters(json!({ "init_range": [1, 0] }), "init_range")
        .bad_parameters(json!({ "insertion": "prefixes" }), "prompt_length")
        .bad_parameters(
            json!({ "insertion": "prefixes", "prompt_length": 4 }),
            "pooling",
        )
        .check();
    let mut batchwise = l2p.clone();
    batchwise["batchwise"] = json!(true);
    kit::<Learner<L2p>>(&clip, batchwise, 1).check();
    let mut own = l2p.clone();
    own["task_prompts"] = json!(true);
    kit::<Learner<L2p>>(&clip, own, 1).check();
    kit::<Learner<DualPrompt>>(
        &clip,
        json!({ "general_layers": [1], "expert_layers": [2] }),
        2,
    )
    .bad_parameters(json!({ "expert_layers": [2] }), "expert_layers")
    .bad_parameters(json!({ "general_layers": [3] }), "general_layers")
    .bad_parameters(
        json!({ "general_layers": [1], "expert_layers": [] }),
        "expert_layers",
    )
    .bad_parameters(
        json!({ "general_layers": [1], "expert_layers": [2], "expert_length": 0 }),
        "expert_length",
    )
    .check();
    let coda = json!({ "layers": [1, 2], "components": 9, "prompt_length": 4, "preset": "paper" });
    kit::<Learner<CodaPrompt>>(&clip, coda, 2)
        .bad_parameters(json!({ "layers": [1, 1] }), "layers")
        .bad_parameters(json!({ "layers": [1, 2], "components": 2 }), "components")
        .bad_parameters(json!({ "layers": [1, 2], "components": 65 }), "components")
        .bad_parameters(
            json!({ "layers": [1, 2], "components": 64, "prompt_length": 3 }),
            "prompt_length",
        )
        .check();

    // In a joint run, each learns to tell the classes apart.
    let joint = || SyntheticStream {
        classes_per_task: vec![7],
        ..SyntheticStream::default()
    };
    kit::<Learner<L2p>>(&clip, l2p, 20)
        .stream(joint())
        .expect_accuracy_above(0.9)
        .check();
    kit::<Learner<DualPrompt>>(
        &clip,
        json!({ "general_layers": [1], "expert_layers": [2] }),
        20,
    )
    .stream(joint())
    .expect_accuracy_above(0.9)
    .check();
    let coda = json!({ "layers": [1, 2], "components": 20, "prompt_length": 4 });
    kit::<Learner<CodaPrompt>>(&clip, coda, 20)
        .stream(joint())
        .expect_accuracy_above(0.9)
        .check();
}
