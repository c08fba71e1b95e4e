//! The defining properties of each method: where its prompts go, which parameters are trained and
//! which are not, and the gradients of every parameter through a backbone's pullback.

use crate::golden::tiny_clip;
use crate::recorder::{Recorder, SEEN, WIDTH};
use clbench_tests::Dir;
use clbench_torch::Generator;
use clbench_torch::bridge::{self, threads};
use clbench_torch::prompting::images;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::training::GradientMode;
use clbench_visual_prompts::coda_prompt::{departure, weights};
use clbench_visual_prompts::learner::TrainingBatch;
use clbench_visual_prompts::{CodaPrompt, DualPrompt, L2p, Learner, Method, Stage};
use harness_abi::{
    BackboneHandle, Host, Inputs, Outline, Setting, State, Strategy, TensorView, testkit,
};
use serde_json::{Value, json};

const TASKS: u32 = 3;
const CLASSES: u32 = 6;

fn learner<M: Method>(parameters: Value, backbone: &BackboneHandle) -> Learner<M> {
    threads::set(1).unwrap();
    let parameters = serde_json::from_value(parameters).unwrap();
    let setting = Setting {
        seed: 5,
        tasks: TASKS,
        classes: CLASSES,
        device: "cpu".into(),
        threads: 1,
        folder: ".".into(),
        backbones: vec![backbone.clone()],
        host: Host::silent(),
    };
    Learner::create(parameters, setting).unwrap()
}

fn recorder() -> BackboneHandle {
    testkit::backbone_handle::<Recorder>(&json!({})).unwrap()
}

/// A mini-batch of the second task.
struct Images {
    pixels: Vec<u8>,
    shape: [i64; 4],
    queries: Tensor,
    targets: Tensor,
}

impl Images {
    /// Random pictures, each with its class token as its query.
    fn new(backbone: &BackboneHandle, n: i64) -> Images {
        let side = i64::from(backbone.info().image.height);
        let shape = [n, 3, side, side];
        let mut generator = Generator::new(9, "pictures", 0);
        let pixels: Vec<u8> = (0..shape.iter().product())
            .map(|_: i64| generator.below(256) as u8)
            .collect();
        let inputs = Inputs::Images {
            images: TensorView::new(&pixels, &shape).unwrap(),
            options: b"",
        };
        let forward = backbone
            .forward(&inputs, &[], &[images::CLASS_TOKEN])
            .unwrap();
        Images {
            queries: bridge::copy_in(forward.outputs[0].view()).unwrap(),
            targets: Tensor::arange(n, (Kind::Int64, Device::Cpu)).remainder(2),
            pixels,
            shape,
        }
    }

    fn batch(&self, task: u32) -> TrainingBatch<'_> {
        TrainingBatch {
            images: TensorView::new(&self.pixels, &self.shape).unwrap(),
            queries: self.queries.shallow_clone(),
            targets: self.targets.shallow_clone(),
            classes: &[2, 3],
            task,
        }
    }
}

/// Sets every parameter to random values, including those that are initialised to 0.
fn scatter<M: Method>(learner: &Learner<M>, deviation: f64) {
    let _mode = GradientMode::off();
    for (name, mut tensor) in learner.parameters() {
        let values = Generator::new(1, &name, 0)
            .normal_tensor(&tensor.size(), deviation, Device::Cpu)
            .unwrap();
        tensor.copy_(&values);
    }
}

