//! Tests the guard with a strategy that can panic in every method.

use crate::error::{Error, ErrorCode, Result};
use crate::foreign::ForeignStrategy;
use crate::host::Host;
use crate::state::State;
use crate::strategy::{Batch, Declaration, Learned, Outline, Setting, Strategy, Task};
use crate::tensor::Tensor;
use crate::testkit::stream::Stream;
use crate::testkit::{SyntheticStream, ToyBackbone, json, linked};
use serde::Deserialize;

/// Panics in the method that its parameter names.
struct Panicking(String);

#[derive(Deserialize, crate::ParameterSet)]
#[serde(deny_unknown_fields)]
struct Where {
    /// The method that panics.
    #[parameter(required)]
    method: String,
}

impl Panicking {
    fn reach(&self, method: &str) {
        assert!(self.0 != method, "boom in {method}");
    }
}

impl Strategy for Panicking {
    type Parameters = Where;

    fn check(parameters: &Where, _: &Outline) -> Result<Declaration> {
        Panicking(parameters.method.clone()).reach("check");
        Err(Error::failed("not reached"))
    }

    fn create(parameters: Where, _: Setting) -> Result<Self> {
        let strategy = Panicking(parameters.method);
        strategy.reach("create");
        Ok(strategy)
    }

    fn learn(&mut self, _: &Task<'_>) -> Result<Learned> {
        self.reach("learn");
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        self.reach("predict");
        Tensor::from_vec(vec![0.0_f32; batch.len()], &[batch.len() as i64, 1])
    }

    fn state(&self) -> Result<State> {
        self.reach("state");
        Ok(State::default())
    }

    fn restore(&mut self, _: State) -> Result<()> {
        self.reach("restore");
        Ok(())
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        self.reach("drop");
    }
}

#[test]
fn the_guard_contains_a_panic_in_every_method() {
    let plugin = linked::strategy_plugin::<Panicking>();
    let stream = Stream::new(SyntheticStream::default(), vec![ToyBackbone::handle()]);
    let make = |method: &str| {
        let setting = Setting {
            seed: 1,
            tasks: 3,
            classes: 7,
            device: "cpu".into(),
            threads: 1,
            folder: ".".into(),
            backbones: Vec::new(),
            host: Host::silent(),
        };
        plugin.strategy(linked::NAME, &json!({ "method": method }), &setting)
    };
    let use_all = |strategy: &mut ForeignStrategy| -> Result<()> {
        let train = stream.train(0);
        let classes = &stream.seen(1)[..1];
        strategy.learn(1, classes, &train.labels(), &train.index(), &train)?;
        strategy.predict(5, classes, &train)?;
        let state = strategy.state()?;
        strategy.restore(state)
    };
    let expect = |method: &str, error: Error| {
        assert_eq!(error.code(), ErrorCode::PANIC, "{error}");
        let message = format!("the plugin panicked in `{method}`: boom in {method} at ");
        assert!(error.message().starts_with(&message), "{error}");
        assert!(error.message().contains("panics.rs:"), "{error}");
        assert!(
            error
                .backtrace()
                // The functions in it depend on inlining.
                .is_some_and(|trace| trace.contains("panic"))
        );
    };

    let outline = Outline {
        tasks: 3,
        classes: 7,
        device: "cpu".into(),
        folder: ".".into(),
        ..Outline::default()
    };
    let parameters = json!({ "method": "check" });
    expect(
        "check",
        plugin
            .check(linked::NAME, &parameters, &outline)
            .unwrap_err(),
    );
    expect("create", make("create").unwrap_err());
    for method in ["learn", "predict", "state", "restore"] {
        let mut strategy = make(method).unwrap();
        expect(method, use_all(&mut strategy).unwrap_err());
        // `state` takes `&self`, so it cannot leave anything half changed.
        if method != "state" {
            assert_eq!(
                strategy.state().unwrap_err().message(),
                "`state` cannot be called after an earlier call panicked"
            );
        }
        // Other strategies are not affected.
        use_all(&mut make("none").unwrap()).unwrap();
    }
    let message = crate::guard::swallowed(|| drop(make("drop").unwrap())).unwrap();
    assert!(message.starts_with("boom in drop at "), "{message}");
    assert_eq!(
        crate::guard::swallowed(|| drop(make("none").unwrap())),
        None
    );
}
