//! Compares CGIL's prompts on the CLIP plugin with CGIL's own code on the same weights. The plugin
//! is loaded from its file, as in a run. See `fixtures/cgil_prompter/README.md`.

mod golden;

use clbench_cgil::keys;
use clbench_cgil::network::TokenNetwork;
use clbench_cgil::parameters::{Context, Precision, Training};
use clbench_cgil::prompts::ClassPrompts;
use clbench_cgil::tuning::{Seen, Tuning};
use clbench_tests::Dir;
use clbench_torch::Generator;
use clbench_torch::bridge::{self, state, threads};
use clbench_torch::prompting::class_texts::text_features;
use clbench_torch::prompting::cosine::{self, unit_rows};
use clbench_torch::tch::{Device, Tensor};
use clbench_torch::training::TrainingSamples;
use golden::{Golden, class_names, load, tiny_clip};
use harness_abi::foreign::SampleSource;
use harness_abi::{BackboneHandle, Class, Error, Host, Result, Setting, State};
use serde_json::json;

const SEEN: usize = 4;
const SCALE: f64 = 100.0;
const KEYS: f64 = 2e-6;
const LOGITS: f64 = 1e-4;

struct World {
    golden: Golden,
    clip: BackboneHandle,
    names: Vec<String>,
    /// For all six classes.
    zero_shot: Tensor,
}

impl World {
    fn new(dir: &Dir) -> World {
        threads::set(1).unwrap();
        let names = class_names("cgil_prompter");
        let clip = tiny_clip(dir, "cgil_prompter");
        let texts: Vec<String> = names
            .iter()
            .map(|name| format!("a photo of a {name}"))
            .collect();
        World {
            golden: Golden::open("cgil_prompter/prompter"),
            zero_shot: text_features(
                &clip,
                &texts.iter().map(String::as_str).collect::<Vec<_>>(),
                Device::Cpu,
            )
            .unwrap(),
            clip,
            names,
        }
    }

    /// The token network with this name in the fixture.
    fn network(&self, prefix: &str) -> TokenNetwork {
        let mut generator = Generator::new(0, "shapes", 0);
        TokenNetwork::new(64, 64, &mut generator, Device::Cpu)
            .unwrap()
            .map(|name, _| {
                Ok(self
                    .golden
                    .tensor(&format!("{prefix}context_generator.{name}")))
            })
            .unwrap()
    }

    /// The default prompts of the seen classes, before the first step.
    fn prompts(&self) -> ClassPrompts {
        let learned = self
            .golden
            .tensor("prompt_parameters")
            .narrow(0, 0, SEEN as i64);
        ClassPrompts::of_tensors(Context::Combined, Some(learned), Some(self.network("")))
    }

    fn keys(&self, prompts: &ClassPrompts, classes: usize) -> Tensor {
        let zero_shot = self.zero_shot.narrow(0, 0, classes as i64);
        let options = Precision::F32.text_options();
        keys::text_keys(
            &self.clip,
            prompts,
            &self.names[..classes],
            &zero_shot,
            options,
        )
        .unwrap()
    }

    fn samples(&self) -> TrainingSamples {
        TrainingSamples {
            features: unit_rows(&self.golden.tensor("features")).unwrap(),
            targets: self.golden.tensor("labels"),
        }
    }