/// Compares gradients with the change of the loss when a parameter moves in a random direction.
/// `trained` says which part of a parameter is trained in the second task; everything else must
/// have no gradient.
fn check_gradients<M: Method>(
    parameters: Value,
    backbone: &BackboneHandle,
    trained: impl Fn(&str, &Tensor) -> Tensor,
) {
    let learner = learner::<M>(parameters.clone(), backbone);
    scatter(&learner, 0.4);
    let images = Images::new(backbone, 4);
    let _ = learner.gradients(&images.batch(2)).unwrap();
    // Copied, since later calls add to them.
    let gradients: Vec<Tensor> = learner
        .parameters()
        .values()
        .map(|tensor| tensor.grad().copy())
        .collect();
    for ((name, mut tensor), gradient) in learner.parameters().into_iter().zip(gradients) {
        let mask = trained(&name, &tensor);
        let still = (&gradient * mask.eq(0.0)).abs().max();
        assert_eq!(
            still.double_value(&[]),
            0.0,
            "{parameters}: {name} is frozen"
        );
        let along = Generator::new(2, &name, 0)
            .normal_tensor(&tensor.size(), 1.0, Device::Cpu)
            .unwrap()
            * mask;
        let before = tensor.detach().copy();
        let step = 1e-2;
        let mut at = |steps: f64| {
            let _mode = GradientMode::off();
            tensor.copy_(&(&before + &along * (steps * step)));
            let loss = learner.gradients(&images.batch(2)).unwrap();
            tensor.copy_(&before);
            loss.double_value(&[])
        };
        // A fourth-order difference.
        let slope = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * step);
        let expected = (gradient * along).sum(Kind::Double).double_value(&[]);
        assert!(
            (slope - expected).abs() < 3e-3 * expected.abs() + 2e-4,
            "{parameters}: {name} has the slope {slope}, by its gradient {expected}"
        );
        assert!(expected.abs() > 1e-3, "{parameters}: {name} has {expected}");
    }
}

/// 1 in these rows along a dimension, else 0.
fn rows(tensor: &Tensor, dimension: i64, rows: std::ops::Range<i64>) -> Tensor {
    let mask = tensor.zeros_like().detach();
    let _ = mask
        .narrow(dimension, rows.start, rows.end - rows.start)
        .fill_(1.0);
    mask
}

/// The rows of the head that belong to the second task's classes.
fn head(name: &str, tensor: &Tensor) -> Option<Tensor> {
    name.starts_with("head.").then(|| rows(tensor, 0, 2..4))
}

#[test]
fn gradients_of_every_parameter_come_through_the_boundary() {
    let dir = Dir::new();
    let clip = tiny_clip(&dir, "cgil_prompter");
    for pooling in ["prompts", "class-token", "class-token-and-prompts"] {
        check_gradients::<L2p>(
            json!({ "pool_size": 4, "prompt_length": 2, "top_k": 2, "pooling": pooling, "key_weight": 0.7 }),
            &clip,
            |name, tensor| head(name, tensor).unwrap_or_else(|| tensor.ones_like().detach()),
        );
    }
    check_gradients::<L2p>(
        json!({ "preset": "l2p-plus-plus-imagenet-r", "pool_size": 3, "prompt_length": 4, "top_k": 2 }),
        &clip,
        |name, tensor| head(name, tensor).unwrap_or_else(|| tensor.ones_like().detach()),
    );
    check_gradients::<DualPrompt>(
        json!({ "general_layers": [1], "expert_layers": [2], "expert_length": 3, "key_weight": 0.7 }),
        &clip,
        |name, tensor| match name {
            "experts" => rows(tensor, 1, 1..2),
            "keys" => rows(tensor, 0, 1..2),
            "general" => tensor.ones_like().detach(),
            _ => head(name, tensor).unwrap(),
        },
    );
    for weight in [0.0, 0.01] {
        check_gradients::<CodaPrompt>(
            json!({ "layers": [1, 2], "components": 9, "prompt_length": 4, "orthogonality_weight": weight }),
            &clip,
            |name, tensor| head(name, tensor).unwrap_or_else(|| rows(tensor, 1, 3..6)),
        );
    }
}

/// The sites of one call, with the shapes of their prompts.
fn sites<M: Method>(parameters: Value) -> Vec<(String, Vec<i64>)> {
    let recorder = recorder();
    let learner = learner::<M>(parameters, &recorder);
    let images = Images::new(&recorder, 4);
    SEEN.take();
    let _ = learner.gradients(&images.batch(1)).unwrap();
    let seen = SEEN.take();
    seen.into_iter()
        .map(|(site, prompt)| (site, prompt.size()))
        .collect()
}

