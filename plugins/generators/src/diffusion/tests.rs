use super::training::Tables;
use super::*;
use crate::toy::{self, Toy, values};
use clbench_torch::tch::{Device, Kind};
use harness_abi::Host;
use harness_abi::host::HostService;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A model small enough for a test.
fn small(epochs: u32) -> Diffusion {
    Diffusion {
        hidden: 32,
        layers: 1,
        epochs,
        batch_size: 1024,
        ..Diffusion::default()
    }
}

/// The tolerance allows for training noise; reverse steps that lose variance would be off by a
/// third or more.
#[test]
fn draws_have_the_distribution_of_the_classes() {
    Toy::new(&[(3, 600), (8, 1000)]).check_moments(&small(500), 0.2);
}

/// Half of the samples lie around −4, half around +4 in the first dimension.
#[test]
fn both_modes_of_a_class_are_learned() {
    let classes = Toy::new(&[(0, 400)]).classes;
    let first = classes[0].features.narrow(1, 0, 1);
    let _ = first.narrow(0, 0, 200).g_sub_scalar_(4.0);
    let _ = first.narrow(0, 200, 200).g_add_scalar_(4.0);
    let diffusion = Diffusion {
        lr: 1e-2,
        ..small(500)
    };
    let fitted = toy::fit(&diffusion, &classes).fitted;
    let draws = toy::draw(&diffusion, &fitted, &[0], 2000);
    let draws = draws.get(0).select(1, 0);
    for (mode, there) in [("left", draws.lt(-2.0)), ("right", draws.gt(2.0))] {
        let share = there.to_kind(Kind::Double).mean(Kind::Double);
        let share = share.double_value(&[]);
        assert!((share - 0.5).abs() < 0.1, "{mode}: {share}");
    }
}

#[test]
fn a_class_is_fitted_independently_of_the_others() {
    let all = Toy::new(&[(2, 9), (7, 21), (4, 1), (5, 16)]);
    let diffusion = Diffusion {
        batch_size: 8,
        ..small(5)
    };
    let together = toy::fit(&diffusion, &all.classes);
    // 2, 3, 1 and 2 batches.
    assert_eq!(together.optimiser_steps, 5 * 8);
    for (position, class) in all.classes.into_iter().enumerate() {
        let alone = toy::fit(&diffusion, &[class]).fitted;
        for (name, alone) in &alone.tensors {
            let together = together.fitted.tensor(name).unwrap().get(position as i64);
            let off = (alone.get(0) - together).abs().max().double_value(&[]);
            assert!(off < 1e-4, "{name} of {position}: off by {off}");
        }
    }
}

/// One sample with known noise and time, through a network with known output.
#[test]
fn the_loss_matches_the_formula() {
    let diffusion = Diffusion {
        steps: 3,
        hidden: 6,
        layers: 1,
        ..Diffusion::default()
    };
    let tables = Tables::new(&diffusion, Device::Cpu).unwrap();
    let mut noise = Noise::new(1, "test", 1, &[0], Device::Cpu).unwrap();
    let shape = diffusion.shape(2);
    let denoiser = Denoiser::new(&shape, Kind::Float, &mut noise).unwrap();
    let samples = Tensor::from_slice(&[1.0_f32, -2.0]).view((1, 1, 2));
    let epsilon = Tensor::from_slice(&[0.5_f32, 2.0]).view((1, 1, 2));
    let times = Tensor::from_slice(&[1_i64]).view((1, 1));
    let losses = tables.losses(&denoiser, &samples, &times, &epsilon);
    let loss = values(&losses.unwrap())[0];
    // t = 2 of 3: x_t = x₀ / 2 + √¾ ε, weight 1.
    let root = 0.75_f32.sqrt();
    let noisy = Tensor::from_slice(&[0.5 + root * 0.5, -1.0 + root * 2.0]).view((1, 1, 2));
    let time = denoiser
        .embedded(&tables.sinusoids)
        .unwrap()
        .narrow(1, 1, 1);
    let out = values(&denoiser.denoised(&noisy, &time).unwrap());
    let by_hand = ((out[0] - 1.0).powi(2) + (out[1] + 2.0).powi(2)) / 2.0;
    assert!((loss - by_hand).abs() < 1e-5, "{loss}, not {by_hand}");
}

#[test]
fn times_are_encoded_as_sines_and_cosines() {
    // Width 5: sines with frequencies 1, 4^(−1/2) and 4^(−1), cosines with the first two.
    let sinusoids = values(&sinusoids(4, 5, Device::Cpu).unwrap().get(2));
    let by_hand = [
        3_f32.sin(),
        1.5_f32.sin(),
        0.75_f32.sin(),
        3_f32.cos(),
        1.5_f32.cos(),
    ];
    for (ours, by_hand) in sinusoids.iter().zip(by_hand) {
        assert!((ours - by_hand).abs() < 1e-6, "{sinusoids:?}");
    }
}

#[test]
fn degenerate_classes_are_reproduced_exactly() {
    toy::check_degenerate(&small(3));
    // The smallest possible model.
    toy::check_degenerate(&Diffusion {
        hidden: 1,
        layers: 1,
        steps: 1,
        epochs: 1,
        batch_size: 1,
        ..Diffusion::default()
    });
}

#[test]
fn restored_generators_give_the_same_draws() {
    toy::check_round_trip(&small(2));
}

#[test]
fn half_precision_is_close() {
    let classes = Toy::new(&[(3, 20)]).classes;
    let host = Host::silent();
    let fit = |kind| {
        let fitting = Fitting {
            kind,
            ..toy::fitting(&host)
        };
        let fitted = small(5).fit(&classes, &fitting).unwrap().fitted;
        assert_eq!(fitted.tensor("out.weight").unwrap().kind(), Kind::Float);
        toy::draw(&small(5), &fitted, &[3], 50)
    };
    let (single, half) = (fit(Kind::Float), fit(Kind::BFloat16));
    assert_ne!(single, half);
    let off = ((&single - half) / single.std(true))
        .abs()
        .max()
        .double_value(&[]);
    assert!(off < 0.1, "{off}");
}

#[test]
fn divergence_is_an_error_that_names_the_class() {
    let classes = Toy::new(&[(3, 9), (6, 12)]).classes;
    let host = Host::silent();
    let diffusion = Diffusion {
        lr: 1e30,
        ..small(20)
    };
    let error = diffusion.fit(&classes, &toy::fitting(&host)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "fitting diffusion models, epoch 10 of 20: training diverged: the loss of class 6 is not \
         finite; lower `diffusion.lr` (now 1000000000000000000000000000000)"
    );
}

#[test]
fn epochs_are_reported_and_the_host_can_cancel() {
    #[derive(Default)]
    struct Ends(AtomicU64);
    impl HostService for Ends {
        fn progress(&self, phase: &str, done: u64, total: u64) {
            assert_eq!((phase, total), ("diffusion epoch", 30));
            self.0.store(done, Ordering::Relaxed);
        }
        fn cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) == 20
        }
    }
    let ends = Arc::new(Ends::default());
    let host = Host::serving(ends.clone());
    let classes = Toy::new(&[(3, 9)]).classes;
    let error = small(30).fit(&classes, &toy::fitting(&host)).unwrap_err();
    assert_eq!(error, Error::cancelled());
    assert_eq!(ends.0.load(Ordering::Relaxed), 20);
}