    /// The prompts of the seen classes after some training steps on the fixture's batch. `at` is
    /// called after each step with the tuning and the loss before the step.
    fn steps(&self, steps: usize, mut at: impl FnMut(usize, &Tuning<'_>, &Tensor)) -> ClassPrompts {
        let zero_shot = self.zero_shot.narrow(0, 0, SEEN as i64);
        let seen = Seen {
            backbone: &self.clip,
            names: &self.names[..SEEN],
            zero_shot: &zero_shot,
            options: Precision::F32.text_options(),
        };
        let tuning = Tuning::new(seen, &self.prompts(), 0, 0.0).unwrap();
        let training = Training {
            lr: 0.03,
            ..Training::default()
        };
        let mut optimiser = tuning.optimiser(&training).unwrap();
        for step in 0..steps {
            let loss = tuning.step(&mut optimiser, &self.samples()).unwrap();
            at(step, &tuning, &loss);
        }
        tuning.prompts().unwrap()
    }
}

#[test]
fn text_keys_match_the_reference_in_every_context() {
    let dir = Dir::new();
    let world = World::new(&dir);
    let golden = &world.golden;
    golden.close("just_text_features", &world.zero_shot, 1e-5);
    let zero_shot = world.zero_shot.narrow(0, 0, SEEN as i64);
    let generated = world.network("").forward(&zero_shot).unwrap();
    golden.close("generated_context", &generated, KEYS);
    golden.close("keys_seen", &world.keys(&world.prompts(), SEEN), KEYS);

    let per_class = |variant: &str| {
        let of = |class| golden.tensor(&format!("variant.{variant}.prompt_parameters_{class}"));
        Tensor::cat(&(0..6).map(of).collect::<Vec<_>>(), 0)
    };
    let shared = golden
        .tensor("variant.general.prompt_parameters")
        .unsqueeze(0);
    for (variant, context, learned, network) in [
        ("ctx4", Context::Combined, Some(per_class("ctx4")), true),
        (
            "no_combo",
            Context::PerClass,
            Some(per_class("no_combo")),
            false,
        ),
        ("generated_only", Context::Generated, None, true),
        ("general", Context::Shared, Some(shared), false),
    ] {
        let network = network.then(|| world.network(&format!("variant.{variant}.")));
        let prompts = ClassPrompts::of_tensors(context, learned, network);
        golden.close(
            &format!("variant.{variant}.keys"),
            &world.keys(&prompts, 6),
            KEYS,
        );
    }
}

#[test]
fn loss_gradients_and_three_steps_match_the_reference() {
    let dir = Dir::new();
    let world = World::new(&dir);
    let golden = &world.golden;
    let keys = world.keys(&world.prompts(), SEEN);
    let logits = cosine::logits(&world.samples().features, &keys, SCALE).unwrap();
    golden.close("logits", &logits, LOGITS);

    let losses = golden.tensor("loss_per_step");
    let prompts = world.steps(3, |step, tuning, loss| {
        let off = (loss.double_value(&[]) - losses.double_value(&[step as i64])).abs();
        assert!(off < 1e-5, "the loss of step {step} is off by {off:e}");
        if step > 0 {
            return;
        }
        let trained = tuning.trained();
        let learned = trained.learned().unwrap();
        golden.close("grad.prompt_parameters", &learned.grad(), 2e-5);
        let all = golden.tensor("step1.prompt_parameters");
        let off = (learned.detach() - all.narrow(0, 0, SEEN as i64))
            .abs()
            .max();
        assert!(off.double_value(&[]) < 5e-6);
        for (name, tensor) in trained.network().unwrap().tensors() {
            golden.close(
                &format!("grad.context_generator.{name}"),
                &tensor.grad(),
                2e-5,
            );
            golden.close(&format!("step1.context_generator.{name}"), tensor, 5e-6);
        }
    });
    golden.close("eval.keys", &world.keys(&prompts, SEEN), KEYS);
}

/// Features in memory, as in a prediction batch.
struct Features(Tensor);

impl SampleSource for Features {
    fn features(&self, _: usize, _: &[u32]) -> Result<harness_abi::Tensor> {
        bridge::copy_out(&self.0)
    }

    fn images(&self, _: usize, _: &[u32]) -> Result<harness_abi::Tensor> {
        Err(Error::failed("there are features only"))
    }
}

/// The strategy itself, loaded from its plugin file and restored to the result of three steps.
#[test]
fn logits_of_seen_and_unseen_classes_match_the_reference_or_are_corrected() {
    let dir = Dir::new();
    let world = World::new(&dir);
    let golden = &world.golden;
    let prompts = world.steps(3, |_, _, _| {});
    let classes: Vec<Class> = (0..)
        .zip(&world.names)
        .map(|(id, name)| Class {
            id,
            name: name.clone(),
            templates: Vec::new(),
        })
        .collect();
    let images = golden.tensor("eval.image_features");
    let rows = images.size()[0] as u32;
    let samples = Features(images);

    // The reference's logits of unseen classes are multiplied by their text features' length.
    let lengths = world
        .zero_shot
        .narrow(0, SEEN as i64, 2)
        .norm_scalaropt_dim(2.0, [1], false);
    assert!(lengths.min().double_value(&[]) > 5.0);
    let future = golden.tensor("eval.future_logits");
    let unseen = future.narrow(1, SEEN as i64, 2) / lengths;
    let corrected = Tensor::cat(&[golden.tensor("eval.logits"), unseen], 1);

    let loaded = load("libclbench_cgil.so");
    for (fidelity, expected, tolerance) in [
        ("reference", future, 1e-3),
        ("corrected", corrected, LOGITS),
    ] {
        let setting = Setting {
            seed: 1,
            tasks: 3,
            classes: 6,
            device: "cpu".into(),
            threads: 1,
            folder: ".".into(),
            backbones: vec![world.clip.clone()],
            host: Host::silent(),
        };
        let mut cgil = loaded
            .strategy("cgil", &json!({ "fidelity": fidelity }), &setting)
            .unwrap();
        let mut written = State {
            json: json!({ "seen": &world.names[..SEEN] }),
            ..State::default()
        };
        prompts.put(&mut written).unwrap();
        cgil.restore(written).unwrap();
        let logits = |cgil: &mut harness_abi::foreign::ForeignStrategy, classes: &[Class]| {
            let logits = cgil.predict(rows, classes, &samples).unwrap();
            bridge::copy_in(logits.view()).unwrap()
        };
        let close = |ours: &Tensor, theirs: &Tensor, tolerance: f64| {
            let off = (ours - theirs).abs().max().double_value(&[]);
            assert!(off < tolerance, "{fidelity}: off by {off:e}");
        };
        let seen = logits(&mut cgil, &classes[..SEEN]);
        close(&seen, &golden.tensor("eval.logits"), LOGITS);
        close(&logits(&mut cgil, &classes), &expected, tolerance);
        // Columns follow the requested classes, in any order.
        let turned: Vec<Class> = classes.iter().rev().cloned().collect();
        close(&logits(&mut cgil, &turned), &expected.flip([1]), tolerance);
    }
    // A state holds what was put in.
    let mut written = State::default();
    prompts.put(&mut written).unwrap();
    let mut again = prompts.learned().unwrap().zeros_like();
    state::take(&mut written, "learned", &mut again).unwrap();
    assert_eq!(&again, prompts.learned().unwrap());
}
