//! Tests of the scenario as a whole: what a file means, and the messages about mistakes.

mod argument_mistakes;
mod draws;
mod extends;
mod file_mistakes;
mod limits;
mod meaning;
mod newcomers_mistakes;
mod strategy_mistakes;
mod value_mistakes;
mod yaml_mistakes;

use super::{Scenario, ScenarioError, SetOverride};
use crate::domain::Source;
use crate::suggest::list;
use expect_test::Expect;
use std::path::Path;

/// A small scenario without mistakes, which tests change in one place.
const GOOD: &str = "\
seeds: [1992, 1996]
stream: {tasks: 5}
backbones:
  pixels: {}
domains:
  digits: {source: digits}
strategies:
  linear:
    parameters: {lr: 0.1, epochs: 5}
  nearest-class-mean: {}
";

/// The good scenario with one piece of its text replaced.
fn changed(from: &str, to: &str) -> String {
    assert!(
        GOOD.contains(from),
        "the test changes `{from}`, which the scenario does not contain"
    );
    GOOD.replacen(from, to, 1)
}

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    parse_with(text, &[])
}

fn parse_with(text: &str, sets: &[&str]) -> Result<Scenario, ScenarioError> {
    let sets: Vec<SetOverride> = sets.iter().map(|set| set.parse().unwrap()).collect();
    Scenario::parse(text, Path::new("scenarios/test.yaml"), &sets)
}

/// The text gives this message.
fn says(text: &str, message: Expect) {
    let error = parse(text).expect_err("the scenario has a mistake");
    message.assert_eq(&shown(error));
}

/// The good scenario with one piece replaced gives this message.
fn change(from: &str, to: &str, message: Expect) {
    says(&changed(from, to), message);
}

/// An error as a terminal shows it, with `SOURCES` for the list of all sources.
fn shown(error: impl std::error::Error) -> String {
    let sources = list(Source::NAMES.iter().copied());
    format!("{error}\n").replace(&sources, "SOURCES")
}
