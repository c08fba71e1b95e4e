use super::*;
use crate::toy::{self, Toy, values};
use clbench_torch::tch::Device;

fn doubles(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

/// Two classes of width 3 with 7 and 11 samples, and 4 random components.
fn instance() -> (Samples, Components) {
    let mut generator = clbench_torch::Generator::new(3, "instance", 0);
    let mut normal = |shape: &[i64]| {
        let tensor = generator.normal_tensor(shape, 1.0, Device::Cpu).unwrap();
        tensor.to_kind(Kind::Double)
    };
    let samples = Samples::new(&[normal(&[7, 3]), normal(&[11, 3])]).unwrap();
    let components = Components {
        weights: normal(&[2, 4]).softmax(1, Kind::Double),
        means: normal(&[2, 4, 3]),
        variances: normal(&[2, 4, 3]).exp() * 0.3,
    };
    (samples, components)
}

/// EM computed from the formulas, sample by sample.
#[test]
fn a_step_matches_the_formulas() {
    let (samples, components) = instance();
    let first = Step::first(&samples, components).unwrap();
    let next = first.next(&samples).unwrap();
    for (class, count) in [(0, 7), (1, 11)] {
        let rows = |tensor: &Tensor| -> Vec<Vec<f64>> {
            let all = doubles(&tensor.get(class));
            all.chunks(3).map(<[f64]>::to_vec).collect()
        };
        let x = rows(&samples.features);
        let weights = doubles(&first.components.weights.get(class));
        let (means, variances) = (
            rows(&first.components.means),
            rows(&first.components.variances),
        );
        let mut responsibilities = Vec::new();
        let mut likelihood = 0.0;
        for x in &x[..count] {
            let densities: Vec<f64> = (0..4)
                .map(|k| {
                    let of_dimension = |d: usize| {
                        let v = variances[k][d];
                        (-(x[d] - means[k][d]).powi(2) / (2.0 * v)).exp() / (2.0 * PI * v).sqrt()
                    };
                    weights[k] * (0..3).map(of_dimension).product::<f64>()
                })
                .collect();
            let density: f64 = densities.iter().sum();
            likelihood += density.ln() / count as f64;
            responsibilities.push(densities.iter().map(|d| d / density).collect::<Vec<_>>());
        }
        let close = |what: &str, ours: f64, by_hand: f64| {
            assert!(
                (ours - by_hand).abs() < 1e-12,
                "{what}: {ours}, by hand {by_hand}"
            );
        };
        close(
            "likelihood",
            first.likelihood.double_value(&[class]),
            likelihood,
        );
        let (new_means, new_variances) = (
            rows(&next.components.means),
            rows(&next.components.variances),
        );
        for k in 0..4 {
            let total: f64 = responsibilities.iter().map(|r| r[k]).sum();
            let weight = next.components.weights.double_value(&[class, k as i64]);
            close("weight", weight, total / count as f64);
            for d in 0..3 {
                let mean_of = |f: &dyn Fn(f64) -> f64| {
                    let weighted = responsibilities.iter().zip(&x).map(|(r, x)| r[k] * f(x[d]));
                    weighted.sum::<f64>() / total
                };
                let mean = mean_of(&|x| x);
                close("mean", new_means[k][d], mean);
                let variance = mean_of(&|x| (x - mean).powi(2));
                close("variance", new_variances[k][d], variance);
            }
        }
    }
}

#[test]
fn the_likelihood_never_decreases() {
    let (samples, components) = instance();
    let mut now = Step::first(&samples, components).unwrap();
    let first = doubles(&now.likelihood);
    // With seven samples for four components, variances reach the floor.
    for step in 0..60 {
        now.going_on = now.going_on.ones_like();
        let next = now.next(&samples).unwrap();
        for (before, after) in doubles(&now.likelihood)
            .iter()
            .zip(doubles(&next.likelihood))
        {
            assert!(
                after >= before - 1e-9,
                "step {step}: {before}, then {after}"
            );
        }
        now = next;
    }
    let last = doubles(&now.likelihood);
    assert!(
        last.iter()
            .zip(&first)
            .all(|(last, first)| last > &(first + 0.1))
    );
    let least = now.components.variances.min().double_value(&[]);
    assert_eq!(least, VARIANCE_FLOOR);
}

#[test]
fn draws_have_the_distribution_of_the_classes() {
    Toy::new(&[(3, 40), (8, 90)]).check_moments(&Mixture::default(), 0.06);
}

/// 30 samples lie around −4 and 90 around +2 in the first dimension.
#[test]
fn both_modes_of_a_class_are_found() {
    let modes = Toy::new(&[(0, 120), (1, 50)]).classes;
    let _ = modes[0]
        .features
        .narrow(1, 0, 1)
        .narrow(0, 0, 30)
        .g_sub_scalar_(4.0);
    let _ = modes[0]
        .features
        .narrow(1, 0, 1)
        .narrow(0, 30, 90)
        .g_add_scalar_(2.0);
    let mixture = Mixture {
        components: 2,
        ..Mixture::default()
    };
    let fitted = toy::fit(&mixture, &modes).fitted;
    let mut weights = values(&fitted.tensor("weights").unwrap().get(0));
    weights.sort_by(f32::total_cmp);
    assert!((weights[0] - 0.25).abs() < 1e-6, "{weights:?}");
    let draws = toy::draw(&mixture, &fitted, &[0, 1], 4000)
        .get(0)
        .select(1, 0);
    let left = draws.le(-1.0);
    let share = left
        .to_kind(Kind::Double)
        .mean(Kind::Double)
        .double_value(&[]);
    assert!((share - 0.25).abs() < 0.02, "{share}");
    for (mode, samples) in [
        (
            draws.masked_select(&left),
            modes[0].features.narrow(0, 0, 30),
        ),
        (
            draws.masked_select(&left.logical_not()),
            modes[0].features.narrow(0, 30, 90),
        ),
    ] {
        let samples = samples.select(1, 0);
        for (ours, theirs) in [
            (mode.mean(Kind::Double), samples.mean(Kind::Double)),
            (mode.std(true), samples.std(true)),
        ] {
            let (ours, theirs) = (ours.double_value(&[]), theirs.double_value(&[]));
            assert!(
                (ours - theirs).abs() < 0.05,
                "{ours}, but {theirs} for the samples"
            );
        }
    }
}

#[test]
fn a_class_is_fitted_independently_of_the_others() {
    let all = Toy::new(&[(2, 25), (7, 60), (4, 3)]);
    let together = toy::fit(&Mixture::default(), &all.classes).fitted;
    for (position, class) in all.classes.into_iter().enumerate() {
        let alone = toy::fit(&Mixture::default(), &[class]).fitted;
        for name in ["weights", "means", "stds"] {
            let of = |fitted: &Fitted, at| fitted.tensor(name).unwrap().get(at);
            let difference = of(&alone, 0) - of(&together, position as i64);
            assert!(
                difference.abs().max().double_value(&[]) < 1e-6,
                "{name} of {position}"
            );
        }
    }
    let weights = together.tensor("weights").unwrap().get(2);
    let used = values(&weights)
        .into_iter()
        .filter(|&weight| weight > 0.0)
        .count();
    assert_eq!(used, 3, "as many components as samples");
}

#[test]
fn choices_follow_the_weights() {
    let weights = Tensor::from_slice(&[0.0_f32, 1.0, 0.0, 3.0, 0.0]).view((1, 5));
    let uniform = Tensor::from_slice(&[0.0_f32, 0.2, 0.25, 0.5, 0.99999994]).view((1, 5));
    let chosen = chosen(&weights, &uniform).unwrap();
    assert_eq!(
        Vec::<i64>::try_from(chosen.view(-1)).unwrap(),
        [1, 1, 3, 3, 3]
    );
}

#[test]
fn degenerate_classes_are_reproduced_exactly() {
    toy::check_degenerate(&Mixture::default());
}

#[test]
fn restored_generators_give_the_same_draws() {
    toy::check_round_trip(&Mixture::default());
}

#[test]
fn embeddings_that_are_not_finite_are_an_error() {
    let classes = Toy::new(&[(3, 5), (4, 5)]).classes;
    let _ = classes[1].features.narrow(0, 0, 1).fill_(f64::NAN);
    let error = Mixture::default()
        .fit(&classes, &toy::fitting(&harness_abi::Host::silent()))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "normalising the embeddings of class 4: they contain NaN or infinite values"
    );
}
