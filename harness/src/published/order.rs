//! The class order of a published figure.

use crate::id::Seed;
use crate::stream::{self, Convention, SeedRef};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// The order in which classes arrive, written as a scenario writes it. Classes are numbered as the
/// data set numbers them, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassOrder {
    /// 0, 1, 2, …
    Listed,
    /// A permutation from a random generator.
    Generated(Generated),
    /// Written out: place i has class `places[i]`.
    Places(Vec<u32>),
}

/// A permutation by NumPy or Python.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generated {
    numpy: Option<OrderSeed>,
    python: Option<OrderSeed>,
    convention: Option<Convention>,
}

/// The seed of a generated order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderSeed {
    /// `seed`: that of each run.
    OfRun,
    /// The same for all runs.
    Fixed(u64),
}

impl ClassOrder {
    /// The orders of `classes` classes, one per run; `None` if they follow seeds that are unknown.
    pub(super) fn orders(&self, classes: usize, seeds: &[u64]) -> Option<BTreeSet<Vec<u32>>> {
        let one = |order: Vec<u32>| Some(BTreeSet::from([order]));
        match self {
            Self::Listed => one((0..classes as u32).collect()),
            Self::Places(places) => one(places.clone()),
            Self::Generated(generated) => match generated.seed() {
                OrderSeed::Fixed(seed) => one(generated.drawn(classes, seed)?),
                OrderSeed::OfRun if seeds.is_empty() => None,
                OrderSeed::OfRun => seeds
                    .iter()
                    .map(|&seed| generated.drawn(classes, seed))
                    .collect(),
            },
        }
    }

    /// What is wrong with it, if anything.
    pub(super) fn mistake(&self) -> Option<String> {
        match self {
            Self::Listed => None,
            Self::Generated(Generated { numpy, python, .. }) => (numpy.is_some()
                == python.is_some())
            .then(|| {
                "expected one generator with its seed, such as `{numpy: 1993}` or `{python: seed}`"
                    .to_owned()
            }),
            Self::Places(places) => {
                let mut sorted = places.clone();
                sorted.sort_unstable();
                let place = (0..)
                    .zip(&sorted)
                    .position(|(at, &class): (u32, _)| at != class);
                place.map(|at| {
                    format!("class {at} must stand in the order exactly once; check the list")
                })
            }
        }
    }
}

impl Generated {
    fn seed(&self) -> OrderSeed {
        self.numpy.or(self.python).unwrap_or(OrderSeed::OfRun)
    }

    /// Its own, or the usual one of its generator, as in a scenario.
    fn convention(&self) -> Convention {
        self.convention.unwrap_or(match self.numpy {
            Some(_) => Convention::OldToNew,
            None => Convention::NewToOld,
        })
    }

    /// `None` if NumPy has no such seed.
    fn drawn(&self, classes: usize, seed: u64) -> Option<Vec<u32>> {
        let (seed, convention) = (SeedRef::Fixed(seed), self.convention());
        let order = match self.numpy {
            Some(_) => stream::ClassOrder::Numpy { seed, convention },
            None => stream::ClassOrder::Python { seed, convention },
        };
        // The run's seed has no say.
        let order = order.draw(u32::try_from(classes).ok()?, Seed(0)).ok()?;
        Some(order.into_iter().map(|label| label.0).collect())
    }
}

/// As a scenario writes it, but for a list.
impl fmt::Display for ClassOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed => f.write_str("as listed"),
            Self::Places(places) => {
                for place in places.iter().take(3) {
                    write!(f, "{place}, ")?;
                }
                f.write_str("…")
            }
            Self::Generated(generated) => {
                let generator = match generated.numpy {
                    Some(_) => "numpy",
                    None => "python",
                };
                write!(f, "`{generator}: ")?;
                match generated.seed() {
                    OrderSeed::OfRun => f.write_str("seed`")?,
                    OrderSeed::Fixed(seed) => write!(f, "{seed}`")?,
                }
                match generated.convention() {
                    Convention::OldToNew => f.write_str(", old to new"),
                    Convention::NewToOld => f.write_str(", new to old"),
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for ClassOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrderVisitor;

        impl<'de> Visitor<'de> for OrderVisitor {
            type Value = ClassOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`listed`, a list of class numbers, or a generator such as `{numpy: 1993}`",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ClassOrder, E> {
                match text {
                    "listed" => Ok(ClassOrder::Listed),
                    _ => Err(E::unknown_variant(text, &["listed"])),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<ClassOrder, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(ClassOrder::Places)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClassOrder, A::Error> {
                Generated::deserialize(MapAccessDeserializer::new(map)).map(ClassOrder::Generated)
            }
        }

        deserializer.deserialize_any(OrderVisitor)
    }
}

impl<'de> Deserialize<'de> for OrderSeed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SeedVisitor;

        impl Visitor<'_> for SeedVisitor {
            type Value = OrderSeed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`seed` (that of each run) or a whole number")
            }

            fn visit_u64<E: Error>(self, seed: u64) -> Result<OrderSeed, E> {
                Ok(OrderSeed::Fixed(seed))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OrderSeed, E> {
                match text {
                    "seed" => Ok(OrderSeed::OfRun),
                    _ => Err(E::unknown_variant(text, &["seed"])),
                }
            }
        }

        deserializer.deserialize_any(SeedVisitor)
    }
}
