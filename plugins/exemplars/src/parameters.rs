//! The parameters of `nearest-mean-of-exemplars`.

use clbench_torch::exemplars::{self, Budget, Selection, Settings};
use clbench_torch::features::Output;
use harness_abi::{Choice, Error, ParameterSet, Result};
use serde::Deserialize;

/// The parameters: a published budget, and changes to it.
///
/// ```yaml
/// use: nearest-mean-of-exemplars
/// parameters:
///   memory: { per_class: 5 }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The published budget to start from.
    pub preset: Preset,
    /// Changes to it. `selection` is `herding` if it is not set; `reservoir` is not possible.
    pub memory: exemplars::Parameters,
    /// The output of the backbone that is kept and compared.
    #[parameter(default = Output::Embedding)]
    pub output: Output,
}

/// Published budgets, as LAMDA-CL/LAMDA-PILOT has them for iCaRL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// 2,000 exemplars in total, as in the paper: `exps/icarl.json`.
    ///
    /// `{ memory: { size: 2000, selection: herding } }`
    #[default]
    #[serde(rename = "cifar-100")]
    Cifar100,
    /// 20 exemplars of each class: `exps/icarl_inr.json`.
    ///
    /// `{ memory: { per_class: 20, selection: herding } }`
    ImagenetR,
}

impl Preset {
    fn settings(self) -> Settings {
        Settings {
            budget: match self {
                Preset::Cifar100 => Budget::Total(2000),
                Preset::ImagenetR => Budget::PerClass(20),
            },
            selection: Selection::Herding,
        }
    }
}

impl Parameters {
    /// The memory's settings: the preset with the changes.
    pub fn settings(&self) -> Settings {
        self.memory.over(self.preset.settings())
    }

    /// Checks what ranges cannot: parameters that do not fit each other or the stream.
    ///
    /// # Errors
    ///
    /// With the key that does not fit.
    pub fn check(&self, classes: u32) -> Result<()> {
        let settings = self.settings();
        if settings.selection == Selection::Reservoir {
            return Err(Error::parameter(
                "memory.selection",
                "`reservoir` can leave a class without exemplars, and so without a mean; use `herding` or `random`",
            ));
        }
        self.memory
            .check("memory", self.preset.settings(), classes)?;
        if settings.budget == Budget::Total(0) {
            return Err(Error::parameter(
                "memory.size",
                "must be above 0: without exemplars there are no means",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Parameters {
        harness_abi::parameters::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn presets_are_as_published_and_can_be_changed() {
        let budget = |json| parsed(json).settings().budget;
        assert_eq!(budget("{}"), Budget::Total(2000));
        assert_eq!(budget(r#"{"preset": "imagenet-r"}"#), Budget::PerClass(20));
        let changed = r#"{"preset": "imagenet-r", "memory": {"size": 500}}"#;
        assert_eq!(budget(changed), Budget::Total(500));
        let settings = parsed(r#"{"memory": {"selection": "random"}}"#).settings();
        assert_eq!(settings.selection, Selection::Random);
    }

    #[test]
    fn a_memory_without_means_is_an_error() {
        for (json, expected) in [
            (
                r#"{"memory": {"selection": "reservoir"}}"#,
                "parameter `memory.selection`: `reservoir` can leave a class without exemplars, and so without a mean; \
                 use `herding` or `random`",
            ),
            (
                r#"{"memory": {"size": 0}}"#,
                "parameter `memory.size`: must be above 0: without exemplars there are no means",
            ),
            (
                r#"{"memory": {"size": 10}}"#,
                "parameter `memory.size`: must be at least the number of classes of the stream (11), got 10",
            ),
        ] {
            assert_eq!(parsed(json).check(11).unwrap_err().to_string(), expected);
        }
        parsed("{}").check(11).unwrap();
    }
}
