//! The testkit watches the working directory and the environment. This test has its own process,
//! because both belong to the process.

#![cfg(feature = "testkit")]

use harness_abi::testkit::{self, Check};
use harness_abi::{
    Batch, Declaration, Learned, NoParameters, Outline, Result, Setting, State, Strategy, Task,
    Tensor,
};

/// Learns nothing, and changes global state.
struct Littering;

impl Strategy for Littering {
    type Parameters = NoParameters;

    fn check(_: &NoParameters, _: &Outline) -> Result<Declaration> {
        Ok(Declaration {
            keeps: Vec::new(),
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: 0,
            ..Declaration::default()
        })
    }

    fn create(_: NoParameters, _: Setting) -> Result<Self> {
        std::env::set_current_dir("/").expect("the root directory exists");
        Ok(Littering)
    }

    fn learn(&mut self, _: &Task<'_>) -> Result<Learned> {
        // SAFETY: this test is alone in its process, and one thread reads the environment.
        unsafe { std::env::set_var("TESTKIT_LITTER", "1") };
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        let shape = [batch.len() as i64, batch.classes().len() as i64];
        Tensor::from_vec(vec![0.0_f32; batch.len() * batch.classes().len()], &shape)
    }

    fn state(&self) -> Result<State> {
        Ok(State::default())
    }

    fn restore(&mut self, _: State) -> Result<()> {
        Ok(())
    }
}

#[test]
fn the_working_directory_and_the_environment_are_watched() {
    let report = testkit::strategy::<Littering>().report();
    let [directory, environment] = &report.failures[..] else {
        panic!("{report}");
    };
    assert_eq!(directory.check, Check::GlobalState);
    assert!(
        directory
            .message
            .starts_with("`create` changed the working directory from Some("),
        "{report}"
    );
    assert!(
        environment
            .message
            .starts_with("`learn` changed the environment: `TESTKIT_LITTER`"),
        "{report}"
    );
}
