use super::*;
use crate::parameters::{Prompting, Training};
use crate::prompts::Widths;
use clbench_torch::Generator;
use clbench_torch::tch::Device;
use harness_abi::testkit::ToyBackbone;

const CONTEXTS: [Context; 5] = [
    Context::Combined,
    Context::PerClass,
    Context::Shared,
    Context::Generated,
    Context::ImageConditioned,
];

struct World {
    toy: BackboneHandle,
    names: Vec<String>,
    zero_shot: Tensor,
}

impl World {
    fn new() -> World {
        World {
            toy: ToyBackbone::handle(),
            names: ["tern", "grey seal", "crab", "kelp"]
                .map(String::from)
                .to_vec(),
            zero_shot: normal("zero-shot", &[4, 16], 1.0),
        }
    }

    fn seen(&self) -> Seen<'_> {
        Seen {
            backbone: &self.toy,
            names: &self.names,
            zero_shot: &self.zero_shot,
            options: br#"{"suffix": "."}"#,
        }
    }

    fn prompts(&self, context: Context) -> ClassPrompts {
        let prompting = Prompting {
            context,
            learned_tokens: context.learns_tokens().then_some(2),
            init_std: 0.5,
            ..Prompting::default()
        };
        let widths = Widths::of(self.toy.info(), &prompting).unwrap();
        let mut prompts = ClassPrompts::new(&prompting, widths, 3, Device::Cpu).unwrap();
        prompts.grow(4, &prompting, 3).unwrap();
        prompts
    }
}

fn normal(purpose: &str, shape: &[i64], deviation: f64) -> Tensor {
    let mut generator = Generator::new(11, purpose, 0);
    generator
        .normal_tensor(shape, deviation, Device::Cpu)
        .unwrap()
}

fn samples(rows: i64) -> TrainingSamples {
    let labels: Vec<i64> = (0..rows).map(|row| row % 4).collect();
    TrainingSamples {
        features: unit_rows(&normal("images", &[rows, 16], 1.0)).unwrap(),
        targets: Tensor::from_slice(&labels),
    }
}

fn each(prompts: &ClassPrompts) -> Vec<(String, Tensor)> {
    let mut all = Vec::new();
    prompts
        .map(|name, tensor| {
            all.push((name.to_owned(), tensor.shallow_clone()));
            Ok(tensor.shallow_clone())
        })
        .unwrap();
    all
}

/// The loss computed another way: with the text keys of all classes, as for prediction.
fn loss_by_hand(
    world: &World,
    prompts: &ClassPrompts,
    batch: &TrainingSamples,
    weight: f64,
) -> f64 {
    let seen = world.seen();
    let keys = match prompts.context() {
        Context::ImageConditioned => keys::image_keys(
            seen.backbone,
            prompts,
            seen.names,
            &batch.features,
            seen.options,
        ),
        _ => keys::text_keys(
            seen.backbone,
            prompts,
            seen.names,
            seen.zero_shot,
            seen.options,
        )
        .map(|keys| {
            keys.unsqueeze(0)
                .expand([batch.len() as i64, -1, -1], false)
        }),
    }
    .unwrap()
    .to_kind(Kind::Double);
    let images = batch.features.to_kind(Kind::Double).unsqueeze(1);
    let logits: Vec<Vec<f64>> = Vec::try_from(
        (keys * images).sum_dim_intlist([2_i64].as_slice(), false, Kind::Double) * 10.0,
    )
    .unwrap();
    let targets: Vec<i64> = Vec::try_from(&batch.targets).unwrap();
    let cross_entropy: f64 = logits
        .iter()
        .zip(&targets)
        .map(|(row, &target)| {
            let total: f64 = row.iter().map(|x| x.exp()).sum();
            total.ln() - row[target as usize]
        })
        .sum();
    let mut penalty = 0.0;
    if weight > 0.0 {
        let learned = prompts.learned().unwrap().to_kind(Kind::Double);
        for position in 0..2 {
            let p: Vec<Vec<f64>> = Vec::try_from(learned.select(1, position)).unwrap();
            for (i, a) in p.iter().enumerate() {
                for (j, b) in p.iter().enumerate() {
                    let product: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
                    penalty += (product - f64::from(u8::from(i == j))).powi(2) / (16.0 * 2.0);
                }
            }
        }
    }
    cross_entropy / targets.len() as f64 + weight * penalty
}

