//! Few-shot splits: a seeded draw of a few training samples of each class.
//!
//! Published few-shot splits are seeds, not lists, so the draw is that of the published code, bit
//! for bit ([`Draw`]). It runs over the train split in its own order, so the order of a split list
//! is kept until here. Each domain is drawn with a fresh generator, as if it were the only one.
//!
//! CoOp draws a validation set right after the shots, with the same generator: four samples of each
//! class (or as many as there are shots, if fewer) from the validation part of its list. That set
//! is what a validation run tests on. Without such a list, as many samples are drawn from what the
//! shots leave of the train split: a method that learns from 16 images should not be tuned on a
//! thousand.

mod draw;

use super::sample::Sample;
use crate::id::Label;
pub use draw::Draw;
use draw::Drawing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::num::NonZeroU32;

/// The most samples of a class that validation takes.
const MOST_VALIDATION: u32 = 4;

/// How many training samples of each class are used, and how they are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Shots {
    /// Training samples per class.
    pub per_class: NonZeroU32,
    /// Whose draw it is, with its seed.
    pub draw: Draw,
}

impl Shots {
    /// The training samples out of `train`, and the validation samples out of `val`, or if that is
    /// empty, out of the rest of `train`.
    pub(crate) fn draw(&self, train: Vec<Sample>, val: Vec<Sample>) -> (Vec<Sample>, Vec<Sample>) {
        let mut drawing = Drawing::new(self.draw);
        let drawn = drawing.shots(&labels(&train), self.per_class);
        let val = if val.is_empty() {
            let drawn: HashSet<usize> = drawn.iter().copied().collect();
            let rest = (train.iter().enumerate()).filter(|(at, _)| !drawn.contains(at));
            rest.map(|(_, sample)| sample.clone()).collect()
        } else {
            val
        };
        let few = self
            .per_class
            .min(const { NonZeroU32::new(MOST_VALIDATION).unwrap() });
        let val_drawn = drawing.distinct(&labels(&val), few);
        (pick(&train, &drawn), pick(&val, &val_drawn))
    }
}

fn labels(samples: &[Sample]) -> Vec<Label> {
    samples.iter().map(|sample| sample.label).collect()
}

/// The samples at these places. One that is picked again gets a name of its own, `name#2`.
fn pick(samples: &[Sample], places: &[usize]) -> Vec<Sample> {
    let mut names: HashSet<String> = samples.iter().map(|s| s.name.clone()).collect();
    let mut picked = HashSet::new();
    let sample = |&place: &usize| {
        let mut sample = samples[place].clone();
        if !picked.insert(place) {
            let mut numbered = (2..).map(|n: u32| format!("{}#{n}", sample.name));
            let free = numbered.find(|name| !names.contains(name));
            sample.name = free.expect("there are more numbers than samples");
            names.insert(sample.name.clone());
        }
        sample
    };
    places.iter().map(sample).collect()
}

#[cfg(test)]
mod tests;
