//! What a scenario sets of a memory, and what follows from it.

use harness_abi::parameters::require;
use harness_abi::{Choice, Error, Keeps, Outline, ParameterSet, Result};
use serde::Deserialize;

/// How many samples are kept, and which.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// K, the number of exemplars in total. Except with `reservoir`, each of the n classes seen so
    /// far has ⌊K/n⌋ of them. Not set: the strategy's default, unless `per_class` is set.
    pub size: Option<u32>,
    /// The number of exemplars of each class, instead of `size`.
    #[parameter(at_least = 1)]
    pub per_class: Option<u32>,
    /// Which samples are kept. Not set: the strategy's default, but `random` in place of `reservoir`
    /// if `per_class` is set.
    pub selection: Option<Selection>,
}

/// Which samples of a task are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// iCaRL's: one after another, the sample that brings the mean of the picks nearest to the mean
    /// of the class, on features of unit length.
    Herding,
    /// The same number for every class, drawn at random.
    Random,
    /// A uniform sample of all samples seen so far, whatever their class (Vitter, 1985).
    Reservoir,
}

/// What is kept of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// Its feature.
    Features,
    /// Its image, as the backbone takes it, without augmentation.
    Images,
}

impl Contents {
    /// What a strategy declares that it keeps.
    pub fn keeps(self) -> Keeps {
        match self {
            Contents::Features => Keeps::Features,
            Contents::Images => Keeps::Images,
        }
    }
}

/// How many samples are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// K, in total.
    Total(u32),
    /// For each class.
    PerClass(u32),
}

impl Budget {
    /// The most exemplars that one of `classes` classes can have.
    pub fn of_class(self, classes: usize) -> usize {
        match self {
            Budget::Total(size) => size as usize / classes.max(1),
            Budget::PerClass(size) => size as usize,
        }
    }
}

/// The settings in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many samples are kept.
    pub budget: Budget,
    /// Which samples are kept.
    pub selection: Selection,
}

impl Parameters {
    /// The settings: a strategy's own, with these changes.
    pub fn over(&self, default: Settings) -> Settings {
        let budget = match (self.size, self.per_class) {
            (_, Some(size)) => Budget::PerClass(size),
            (Some(size), None) => Budget::Total(size),
            (None, None) => default.budget,
        };
        let selection = match (budget, default.selection) {
            (Budget::PerClass(_), Selection::Reservoir) => Selection::Random,
            (_, selection) => selection,
        };
        Settings {
            budget,
            selection: self.selection.unwrap_or(selection),
        }
    }

    /// Checks what ranges cannot, for a stream of `classes` classes. `path` is the key under which
    /// the strategy has these parameters, `default` what it passes to [`over`](Self::over).
    ///
    /// # Errors
    ///
    /// With the key that does not fit the others or the stream.
    pub fn check(&self, path: &str, default: Settings, classes: u32) -> Result<()> {
        let wrong = |key: &str, why: &str| Err(Error::parameter(format!("{path}.{key}"), why));
        if self.size.is_some() && self.per_class.is_some() {
            return wrong(
                "per_class",
                "cannot be set together with `size`; remove one of them",
            );
        }
        let settings = self.over(default);
        match (settings.selection, settings.budget) {
            (Selection::Reservoir, Budget::PerClass(_)) => wrong(
                "selection",
                "`reservoir` has no number per class; set `size` instead of `per_class`, or `selection: random`",
            ),
            (Selection::Herding | Selection::Random, Budget::Total(size)) => require(
                &format!("{path}.size"),
                size == 0 || size >= classes,
                &format!("at least the number of classes of the stream ({classes})"),
                size,
            ),
            _ => Ok(()),
        }
    }
}

impl Settings {
    /// The most exemplars that there can be in a stream.
    pub fn exemplars(&self, outline: &Outline) -> u64 {
        let most = match self.budget {
            Budget::Total(size) => u64::from(size),
            Budget::PerClass(size) => u64::from(size) * u64::from(outline.classes),
        };
        match outline.samples {
            0 => most,
            samples => most.min(samples),
        }
    }

    /// The memory in bytes that exemplars of `row_bytes` each take at their peak: the ones in use,
    /// those that replace them, and, afterwards, their copies in the state and its bytes.
    pub fn bytes(&self, outline: &Outline, row_bytes: u64) -> u64 {
        self.exemplars(outline) * 3 * (row_bytes + size_of::<i64>() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Settings = Settings {
        budget: Budget::Total(2000),
        selection: Selection::Herding,
    };

    fn parsed(json: &str) -> Parameters {
        harness_abi::parameters::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_set_replaces_the_strategys_default() {
        let settings = |json| parsed(json).over(DEFAULT);
        assert_eq!(settings("{}"), DEFAULT);
        assert_eq!(
            settings(r#"{"per_class": 20, "selection": "random"}"#),
            Settings {
                budget: Budget::PerClass(20),
                selection: Selection::Random
            }
        );
        let reservoir = Settings {
            selection: Selection::Reservoir,
            ..DEFAULT
        };
        let per_class = parsed(r#"{"per_class": 20}"#).over(reservoir);
        assert_eq!(per_class.selection, Selection::Random);
        assert_eq!(
            parsed(r#"{"size": 20}"#).over(reservoir).selection,
            Selection::Reservoir
        );
        assert_eq!(settings(r#"{"size": 50}"#).budget.of_class(7), 7);
        assert_eq!(settings(r#"{"per_class": 20}"#).budget.of_class(7), 20);
    }

    #[test]
    fn settings_that_do_not_fit_each_other_or_the_stream_are_reported() {
        let message = |json| {
            let checked = parsed(json).check("memory", DEFAULT, 100);
            checked.unwrap_err().to_string()
        };
        assert_eq!(
            message(r#"{"size": 500, "per_class": 20}"#),
            "parameter `memory.per_class`: cannot be set together with `size`; remove one of them"
        );
        assert_eq!(
            message(r#"{"size": 99}"#),
            "parameter `memory.size`: must be at least the number of classes of the stream (100), got 99"
        );
        assert_eq!(
            message(r#"{"per_class": 20, "selection": "reservoir"}"#),
            "parameter `memory.selection`: `reservoir` has no number per class; set `size` instead of `per_class`, or \
             `selection: random`"
        );
        for good in [
            r#"{"size": 100}"#,
            r#"{"size": 0}"#,
            r#"{"size": 99, "selection": "reservoir"}"#,
        ] {
            parsed(good).check("memory", DEFAULT, 100).unwrap();
        }
    }

    #[test]
    fn there_are_never_more_exemplars_than_samples() {
        let outline = |samples| Outline {
            classes: 10,
            samples,
            ..Outline::default()
        };
        assert_eq!(DEFAULT.exemplars(&outline(1250)), 1250);
        assert_eq!(DEFAULT.exemplars(&outline(5000)), 2000);
        assert_eq!(DEFAULT.exemplars(&outline(0)), 2000);
        let per_class = parsed(r#"{"per_class": 20}"#).over(DEFAULT);
        assert_eq!(per_class.exemplars(&outline(5000)), 200);
        assert_eq!(per_class.bytes(&outline(5000), 256), 200 * 3 * 264);
    }
}
