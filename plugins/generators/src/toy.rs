//! Small classes for testing generators, and checks that every generator must pass.

use crate::{ClassFeatures, Fit, Fitted, Fitting, Generator};
use clbench_torch::Noise;
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::{Host, State};

/// The width of an embedding.
const WIDTH: i64 = 4;

/// Well-separated classes of Gaussian features.
pub(crate) struct Toy {
    pub(crate) classes: Vec<ClassFeatures>,
}

impl Toy {
    /// Creates classes, given as pairs of id and number of samples.
    pub(crate) fn new(classes: &[(u32, i64)]) -> Toy {
        let classes = classes.iter().map(|&(class, samples)| {
            let mut generator = clbench_torch::Generator::new(5, "toy", class);
            let std = Tensor::from_slice(&[0.5_f32, 2.0, 0.1, 1.0]);
            let mean = Tensor::from_slice(&[1.0_f32, -2.0, 0.0, 3.0]) * f64::from(class);
            let normal = generator.normal_tensor(&[samples, WIDTH], 1.0, Device::Cpu);
            ClassFeatures {
                class,
                features: normal.unwrap() * std + mean,
            }
        });
        Toy {
            classes: classes.collect(),
        }
    }

    /// Compares mean and standard deviation of 4000 draws of each class with those of its samples,
    /// with a tolerance of `tolerance` standard deviations.
    pub(crate) fn check_moments(&self, generator: &dyn Generator, tolerance: f64) {
        let fit = fit(generator, &self.classes);
        let draws = draw(generator, &fit.fitted, &self.numbers(), 4000);
        assert_eq!(draws.size(), [self.classes.len() as i64, 4000, WIDTH]);
        for (position, class) in self.classes.iter().enumerate() {
            let moments = |samples: &Tensor| samples.std_mean_dim([0].as_slice(), true, false);
            let (std, mean) = moments(&class.features);
            let (drawn_std, drawn_mean) = moments(&draws.get(position as i64));
            for (what, drawn, expected) in [("mean", drawn_mean, &mean), ("std", drawn_std, &std)] {
                let off = ((&drawn - expected) / &std).abs().max().double_value(&[]);
                assert!(
                    off < tolerance,
                    "{what} of class {}: {:?}, but {:?} for its samples",
                    class.class,
                    values(&drawn),
                    values(expected)
                );
            }
        }
    }

    fn numbers(&self) -> Vec<u32> {
        self.classes.iter().map(|class| class.class).collect()
    }
}

/// The tests' settings for a fit: on the CPU, in f32.
pub(crate) fn fitting(host: &Host) -> Fitting<'_> {
    Fitting {
        seed: 1,
        task: 2,
        device: Device::Cpu,
        kind: Kind::Float,
        host,
    }
}

pub(crate) fn fit(generator: &dyn Generator, classes: &[ClassFeatures]) -> Fit {
    // The tensors are small and tests run in parallel, so more threads would not help.
    clbench_torch::bridge::threads::set(1).unwrap();
    generator.fit(classes, &fitting(&Host::silent())).unwrap()
}

pub(crate) fn draw(
    generator: &dyn Generator,
    fitted: &Fitted,
    classes: &[u32],
    count: i64,
) -> Tensor {
    let mut noise = Noise::new(1, "draw", 2, classes, Device::Cpu).unwrap();
    let draws = generator.draw(fitted, count, &mut noise).unwrap();
    assert_eq!(draws.kind(), Kind::Float);
    assert!(clbench_torch::training::all_finite(&draws).unwrap());
    draws
}

pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.reshape([-1])).unwrap()
}

/// Checks that a class of one sample, one of equal samples and one with a constant dimension are
/// reproduced exactly.
pub(crate) fn check_degenerate(generator: &dyn Generator) {
    let one = Tensor::from_slice(&[0.1_f32, -7.3, 0.0, 12.7]).view((1, WIDTH));
    let equal = (&one * 0.37).repeat([5, 1]);
    let constant = Toy::new(&[(6, 30)]).classes.remove(0);
    let _ = constant.features.narrow(1, 2, 1).fill_(0.3);
    let classes = [
        ClassFeatures {
            class: 0,
            features: one.copy(),
        },
        constant,
        ClassFeatures {
            class: 9,
            features: equal.copy(),
        },
    ];
    let fit = fit(generator, &classes);
    let draws = draw(generator, &fit.fitted, &[0, 6, 9], 7);
    assert_eq!(values(&draws.get(0)), values(&one.repeat([7, 1])));
    assert_eq!(
        values(&draws.get(2)),
        values(&equal.narrow(0, 0, 1).repeat([7, 1]))
    );
    assert_eq!(values(&draws.get(1).select(1, 2)), [0.3; 7]);
}

/// Checks that generators restored from a state have the same bits and give the same draws.
pub(crate) fn check_round_trip(generator: &dyn Generator) {
    let mut fitted = fit(generator, &Toy::new(&[(2, 12)]).classes).fitted;
    let more = fit(generator, &Toy::new(&[(3, 9), (4, 7)]).classes).fitted;
    fitted.extend(more).unwrap();
    let mut state = State::default();
    fitted.put(&mut state).unwrap();
    let bytes = state.to_bytes().unwrap();
    let restored = Fitted::take(&mut state, 3, Device::Cpu).unwrap();
    assert!(state.tensors.is_empty());
    restored.put(&mut state).unwrap();
    assert_eq!(state.to_bytes().unwrap(), bytes);
    let draws = |fitted| draw(generator, fitted, &[2, 3, 4], 5);
    assert_eq!(draws(&fitted), draws(&restored));
}
