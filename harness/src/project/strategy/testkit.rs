//! Checks what clbench relies on: that a restored strategy predicts the same to the bit, that the
//! batch does not change a prediction, that wrong parameters are refused, and more.

use my_strategy::MyStrategy;

use harness_abi::testkit::{self, json};

#[test]
fn clbench_can_rely_on_it() {
    testkit::strategy::<MyStrategy>()
        .parameters(json!({ "shrinkage": 0.5 }))
        // One line for each way in which parameters can be wrong, with the key that is at fault.
        .bad_parameters(json!({ "shrinkage": -1 }), "shrinkage")
        // On synthetic data that is easy to tell apart.
        .expect_accuracy_above(0.9)
        // Sums do not depend on the task in which a sample arrives. Remove it for a method that
        // trains.
        .order_free(1e-5)
        .check();
}
