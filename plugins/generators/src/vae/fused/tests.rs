//! Compares the fused step with libtorch's automatic differentiation.

use super::super::recorded::Recorded;
use super::super::reference_tests::close;
use super::*;
use clbench_torch::tch::Device;

/// Several steps of classes of different sizes: full batches, shorter ones, padded ones, and steps
/// that only the first classes take. The rows are no multiple of a register's lanes.
#[test]
fn steps_equal_those_of_automatic_differentiation() {
    clbench_torch::bridge::threads::set(1).unwrap();
    let sizes = Sizes {
        classes: 3,
        width: 20,
        hidden: 33,
        latent: 5,
    };
    let options = (Kind::Float, Device::Cpu);
    let plan = Plan::new(&[50, 21, 19], 20, 2, options).unwrap();
    let mut generator = clbench_torch::Generator::new(1, "fused", 0);
    let mut normal = |shape: &[i64]| generator.normal_tensor(shape, 1.0, Device::Cpu).unwrap();
    for posterior in [Posterior::StandardDeviation, Posterior::Exponential] {
        let parameters = || {
            let mut uniform =
                clbench_torch::Noise::new(2, "init", 1, &[4, 5, 6], Device::Cpu).unwrap();
            Parameters::init(sizes, Kind::Float, |shape| uniform.uniform(shape)).unwrap()
        };
        let (one, other) = (parameters(), parameters());
        let mut fused = Fused::new(&one, sizes, &plan, Kind::Float, posterior).unwrap();
        let mut recorded = Recorded::new(&other, sizes, &plan, Kind::Float, posterior).unwrap();
        for epoch in 0..4 {
            for step in &plan.steps {
                let samples = normal(&[step.active, step.rows, sizes.width]);
                let epsilon = normal(&[step.active, sizes.latent, step.rows]);
                let weights = step.weights.as_ref();
                let [ours, theirs] = [&mut fused as &mut dyn Networks, &mut recorded]
                    .map(|networks| networks.step(&samples, weights, &epsilon, 1e-3).unwrap());
                close(
                    &format!("{posterior:?}, epoch {epoch}, losses"),
                    &ours,
                    &theirs,
                    2e-5,
                );
            }
            for (at, (ours, theirs)) in fused.matrices.iter().zip(&other.matrices).enumerate() {
                let what = format!("{posterior:?}, epoch {epoch}, matrix {at}");
                close(&what, &ours.tensor().unwrap(), theirs, 2e-5);
            }
            let vectors = fused.vectors.iter().map(|vector| vector.tensor().unwrap());
            let vectors = Tensor::cat(&vectors.collect::<Vec<_>>(), 1);
            close(
                &format!("{posterior:?}, epoch {epoch}, vectors"),
                &vectors,
                &other.vectors,
                2e-5,
            );
        }
    }
}