#[test]
fn prompts_go_to_the_sites_of_the_papers() {
    let prefix = |layer: u32, n: i64| (images::prefix_site(layer), vec![4, 2, n, WIDTH]);
    let tokens = |n: i64| (images::PROMPT.to_owned(), vec![4, n, WIDTH]);
    for (preset, n) in [
        ("pytorch-cifar-100", 5 * 5),
        ("jax-cifar-100", 4 * 10),
        ("5-datasets", 4 * 10),
    ] {
        assert_eq!(sites::<L2p>(json!({ "preset": preset })), [tokens(n)]);
    }
    // Half of twenty are keys, and each image gets five prompts.
    assert_eq!(
        sites::<L2p>(json!({ "preset": "l2p-plus-plus-imagenet-r" })),
        [prefix(0, 50)]
    );
    for (preset, n) in [("cifar-100", 5), ("imagenet-r", 20)] {
        assert_eq!(
            sites::<DualPrompt>(json!({ "preset": preset })),
            [
                prefix(0, 5),
                prefix(1, 5),
                prefix(2, n),
                prefix(3, n),
                prefix(4, n)
            ]
        );
    }
    for preset in ["released", "paper"] {
        assert_eq!(
            sites::<CodaPrompt>(json!({ "preset": preset, "components": 12 })),
            [0, 1, 2, 3, 4].map(|layer| prefix(layer, 4))
        );
    }
}

#[test]
fn training_uses_the_tasks_own_expert_and_prediction_the_nearest() {
    let recorder = recorder();
    let learner = learner::<DualPrompt>(
        json!({ "general_layers": [1], "expert_layers": [3, 4], "expert_length": 2 }),
        &recorder,
    );
    let parameters = learner.parameters();
    let (general, experts, keys) = (
        &parameters["general"],
        &parameters["experts"],
        &parameters["keys"],
    );
    // Queries in the direction of the keys of tasks 2, 1 and 3, with other lengths.
    let order = [1, 0, 2];
    let query = keys.index_select(0, &Tensor::from_slice(&order)) * 3.0;
    let chosen = learner
        .method()
        .choose(&query, Stage::Prediction(TASKS))
        .unwrap();
    for (image, &expert) in (0..).zip(&order) {
        assert_eq!(chosen.prompts[0].select(0, image), general.select(0, 0));
        for layer in 0..2 {
            // [2, length, width]: keys and values are those of the expert, independent of the other
            // images.
            assert_eq!(
                chosen.prompts[1 + layer as usize].select(0, image),
                experts.select(0, layer).select(0, expert)
            );
        }
    }
    // The key of a future task is noise, and no image selects it.
    let chosen = learner
        .method()
        .choose(&query.narrow(0, 2, 1), Stage::Prediction(1))
        .unwrap();
    assert_eq!(
        chosen.prompts[1].select(0, 0),
        experts.select(0, 0).select(0, 0)
    );
    let chosen = learner.method().choose(&query, Stage::Training(3)).unwrap();
    for image in 0..3 {
        let own = experts.select(0, 1).select(0, 2);
        assert_eq!(chosen.prompts[2].select(0, image), own);
    }
    // The mean cosine with the third task's key: its own is 1.
    let similarity =
        clbench_visual_prompts::pool::similarity(&query, &keys.narrow(0, 2, 1)).unwrap();
    let expected = -similarity.mean(Kind::Double).double_value(&[]);
    let off = chosen.term.unwrap().double_value(&[]) - expected;
    assert!(off.abs() < 1e-6, "{off:e}");
}

