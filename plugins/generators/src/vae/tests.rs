//! Fitting one class compared with many, and classes that are hard to fit.

use super::reference_tests::{close, numbers};
use super::*;
use clbench_torch::tch::Kind;
use harness_abi::host::HostService;
use harness_abi::{ErrorCode, Host};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Classes of the given sizes, of width 12: each has its own mean, two main directions, and a
/// little noise.
fn classes(sizes: &[i64], kind: Kind) -> Vec<ClassFeatures> {
    // Operations on so few numbers do not benefit from a second thread.
    clbench_torch::bridge::threads::set(1).unwrap();
    let make = |(class, &size): (u32, &i64)| {
        let mut generator = clbench_torch::Generator::new(5, "samples", class);
        let mut normal = |shape: &[i64], deviation| {
            let tensor = generator.normal_tensor(shape, deviation, Device::Cpu);
            tensor.unwrap().to_kind(kind)
        };
        let mean = normal(&[1, 12], 1.0);
        let around = normal(&[size, 2], 1.0).matmul(&normal(&[2, 12], 0.3));
        let features = mean + around + normal(&[size, 12], 0.02);
        ClassFeatures { class, features }
    };
    (0..).zip(sizes).map(make).collect()
}

fn small(epochs: u32) -> Vae {
    Vae {
        hidden: 16,
        latent: 4,
        epochs,
        lr: 1e-2,
        batch_size: 64,
    }
}

fn fitting(host: &Host) -> Fitting<'_> {
    Fitting {
        seed: 1,
        task: 2,
        device: Device::Cpu,
        kind: Kind::Float,
        host,
    }
}

const UNEVEN: [i64; 8] = [70, 3, 130, 64, 1, 65, 2, 64];

/// In double precision, for various batch sizes.
#[test]
fn fitting_together_equals_fitting_one_by_one() {
    for (batch_size, epochs) in [(64, 24), (20, 8), (100, 24)] {
        let vae = Vae {
            batch_size,
            ..small(epochs)
        };
        let all = classes(&UNEVEN, Kind::Double);
        let (_, samples) = Normalisation::of(&all).unwrap();
        let names: Vec<u32> = all.iter().map(|class| class.class).collect();
        let training = |names: &[u32], samples: &[Tensor]| {
            let posterior = Posterior::StandardDeviation;
            Training::new(&vae, posterior, names, samples, (1, 2), Kind::Double).unwrap()
        };
        let mut together = training(&names, &samples);
        let back = together.plan.back();
        let mut alone: Vec<Training> = names
            .iter()
            .zip(&samples)
            .map(|(&name, samples)| training(&[name], &[samples.shallow_clone()]))
            .collect();
        let steps: u64 = alone
            .iter()
            .map(|alone| alone.plan.steps_of_classes())
            .sum();
        assert_eq!(together.plan.steps_of_classes(), steps);

        let normal = Tensor::from_slice(&[0.3, -1.0, 0.7, 2.0]).view((1, 1, 4));
        for epoch in 0..epochs {
            let lr = vae.schedule().lr(epoch);
            let losses = together.epoch(lr).unwrap();
            let drawn = together
                .decoder()
                .unwrap()
                .sampled(&normal.expand([8, 1, 4], false))
                .unwrap();
            for (class, &position) in back.iter().enumerate() {
                let what = format!("batches of {batch_size}, epoch {epoch}, class {class}");
                let own = alone[class].epoch(lr).unwrap();
                close(&what, &losses.narrow(0, position, 1), &own, 1e-9);
                let own = alone[class].decoder().unwrap().sampled(&normal).unwrap();
                close(&what, &drawn.narrow(0, position, 1), &own, 1e-9);
            }
        }
    }
}

