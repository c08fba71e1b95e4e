//! A split that is published as a seed: a random part of all images is the train split.
//!
//! ZSCL draws its splits of Caltech101, EuroSAT and SUN397 so, with
//! `random_split(data, [int(0.8 * n), n - int(0.8 * n)], generator.manual_seed(42))` of torch.

use super::draft::Draft;
use crate::domain::sample::Split;
use crate::domain::written::KeyError;
use harness_random::torch_permutation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A random part of all images, drawn as torch's `random_split` draws it: of n images, ⌊random · n⌋
/// are the train split and the others the test split, both in the order of the draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomSplit {
    /// The part of the images that is the train split: more than 0 and less than 1.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub random: f64,
    /// The seed of torch's generator.
    pub torch: u64,
}

/// A part that is not a number is refused when the scenario is read.
impl Eq for RandomSplit {}

impl RandomSplit {
    /// Checks that the part is one.
    pub(crate) fn check(&self) -> Result<(), KeyError> {
        if self.random > 0.0 && self.random < 1.0 {
            return Ok(());
        }
        Err(KeyError {
            key: "random".to_owned(),
            problem: format!(
                "must be more than 0 and less than 1, such as 0.8, but is {}",
                self.random
            ),
        })
    }

    /// Draws the train split out of all samples; the order is torch's.
    pub(crate) fn split<'a>(&self, drafts: Vec<Draft<'a>>) -> Vec<Draft<'a>> {
        let order = torch_permutation(drafts.len(), self.torch);
        // Python's `int(0.8 * n)`.
        let train = (self.random * drafts.len() as f64) as usize;
        let mut drafts: Vec<_> = drafts.into_iter().map(Some).collect();
        let take = |(place, at): (usize, usize)| {
            let mut draft = drafts[at]
                .take()
                .expect("a permutation has every number once");
            draft.split = match place < train {
                true => Split::Train,
                false => Split::Test,
            };
            draft
        };
        order.into_iter().enumerate().map(take).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::classes::tag::Tag;
    use serde_json::Value;
    use sha2::{Digest, Sha256};

    /// Every size of the golden file, among them those of Caltech101, EuroSAT and SUN397. Half of
    /// its cases give torch the fractions `[0.8, 0.2]`, which it rounds otherwise.
    #[test]
    fn the_split_is_zscls() {
        let golden = include_str!("../../../random/fixtures/draws/torch_random_split.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        let cases = golden["cases"].as_array().unwrap().iter();
        let cases: Vec<_> = cases
            .filter(|case| case["form"].as_str().unwrap().starts_with("zscl"))
            .collect();
        assert_eq!(cases.len(), 6);
        for case in cases {
            let draft = |image| Draft {
                name: String::new(),
                tag: Tag::default(),
                split: Split::Train,
                image,
                entry: None,
            };
            let drafts = (0..case["n"].as_u64().unwrap() as usize).map(draft);
            let random = RandomSplit {
                random: 0.8,
                torch: 42,
            };
            let drawn = random.split(drafts.collect());
            for split in [Split::Train, Split::Test] {
                let mut images: Vec<usize> = (drawn.iter())
                    .filter(|draft| draft.split == split)
                    .map(|draft| draft.image)
                    .collect();
                assert_eq!(images.len() as u64, case[split.name()], "{case}");
                let first: Vec<Value> = images.iter().take(10).map(|&i| i.into()).collect();
                assert_eq!(Value::from(first), case[format!("{split}_first")], "{case}");
                images.sort_unstable();
                let decimals: Vec<String> = images.iter().map(usize::to_string).collect();
                let digest = format!("{:x}", Sha256::digest(decimals.join(" ")));
                assert_eq!(digest, case[format!("sha256_{split}_sorted")], "{case}");
            }
        }
    }
}
