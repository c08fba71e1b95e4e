//! Runs the ABI testkit on this plugin.

use clbench_analytic::{FeCam, Klda, NearestClassMean, Rail, RanPac, Slda};
use clbench_torch::testkit::strategy;
use harness_abi::testkit::json;

/// A single test, because the testkit watches process-wide state that parallel tests would disturb.
#[test]
fn satisfies_the_testkit() {
    for parameters in [
        json!({}),
        json!({ "distance": "cosine", "output": "class-token" }),
    ] {
        strategy::<NearestClassMean>()
            .parameters(parameters)
            .bad_parameters(json!({ "distance": "manhattan" }), "distance")
            .bad_parameters(json!({ "output": "tokens" }), "output")
            .expect_accuracy_above(0.9)
            .check();
    }
    for parameters in [
        json!({ "projection_width": 200 }),
        json!({ "projection_width": 0, "ridge_rule": "published", "output": "class-token" }),
        json!({ "projection_width": 64, "lambda": 1.0 }),
    ] {
        strategy::<RanPac>()
            .parameters(parameters)
            .bad_parameters(json!({ "lambda": 0 }), "lambda")
            .bad_parameters(json!({ "projection_width": -1 }), "projection_width")
            .bad_parameters(json!({ "ridge_rule": "best" }), "ridge_rule")
            .bad_parameters(
                json!({ "ridge_rule": "published", "lambda": 1 }),
                "ridge_rule",
            )
            .expect_accuracy_above(0.9)
            .check();
    }
    for parameters in [
        json!({ "projection_width": 100, "output": "class-token" }),
        json!({ "form": "dual", "gamma": 0.5, "domain_templates": true }),
    ] {
        strategy::<Rail>()
            .parameters(parameters)
            .bad_parameters(json!({ "gamma": 0.5 }), "gamma")
            .bad_parameters(json!({ "templates": ["a photo"] }), "templates[0]")
            .bad_parameters(json!({ "templates": [] }), "templates")
            .bad_parameters(json!({ "fusion": 2 }), "fusion")
            .check();
    }
    for parameters in [
        json!({}),
        json!({ "covariance": "streaming", "output": "class-token" }),
    ] {
        strategy::<Slda>()
            .parameters(parameters)
            .bad_parameters(json!({ "shrinkage": 1.5 }), "shrinkage")
            .bad_parameters(json!({ "covariance": "full" }), "covariance")
            .expect_accuracy_above(0.9)
            .check();
    }
    strategy::<FeCam>()
        .bad_parameters(json!({ "gamma_1": -1 }), "gamma_1")
        .bad_parameters(json!({ "gamma_2": -1 }), "gamma_2")
        .expect_accuracy_above(0.9)
        .check();
    for parameters in [
        json!({ "fourier_features": 40, "sigma": 0.1 }),
        json!({ "fourier_features": 30, "sigma": 0.1, "members": 3 }),
    ] {
        strategy::<Klda>()
            .parameters(parameters)
            .bad_parameters(json!({ "sigma": 0 }), "sigma")
            .bad_parameters(json!({ "fourier_features": 0 }), "fourier_features")
            .bad_parameters(json!({ "members": 0 }), "members")
            .expect_accuracy_above(0.8)
            .check();
    }
}