#[test]
fn components_are_weighted_by_the_cosine_of_the_attended_query() {
    let mut generator = Generator::new(3, "components", 0);
    let mut normal = |shape: &[i64]| generator.normal_tensor(shape, 1.0, Device::Cpu).unwrap();
    let (query, attention, keys) = (normal(&[3, 8]), normal(&[5, 8]), normal(&[5, 8]));
    let ours = weights(&query, &attention, &keys).unwrap();
    // As in the paper: every query times every attention vector.
    let seen = query.unsqueeze(1) * attention.unsqueeze(0);
    let unit = |x: &Tensor, dimension: i64| {
        let length = x.norm_scalaropt_dim(2.0, [dimension].as_slice(), true);
        x / length
    };
    let expected =
        (unit(&seen, 2) * unit(&keys, 1)).sum_dim_intlist([2_i64].as_slice(), false, Kind::Float);
    let off = (ours - expected).abs().max().double_value(&[]);
    assert!(off < 1e-6, "{off:e}");
}

#[test]
fn orthogonality_covers_only_past_and_present_components() {
    // T Tᵀ − I = [[3, 2], [2, 1]].
    let known = Tensor::from_slice(&[2.0_f32, 0.0, 1.0, 1.0]).view((2, 2));
    assert_eq!(departure(&known).unwrap().double_value(&[]), 18.0 / 4.0);
    let learner = learner::<CodaPrompt>(
        json!({ "preset": "paper", "layers": [1, 2], "components": 6, "prompt_length": 2 }),
        &recorder(),
    );
    scatter(&learner, 0.5);
    let query = Tensor::ones([1, WIDTH], (Kind::Float, Device::Cpu));
    let term = || {
        let chosen = learner.method().choose(&query, Stage::Training(2)).unwrap();
        chosen.term.unwrap().double_value(&[])
    };
    let parameters = learner.parameters();
    let mut expected = 0.0;
    for name in ["keys", "attention", "prompts"] {
        for layer in 0..2 {
            // Two components per task: four for tasks 1 and 2.
            let rows = parameters[name]
                .select(0, layer)
                .narrow(0, 0, 4)
                .flatten(1, -1);
            expected += 0.1 * departure(&rows).unwrap().double_value(&[]);
        }
    }
    assert!((term() - expected).abs() < 1e-5 * expected, "{}", term());
    let before = term();
    for name in ["keys", "attention", "prompts"] {
        let _mode = GradientMode::off();
        let _ = parameters[name].narrow(1, 4, 2).fill_(100.0);
    }
    assert_eq!(term(), before);
}

/// The parameters before and after each task.
#[test]
fn parameters_of_other_tasks_do_not_change() {
    let dir = Dir::new();
    let clip = tiny_clip(&dir, "cgil_prompter");
    let training = json!({ "epochs": 2, "batch_size": 5, "lr": 0.01 });
    let of = |state: &State, name: &str| {
        let (_, tensor) = state.tensors.iter().find(|(has, _)| has == name).unwrap();
        bridge::copy_in(tensor.view()).unwrap()
    };
    let states = |name: &str, mut parameters: Value| {
        parameters["training"] = training.clone();
        crate::kits::states(name, parameters, &clip, TASKS)
    };
    let coda = json!({ "layers": [1, 2], "components": 7, "prompt_length": 2, "orthogonality_weight": 0.3 });
    let coda = states("coda-prompt", coda);
    for name in ["keys", "attention", "prompts"] {
        for task in 1..=i64::from(TASKS) {
            let now = of(&coda[task as usize], name);
            // Two components per task; the seventh belongs to no task.
            let to_come = now.narrow(1, 2 * task, 7 - 2 * task);
            assert_eq!(to_come.abs().max().double_value(&[]), 0.0, "{name}");
            let before = of(&coda[task as usize - 1], name);
            let past = 2 * (task - 1);
            assert_eq!(now.narrow(1, 0, past), before.narrow(1, 0, past), "{name}");
            assert!(now.narrow(1, past, 2).abs().min().double_value(&[]) > 0.0);
        }
    }
    let dual = json!({ "general_layers": [1], "expert_layers": [2] });
    let dual = states("dualprompt", dual);
    for task in 1..=i64::from(TASKS) {
        let [now, before] = [task, task - 1].map(|at| &dual[at as usize]);
        for other in (0..i64::from(TASKS)).filter(|&other| other != task - 1) {
            for (name, dimension) in [("experts", 1), ("keys", 0)] {
                assert_eq!(
                    of(now, name).select(dimension, other),
                    of(before, name).select(dimension, other),
                    "{name} of task {other} in task {task}"
                );
            }
        }
        assert_ne!(of(now, "general"), of(before, "general"));
        for (name, dimension) in [("experts", 1), ("keys", 0)] {
            assert_ne!(
                of(now, name).select(dimension, task - 1),
                of(before, name).select(dimension, task - 1)
            );
        }
    }
}

