//! The ABI's testkit, which here also checks that a plugin leaves libtorch's process-wide state
//! alone: the gradient mode, the random number generator and the number of threads. For tests.
//!
//! Because that state is process-wide, a test binary must run its kits one after another, in one
//! test.

use harness_abi::Strategy;
use harness_abi::testkit::{self, StrategyKit};
use std::cell::Cell;
use tch::{Device, Kind, Tensor};

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

/// The kit for a strategy, with one thread.
///
/// # Panics
///
/// If the number of threads cannot be set.
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

/// The next number that libtorch's generator would draw; the only way to see whether it was used.
/// Calls come in pairs: the first seeds the generator, reports the next number and seeds it again;
/// the second draws.
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