#[test]
fn losses_and_gradients_match_the_formulas_in_every_context() {
    let world = World::new();
    let batch = samples(6);
    for context in CONTEXTS {
        for first in [0, 3] {
            let weight = match context {
                Context::Combined | Context::PerClass => 0.7,
                _ => 0.0,
            };
            let prompts = world.prompts(context);
            let tuning = Tuning::new(world.seen(), &prompts, first, weight).unwrap();
            let loss = tuning.backward(&batch).unwrap().double_value(&[]);
            let by_hand = loss_by_hand(&world, &prompts, &batch, weight);
            assert!(
                (loss - by_hand).abs() < 1e-5,
                "{context:?}: {loss}, by hand {by_hand}"
            );
            let gradients = each(tuning.trained());
            assert!(gradients.iter().all(|(_, tensor)| tensor.grad().defined()));
            // If all prompts are trained, the gradient is the whole derivative. If some are frozen,
            // shared parameters get only a part of it.
            let is_whole = first == 0 || context == Context::PerClass;
            if !is_whole {
                continue;
            }
            let along: Vec<Tensor> = gradients
                .iter()
                .map(|(name, tensor)| normal(&format!("along {name}"), &tensor.size(), 1.0))
                .collect();
            let expected: f64 = gradients
                .iter()
                .zip(&along)
                .map(|((_, tensor), along)| {
                    (tensor.grad() * along).sum(Kind::Double).double_value(&[])
                })
                .sum();
            let at = |step: f64| {
                let mut along = along.iter();
                let moved = prompts
                    .map(|_, tensor| {
                        let along = along.next().unwrap() * step;
                        let rest = tensor.size()[0] - along.size()[0];
                        let along = match rest {
                            0 => along,
                            rest => along.constant_pad_nd([0, 0, 0, 0, rest, 0]),
                        };
                        Ok(tensor + along)
                    })
                    .unwrap();
                loss_by_hand(&world, &moved, &batch, weight)
            };
            // Small, because SELU has a kink.
            let step = 2e-4;
            let slope =
                (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step);
            assert!(
                (slope - expected).abs() < 5e-3 * expected.abs().max(0.1),
                "{context:?} from {first}: {slope}, by autograd {expected}"
            );
        }
    }
}

#[test]
fn frozen_prompts_do_not_change_by_a_bit() {
    let world = World::new();
    for context in [Context::Combined, Context::PerClass] {
        let prompts = world.prompts(context);
        let tuning = Tuning::new(world.seen(), &prompts, 3, 1.0).unwrap();
        let training = Training {
            epochs: 2,
            batch_size: 5,
            ..Training::default()
        };
        let learned = train(&tuning, &training, "training", &Host::silent(), |_| {
            Ok(samples(12))
        });
        assert_eq!(learned.unwrap().optimiser_steps, 6);
        let after = tuning.prompts().unwrap();
        let (before, after) = (prompts.learned().unwrap(), after.learned().unwrap());
        assert_eq!(before.size(), after.size());
        assert_eq!(before.narrow(0, 0, 3), after.narrow(0, 0, 3));
        assert_ne!(before.narrow(0, 3, 1), after.narrow(0, 3, 1));
    }
}

#[test]
fn divergence_names_the_key_of_the_learning_rate() {
    let world = World::new();
    let prompts = world.prompts(Context::Generated);
    let tuning = Tuning::new(world.seen(), &prompts, 0, 0.0).unwrap();
    let training = Training {
        optimiser: Optimiser::Sgd,
        lr: 1e30,
        ..Training::default()
    };
    let trained = train(&tuning, &training, "alignment", &Host::silent(), |_| {
        Ok(samples(8))
    });
    let error = trained.unwrap_err().to_string();
    assert!(
        error.ends_with("training diverged: the loss is not finite; lower `alignment.lr` (now 1000000000000000000000000000000)"),
        "{error}"
    );
}