/// A task without samples takes no step, so its initial parameters remain visible.
#[test]
fn an_expert_starts_as_a_copy_of_the_previous_one_and_components_start_orthogonal() {
    let clip_like = recorder();
    let dual = crate::kits::empty_tasks("dualprompt", json!({}), &clip_like, TASKS);
    let of = |state: &State, name: &str| {
        let (_, tensor) = state.tensors.iter().find(|(has, _)| has == name).unwrap();
        bridge::copy_in(tensor.view()).unwrap()
    };
    let (first, last) = (&dual[0], &dual[TASKS as usize]);
    for task in 0..i64::from(TASKS) {
        assert_eq!(
            of(last, "experts").select(1, task),
            of(first, "experts").select(1, 0)
        );
        assert_eq!(of(last, "keys"), of(first, "keys"));
    }
    let parameters = json!({ "components": 12, "prompt_length": 2 });
    let coda = crate::kits::empty_tasks("coda-prompt", parameters, &clip_like, TASKS);
    for name in ["keys", "attention", "prompts"] {
        let components = of(&coda[TASKS as usize], name);
        for layer in 0..5 {
            let off = departure(&components.select(0, layer).flatten(1, -1)).unwrap();
            assert!(off.double_value(&[]) < 1e-12, "{name}: {off}");
        }
    }
}

#[test]
fn a_backbone_without_the_sites_is_refused_before_training() {
    let outline = |backbone: &BackboneHandle| Outline {
        tasks: TASKS,
        classes: CLASSES,
        device: "cpu".into(),
        folder: ".".into(),
        backbones: vec![backbone.info().clone()],
        ..Outline::default()
    };
    let toy = outline(&testkit::ToyBackbone::handle());
    let error = Learner::<L2p>::check(&Default::default(), &toy).unwrap_err();
    assert_eq!(
        error.to_string(),
        "backbone `toy` lacks the output `tokens`, which this strategy needs to prompt an image encoder; set `backbone:` \
         to one that has them, such as `vit` or `clip`"
    );
    let mut blind = toy.clone();
    blind.backbones[0].sites.clear();
    blind.backbones[0].outputs.clear();
    let error = Learner::<L2p>::check(&Default::default(), &blind).unwrap_err();
    assert_eq!(
        error.to_string(),
        "backbone `toy` lacks the site `visual.prompt`, the output `class_token`, the output `tokens`, which this \
         strategy needs to prompt an image encoder; set `backbone:` to one that has them, such as `vit` or `clip`"
    );
    for error in [
        Learner::<DualPrompt>::check(&Default::default(), &toy).unwrap_err(),
        Learner::<CodaPrompt>::check(&Default::default(), &toy).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "backbone `toy` lacks the sites `visual.kv.…`, which this strategy needs to prompt the layers of an image \
             encoder; set `backbone:` to one that has them, such as `vit` or `clip`"
        );
    }
    let recorder = outline(&recorder());
    let declaration = Learner::<L2p>::check(&Default::default(), &recorder).unwrap();
    assert_eq!(declaration.adaptation, None);
    assert_eq!(declaration.reads, ["class_token"]);
    let width = WIDTH as u64;
    let head = u64::from(CLASSES) * (width + 1);
    assert_eq!(
        declaration.trainable_parameters,
        10 * (5 + 1) * width + head
    );
    let declaration = Learner::<DualPrompt>::check(&Default::default(), &recorder).unwrap();
    let experts = u64::from(TASKS) * (3 * 2 * 5 + 1);
    assert_eq!(
        declaration.trainable_parameters,
        (2 * 2 * 5 + experts) * width + head
    );
}
