//! Whose draw of shots it is, as a scenario writes it, and the draw itself.

use crate::id::Label;
use harness_random::MersenneTwister;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::num::NonZeroU32;

/// The published code whose draw of shots is used, with its seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Draw {
    /// CoOp's, with this seed of Python's `random` (Dassl's `generate_fewshot_dataset`): classes in
    /// the order in which they first occur in the train split, `random.sample` of each. A class
    /// with fewer samples is used whole, and nothing is drawn for it.
    Coop(u64),
    /// RAIL's for CIFAR-100 and MNIST, with this seed of NumPy's legacy generator: classes by
    /// label, `numpy.random.choice` of each, with replacement if the class has fewer samples.
    Numpy(u32),
}

impl Draw {
    /// The seed of a draw without one: the first of CoOp's.
    const SEED: u32 = 1;
}

impl Default for Draw {
    fn default() -> Self {
        Self::Coop(Self::SEED.into())
    }
}

/// A draw that is under way: its generator goes on from one list to the next.
pub(crate) struct Drawing {
    draw: Draw,
    generator: MersenneTwister,
}

impl Drawing {
    pub(crate) fn new(draw: Draw) -> Self {
        let generator = match draw {
            Draw::Coop(seed) => MersenneTwister::from_python_seed(seed),
            Draw::Numpy(seed) => MersenneTwister::from_word(seed),
        };
        Self { draw, generator }
    }

    /// The places of the drawn samples, class after class. With [`Draw::Numpy`], those of a small
    /// class repeat.
    pub(crate) fn shots(&mut self, labels: &[Label], per_class: NonZeroU32) -> Vec<usize> {
        self.places(labels, per_class, true)
    }

    /// The same without repetition: a class with fewer samples is taken whole.
    pub(crate) fn distinct(&mut self, labels: &[Label], per_class: NonZeroU32) -> Vec<usize> {
        self.places(labels, per_class, false)
    }

    fn places(&mut self, labels: &[Label], per_class: NonZeroU32, repeat: bool) -> Vec<usize> {
        let groups = match self.draw {
            Draw::Coop(_) => by_first_occurrence(labels),
            Draw::Numpy(_) => by_label(labels),
        };
        let (shots, generator) = (per_class.get() as usize, &mut self.generator);
        let mut places = Vec::new();
        for group in groups {
            let n = group.len();
            let drawn = match self.draw {
                Draw::Numpy(_) if n < shots && repeat => {
                    generator.numpy_choice_with_replacement(n, shots)
                }
                _ if n < shots => (0..n).collect(),
                Draw::Coop(_) => generator.python_sample(n, shots),
                Draw::Numpy(_) => generator.numpy_choice(n, shots),
            };
            places.extend(drawn.into_iter().map(|at| group[at]));
        }
        places
    }
}

/// The places of each label; labels in the order in which they first occur.
fn by_first_occurrence(labels: &[Label]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut of_label = HashMap::new();
    for (place, label) in labels.iter().enumerate() {
        let group = *of_label.entry(label).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(place);
    }
    groups
}

/// The places of each label; labels in ascending order.
fn by_label(labels: &[Label]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<Label, Vec<usize>> = BTreeMap::new();
    for (place, &label) in labels.iter().enumerate() {
        groups.entry(label).or_default().push(place);
    }
    groups.into_values().collect()
}

impl<'de> Deserialize<'de> for Draw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DrawVisitor;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Seeded {
            coop: Option<u64>,
            numpy: Option<u64>,
        }

        impl<'de> Visitor<'de> for DrawVisitor {
            type Value = Draw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`coop`, `numpy`, `{coop: 2}` or `{numpy: 7}`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Draw, E> {
                match name {
                    "coop" => Ok(Draw::Coop(Draw::SEED.into())),
                    "numpy" => Ok(Draw::Numpy(Draw::SEED)),
                    _ => Err(E::unknown_variant(name, &["coop", "numpy"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Draw, A::Error> {
                let map = de::value::MapAccessDeserializer::new(map);
                match Seeded::deserialize(map)? {
                    Seeded {
                        coop: Some(seed),
                        numpy: None,
                    } => Ok(Draw::Coop(seed)),
                    Seeded {
                        coop: None,
                        numpy: Some(seed),
                    } => match u32::try_from(seed) {
                        Ok(seed) => Ok(Draw::Numpy(seed)),
                        Err(_) => Err(de::Error::custom(format!(
                            "a seed of NumPy's generator is at most {}, but this is {seed}",
                            u32::MAX
                        ))),
                    },
                    _ => Err(de::Error::custom(
                        "a draw has one generator and its seed; write `{coop: 2}` or `{numpy: 7}`",
                    )),
                }
            }
        }

        deserializer.deserialize_any(DrawVisitor)
    }
}

impl JsonSchema for Draw {
    fn schema_name() -> Cow<'static, str> {
        "Draw".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let seeded = |name: &str, seed: serde_json::Value| {
            serde_json::json!({
                "type": "object",
                "properties": {name: seed},
                "required": [name],
                "additionalProperties": false,
            })
        };
        let (python, numpy) = (
            "The seed of Python's `random`.",
            "The seed of NumPy's legacy generator.",
        );
        let python = serde_json::json!({"description": python, "type": "integer", "minimum": 0});
        let numpy = serde_json::json!({
            "description": numpy, "type": "integer", "minimum": 0, "maximum": u32::MAX,
        });
        json_schema!({
            "description": "How the shots are drawn. `coop`, the default, is CoOp's draw: classes in \
                the order in which they first occur in the train split, `random.sample` of each, and \
                a class with fewer images is used whole. `numpy` is RAIL's draw for CIFAR-100 and \
                MNIST: classes by label, `numpy.random.choice` of each, with replacement if there \
                are fewer. Both have the seed 1; `{coop: 2}` has another.",
            "oneOf": [
                {"enum": ["coop", "numpy"]},
                seeded("coop", python),
                seeded("numpy", numpy),
            ],
        })
    }
}
