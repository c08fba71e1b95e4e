//! What a host relies on, checked by the testkit of the plugin boundary.

use clbench_heads::LinearHead;
use clbench_torch::tch::{self, Device, Kind, Tensor};
use harness_abi::testkit::{self, StrategyKit, SyntheticStream, json};
use std::cell::Cell;

/// The kit, watching what every plugin on one libtorch shares.
fn kit() -> StrategyKit<LinearHead> {
    clbench_torch::threads::set(1).unwrap();
    let options = (Kind::Float, Device::Cpu);
    // Whether libtorch's generator was used shows in its next number only. So every first of two readings seeds it and
    // says which number comes next, and the second draws.
    let first = Cell::new(false);
    let next_number = move || {
        first.set(!first.get());
        if first.get() {
            tch::manual_seed(5);
        }
        let number = Tensor::rand([1], options).double_value(&[0]);
        if first.get() {
            tch::manual_seed(5);
        }
        number.to_bits()
    };
    testkit::strategy::<LinearHead>()
        .global_state("the gradient mode", move || {
            let leaf = Tensor::ones([1], options).set_requires_grad(true);
            (leaf * 2.0).requires_grad()
        })
        .global_state("libtorch's generator", next_number)
        .global_state("the number of threads", tch::get_num_threads)
}

/// One test, since what it watches belongs to the process: another one beside it would be seen.
#[test]
fn keeps_what_a_host_relies_on() {
    for parameters in [
        json!({ "epochs": 3 }),
        json!({ "epochs": 3, "train_on": "task", "optimiser": "adam", "normalise": "unit", "batch_size": 7 }),
    ] {
        kit()
            .parameters(parameters)
            .bad_parameters(json!({ "epochs": 0 }), "epochs")
            .bad_parameters(json!({ "lr": -0.1 }), "lr")
            .bad_parameters(json!({ "momentum": 1 }), "momentum")
            .bad_parameters(json!({ "optimiser": "lbfgs" }), "optimiser")
            .check();
    }

    let joint = SyntheticStream {
        classes_per_task: vec![7],
        ..SyntheticStream::default()
    };
    kit()
        .parameters(json!({ "epochs": 30, "lr": 0.1 }))
        .stream(joint)
        .expect_accuracy_above(0.95)
        .check();
}
