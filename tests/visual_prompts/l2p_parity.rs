//! Compares L2P with l2p-pytorch on the same weights; see `fixtures/l2p/README.md`.

use crate::fixture_vit::{FixtureVit, WIDTH};
use crate::golden::{Golden, load};
use clbench_torch::bridge::{self, state, threads};
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_visual_prompts::learner::TrainingBatch;
use clbench_visual_prompts::pool::similarity;
use clbench_visual_prompts::{L2p, Learner, Stage};
use harness_abi::foreign::SampleSource;
use harness_abi::{
    BackboneHandle, Class, Host, Result, Setting, State, Strategy, TensorView, testkit,
};
use serde_json::{Value, json};

const LOGITS: f64 = 1e-5;
const LOSSES: f64 = 1e-6;
const GRADIENTS: f64 = 5e-7;
/// The classes of the fixture's task.
const TASK: std::ops::Range<i64> = 4..6;
const IMAGES: u8 = 6;

/// The fixture's cases by name: how prompts are chosen, and what the head reads.
const CASES: [(&str, bool, &str); 4] = [
    ("batchwise_prompt", true, "prompts"),
    ("samplewise_prompt", false, "prompts"),
    ("batchwise_token", true, "class-token"),
    ("samplewise_token_prompt", false, "class-token-and-prompts"),
];
/// The fixture's name of each of our parameters.
const PARAMETERS: [(&str, &str); 4] = [
    ("prompts", "prompt.prompt"),
    ("keys", "prompt.prompt_key"),
    ("head.weight", "head.weight"),
    ("head.bias", "head.bias"),
];

fn parameters(batchwise: bool, pooling: &str) -> Value {
    json!({
        "pool_size": 10, "prompt_length": 4, "top_k": 3, "key_weight": 0.1,
        "batchwise": batchwise, "pooling": pooling, "training": { "epochs": 1 },
    })
}

fn setting() -> Setting {
    threads::set(1).unwrap();
    let vit: BackboneHandle = testkit::backbone_handle::<FixtureVit>(&json!({})).unwrap();
    Setting {
        seed: 1,
        tasks: 5,
        classes: 10,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![vit],
        host: Host::silent(),
    }
}

/// The fixture's initial parameters, as the state after two tasks.
fn first_state() -> State {
    let weights = Golden::open("l2p/weights");
    let mut written = State {
        json: json!({ "tasks": 2 }),
        ..State::default()
    };
    for (ours, theirs) in PARAMETERS {
        state::put(
            &mut written,
            ours,
            &weights.tensor(&format!("model.{theirs}")),
        )
        .unwrap();
    }
    written
}

#[test]
fn prompt_choices_losses_and_gradients_match_the_reference() {
    let golden = Golden::open("l2p/io");
    for (case, batchwise, pooling) in CASES {
        let of = |name: &str| format!("{case}.{name}");
        let parameters = serde_json::from_value(parameters(batchwise, pooling)).unwrap();
        let mut learner = Learner::<L2p>::create(parameters, setting()).unwrap();
        learner.restore(first_state()).unwrap();
        let queries = golden.tensor(&of("cls_query"));
        let similarity = similarity(&queries, learner.method().keys()).unwrap();
        golden.close(&of("similarity"), &similarity, 1e-6);
        let ids = learner
            .method()
            .selected(&similarity, Stage::Training(3))
            .unwrap();
        assert_eq!(ids, golden.tensor(&of("prompt_idx")), "{case}");

        let numbers: Vec<u8> = (0..IMAGES).flat_map(|number| [number, 0, 0]).collect();
        let shape = [IMAGES.into(), 3, 1, 1];
        let batch = TrainingBatch {
            images: TensorView::new(&numbers, &shape).unwrap(),
            queries,
            targets: golden.tensor("labels") - TASK.start,
            classes: &TASK.collect::<Vec<_>>(),
            task: 3,
        };
        let loss = learner.gradients(&batch).unwrap();
        let expected = golden.tensor(&of("loss_ce_reducesim_total"));
        let off = (loss.double_value(&[]) - expected.double_value(&[2])).abs();
        assert!(off < LOSSES, "{case}: the loss is off by {off:e}");
        let parameters = learner.parameters();
        let mut squares = 0.0;
        for (ours, theirs) in PARAMETERS {
            let gradient = parameters[ours].grad();
            golden.close(&of(&format!("grad.{theirs}")), &gradient, GRADIENTS);
            squares += gradient.square().sum(Kind::Double).double_value(&[]);
        }
        let norm = Tensor::from_slice(&[squares.sqrt()]);
        golden.close(&of("grad_total_norm"), &norm, 1e-5);
    }
}

