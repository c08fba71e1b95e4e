//! The boundary's testkit, watching what every plugin on one libtorch shares: the gradient mode, libtorch's generator and the
//! number of threads. For tests; behind the feature `testkit`.
//!
//! What is watched belongs to the process, so a test binary runs such kits one after another, in one test.

use harness_abi::Strategy;
use harness_abi::testkit::{self, StrategyKit};
use std::cell::Cell;
use tch::{Device, Kind, Tensor};

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

/// The kit for a strategy, on one thread.
///
/// # Panics
///
/// If libtorch does not take the number of threads.
pub fn strategy<S: Strategy>() -> StrategyKit<S> {
    crate::bridge::threads::set(1).expect("one thread");
    testkit::strategy::<S>()
        .global_state("the gradient mode", gradient_mode)
        .global_state("libtorch's generator", next_number())
        .global_state("the number of threads", tch::get_num_threads)
}

/// Whether operations are recorded.
pub fn gradient_mode() -> bool {
    let leaf = Tensor::ones([1], OPTIONS).set_requires_grad(true);
    (leaf * 2.0).requires_grad()
}

/// Whether libtorch's generator was used shows in its next number only. So every first of two readings seeds it and says
/// which number comes next, and the second draws.
fn next_number() -> impl Fn() -> u64 {
    let first = Cell::new(false);
    move || {
        first.set(!first.get());
        if first.get() {
            tch::manual_seed(5);
        }
        let number = Tensor::rand([1], OPTIONS).double_value(&[0]);
        if first.get() {
            tch::manual_seed(5);
        }
        number.to_bits()
    }
}