#[test]
fn a_class_is_fitted_independently_of_the_others() {
    let host = Host::silent();
    // A low learning rate: with two samples, batch normalisation leaves gradients that are mostly
    // rounding errors.
    let vae = Vae {
        lr: 1e-3,
        ..small(5)
    };
    let autoencoders = Autoencoders::new(vae, Posterior::StandardDeviation);
    let all = classes(&UNEVEN, Kind::Float);
    let fit = autoencoders.fit(&all, &fitting(&host)).unwrap();
    // 70 and 130 samples take two and three steps; the 65th sample of class 5 and the class of one
    // sample are dropped.
    assert_eq!(fit.optimiser_steps, 5 * (2 + 1 + 3 + 1 + 1 + 1 + 1));
    let names: Vec<u32> = all.iter().map(|class| class.class).collect();
    let draw = |fit: &Fit, names: &[u32]| {
        let mut noise = Noise::new(3, "draw", 1, names, Device::Cpu).unwrap();
        autoencoders.draw(&fit.fitted, 50, &mut noise).unwrap()
    };
    let drawn = draw(&fit, &names);
    assert_eq!(drawn.size(), [8, 50, 12]);
    assert_eq!(drawn.kind(), Kind::Float);
    for (position, class) in (0..).zip(all) {
        let (name, samples) = (class.class, class.features.copy());
        let alone = autoencoders.fit(&[class], &fitting(&host)).unwrap();
        let own = drawn.narrow(0, position, 1);
        close(&format!("class {name}"), &own, &draw(&alone, &[name]), 5e-4);
        if samples.size()[0] == 1 {
            assert_eq!(alone.optimiser_steps, 0);
            assert_eq!(own.get(0), samples.expand([50, 12], false));
        }
    }
}

/// On the CPU a stack holds two classes of this size.
#[test]
fn a_task_can_be_split_into_several_stacks() {
    let notes = Impatient::after(u64::MAX);
    let host = Host::serving(notes.clone());
    let vae = Vae {
        hidden: 460,
        ..small(1)
    };
    let autoencoders = Autoencoders::new(vae, Posterior::StandardDeviation);
    let mut all = classes(&[3, 4, 5], Kind::Float);
    let fit = autoencoders.fit(&all, &fitting(&host)).unwrap();
    assert_eq!(fit.optimiser_steps, 3);
    // Two stacks of one epoch each, of which the first reports its loss.
    assert_eq!(notes.total.load(Ordering::SeqCst), 2);
    assert_eq!(notes.epochs(), [1]);
    let alone = autoencoders.fit(&[all.remove(2)], &fitting(&host)).unwrap();
    let weight = |fit: &Fit| {
        fit.fitted
            .tensor("decoder.2.weight")
            .unwrap()
            .shallow_clone()
    };
    assert_eq!(weight(&fit).size(), [3, 460, 460]);
    let last = weight(&fit).narrow(0, 2, 1);
    close("the last class", &last, &weight(&alone), 1e-6);
}

#[test]
fn draws_resemble_the_class() {
    let host = Host::silent();
    let all = classes(&[60, 40, 60], Kind::Float);
    for (kind, posterior) in [
        (Kind::Float, Posterior::StandardDeviation),
        (Kind::Float, Posterior::Exponential),
        (Kind::BFloat16, Posterior::StandardDeviation),
    ] {
        let autoencoders = Autoencoders::new(small(150), posterior);
        let fitting = Fitting {
            kind,
            ..fitting(&host)
        };
        let fit = autoencoders.fit(&all, &fitting).unwrap();
        let weight = fit.fitted.tensor("decoder.0.weight").unwrap();
        assert_eq!(weight.kind(), Kind::Float);
        let mut noise = Noise::new(3, "draw", 1, &[0, 1, 2], Device::Cpu).unwrap();
        let drawn = autoencoders.draw(&fit.fitted, 400, &mut noise).unwrap();
        for (position, class) in (0..).zip(&all) {
            let moments = |samples: &Tensor| {
                let rows = [0].as_slice();
                let mean = samples.mean_dim(rows, false, None);
                let centred = samples - &mean;
                (mean, centred.tr().matmul(&centred) / samples.size()[0])
            };
            let (mean, covariance) = moments(&drawn.get(position));
            let (real_mean, real_covariance) = moments(&class.features);
            // The means of classes differ by about 1.4 in every feature.
            let what = format!("{kind:?}, {posterior:?}, class {position}");
            close(&what, &mean, &real_mean, 0.2);
            // Drawn without the likelihood's noise, samples vary in the same directions as the real
            // ones, but less.
            let norm = |matrix: &Tensor| matrix.norm().double_value(&[]);
            let ratio = norm(&covariance) / norm(&real_covariance);
            let cosine = (&covariance * &real_covariance).sum(None).double_value(&[])
                / (norm(&covariance) * norm(&real_covariance));
            assert!(
                cosine > 0.9 && (0.3..2.0).contains(&ratio),
                "{what}: {ratio}, {cosine}"
            );
        }
    }
}