/// The fixture's images and cached queries.
struct Samples<'a>(&'a Golden, String);

impl SampleSource for Samples<'_> {
    fn features(&self, _: usize, rows: &[u32]) -> Result<harness_abi::Tensor> {
        self.output(0, "embedding", rows)
    }

    fn output(&self, _: usize, output: &str, rows: &[u32]) -> Result<harness_abi::Tensor> {
        assert_eq!(output, "class_token");
        let rows: Vec<i64> = rows.iter().map(|&row| row.into()).collect();
        let queries = self.0.tensor(&self.1);
        bridge::copy_out(&queries.index_select(0, &Tensor::from_slice(&rows)))
    }

    fn images(&self, _: usize, rows: &[u32]) -> Result<harness_abi::Tensor> {
        let numbers = rows.iter().flat_map(|&row| [row as u8, 0, 0]).collect();
        harness_abi::Tensor::from_vec(numbers, &[rows.len() as i64, 3, 1, 1])
    }

    fn augmented_images(&self, _: usize, rows: &[u32], _: u64) -> Result<harness_abi::Tensor> {
        self.images(0, rows)
    }
}

/// The strategy itself, loaded from the plugin file: a step is clipped and uses the preset's
/// learning rate, and logits cover all classes.
#[test]
fn a_step_and_the_logits_match_the_reference() {
    let golden = Golden::open("l2p/io");
    let loaded = load("libclbench_visual_prompts.so");
    let classes: Vec<Class> = (0..10)
        .map(|id| Class {
            id,
            name: format!("class {id}"),
            templates: Vec::new(),
        })
        .collect();
    let labels = Vec::<i64>::try_from(golden.tensor("labels")).unwrap();
    for (case, batchwise, pooling) in CASES {
        let of = |name: &str| format!("{case}.{name}");
        let samples = Samples(&golden, of("cls_query"));
        let mut l2p = loaded
            .strategy("l2p", &parameters(batchwise, pooling), &setting())
            .unwrap();
        l2p.restore(first_state()).unwrap();
        let logits = l2p.predict(IMAGES.into(), &classes, &samples).unwrap();
        let logits = bridge::copy_in(logits.view()).unwrap();
        golden.close(&of("logits"), &logits, LOGITS);

        let index: Vec<u64> = (0..IMAGES).map(u64::from).collect();
        let task = &classes[TASK.start as usize..TASK.end as usize];
        let learned = l2p.learn(3, task, &labels, &index, &samples).unwrap();
        assert_eq!(learned.optimiser_steps, 1);
        let mut state = l2p.state().unwrap();
        assert_eq!(state.json, json!({ "tasks": 3 }));
        for (ours, theirs) in &PARAMETERS[..3] {
            let gradient = golden.tensor(&of(&format!("grad.{theirs}")));
            let before = Golden::open("l2p/weights").tensor(&format!("model.{theirs}"));
            let mut after = before.empty_like();
            state::take(&mut state, ours, &mut after).unwrap();
            // Adam's first step is the gradient's sign times the learning rate: if a gradient is
            // rounding noise, so is the step.
            let noise = gradient.abs().lt(1e-5).logical_and(&gradient.ne(0.0));
            let expected = golden.tensor(&of(&format!("step1.{theirs}")));
            let off = (&after - &expected).masked_fill(&noise, 0.0).abs().max();
            let off = off.double_value(&[]);
            assert!(off < 1e-6, "{case}: {ours} is off by {off:e}");
            // Parameters without a gradient have not changed.
            let still = gradient.eq(0.0);
            assert_eq!(
                after.masked_select(&still),
                before.masked_select(&still),
                "{case}: {ours}"
            );
        }
    }
    assert_eq!(
        WIDTH,
        golden.tensor("samplewise_prompt.cls_query").size()[1]
    );
    assert_eq!(Device::Cpu, golden.tensor("labels").device());
}
