//! What a host relies on, checked by the testkit of the plugin boundary.

use clbench_text_prompts::{CoOp, ZeroShot};
use clbench_torch::tch::{self, Device, Kind, Tensor};
use harness_abi::Strategy;
use harness_abi::testkit::{self, StrategyKit, SyntheticStream, json};
use std::cell::Cell;

/// The kit, watching what every plugin on one libtorch shares.
fn kit<S: Strategy>() -> StrategyKit<S> {
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
    testkit::strategy::<S>()
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
    kit::<ZeroShot>()
        .bad_parameters(json!({ "templates": [] }), "templates")
        .bad_parameters(
            json!({ "templates": ["{}", "a {} or a {}"] }),
            "templates[1]",
        )
        .bad_parameters(json!({ "templates": "a {}" }), "templates")
        .check();
    kit::<ZeroShot>()
        .parameters(json!({ "templates": ["{}"] }))
        .check();

    for parameters in [
        json!({ "epochs": 3 }),
        json!({ "epochs": 2, "context": "end", "context_tokens": 3, "train_on": "seen", "batch_size": 7 }),
        json!({ "epochs": 2, "context": "middle", "context_tokens": 5, "per_class": true }),
    ] {
        kit::<CoOp>()
            .parameters(parameters)
            .bad_parameters(json!({ "context": "start" }), "context")
            .bad_parameters(json!({ "context_tokens": 0 }), "context_tokens")
            .bad_parameters(json!({ "context_tokens": 22 }), "context_tokens")
            .bad_parameters(json!({ "warmup_epochs": 50 }), "warmup_epochs")
            .bad_parameters(json!({ "lr": 0 }), "lr")
            .bad_parameters(json!({ "momentum": 1 }), "momentum")
            .check();
    }

    let joint = SyntheticStream {
        classes_per_task: vec![7],
        ..SyntheticStream::default()
    };
    // Tokens at the end are what the toy's recurrence remembers best.
    kit::<CoOp>()
        .parameters(json!({ "epochs": 150, "lr": 0.05, "per_class": true, "context_tokens": 2, "context": "end" }))
        .stream(joint)
        .expect_accuracy_above(0.9)
        .check();
}