#[test]
fn constant_features_are_drawn_exactly_and_all_draws_are_finite() {
    let host = Host::silent();
    let all = classes(&[2, 5, 1], Kind::Float);
    let _ = all[1].features.narrow(1, 0, 3).fill_(0.7);
    let autoencoders = Autoencoders::new(small(30), Posterior::Exponential);
    let fit = autoencoders.fit(&all, &fitting(&host)).unwrap();
    let mut noise = Noise::new(3, "draw", 1, &[0, 1, 2], Device::Cpu).unwrap();
    let drawn = autoencoders.draw(&fit.fitted, 9, &mut noise).unwrap();
    assert!(drawn.isfinite().all().int64_value(&[]) == 1);
    let constant = drawn.get(1).narrow(1, 0, 3);
    assert!(
        numbers(&constant)
            .iter()
            .all(|&number| number == f64::from(0.7_f32))
    );
    assert_eq!(drawn.get(2), all[2].features.expand([9, 12], false));
}

/// A host that records losses, and cancels once it was asked `patience` times whether to.
struct Impatient {
    patience: AtomicU64,
    losses: Mutex<Vec<(u64, f64)>>,
    /// How many epochs there are, over all stacks.
    total: AtomicU64,
}

impl Impatient {
    fn after(questions: u64) -> Arc<Impatient> {
        Arc::new(Impatient {
            patience: AtomicU64::new(questions),
            losses: Mutex::default(),
            total: AtomicU64::new(0),
        })
    }

    /// The epochs with a reported loss.
    fn epochs(&self) -> Vec<u64> {
        let losses = self.losses.lock().unwrap();
        losses.iter().map(|(epoch, _)| *epoch).collect()
    }
}

impl HostService for Impatient {
    fn cancelled(&self) -> bool {
        self.patience.fetch_sub(1, Ordering::SeqCst) == 0
    }

    fn progress(&self, _phase: &str, _done: u64, total: u64) {
        self.total.store(total, Ordering::SeqCst);
    }

    fn scalar(&self, _: &str, step: u64, value: f64) {
        self.losses.lock().unwrap().push((step, value));
    }
}

#[test]
fn the_host_can_cancel_a_fit() {
    let all = classes(&[20, 30], Kind::Float);
    let autoencoders = Autoencoders::new(small(25), Posterior::StandardDeviation);
    let notes = Impatient::after(u64::MAX);
    let host = Host::serving(notes.clone());
    autoencoders.fit(&all, &fitting(&host)).unwrap();
    assert_eq!(notes.epochs(), [10, 20, 25]);
    let losses = notes.losses.lock().unwrap();
    assert!(losses[2].1 < losses[0].1, "{losses:?}");

    let notes = Impatient::after(12);
    let host = Host::serving(notes.clone());
    let error = autoencoders.fit(&all, &fitting(&host)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CANCELLED);
    assert_eq!(notes.epochs(), [10]);
}

#[test]
fn divergence_is_an_error_that_names_the_class() {
    let host = Host::silent();
    let vae = Vae {
        lr: 1e30,
        ..small(3)
    };
    let autoencoders = Autoencoders::new(vae, Posterior::StandardDeviation);
    let mut all = classes(&[20, 80], Kind::Float);
    all.remove(0);
    let error = autoencoders.fit(&all, &fitting(&host)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "fitting autoencoders, epoch 3 of 3: training diverged: the loss of class 1 is not finite; \
         lower `vae.lr` (now 1000000000000000000000000000000)"
    );
}
