//! The order in which a domain's classes arrive.

mod published;
mod rapf;
mod written;

pub use published::PublishedOrder;
pub use written::{WrittenOrder, WrittenOrderError};

use super::error::StreamError;
use crate::id::{Label, Seed};
use harness_random::{numpy_permutation, shuffled};
use serde::{Deserialize, Serialize};

/// How a stream's class order is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClassOrder {
    /// As the domain lists its classes.
    Listed,
    /// With `numpy.random.seed(SEED); numpy.random.permutation(N)`, NumPy's legacy generator.
    Numpy {
        /// Where SEED comes from.
        seed: SeedRef,
        /// How to read the permutation; default [`Convention::OldToNew`].
        convention: Convention,
    },
    /// With Python's `random.seed(SEED); order = list(range(N)); random.shuffle(order)`.
    Python {
        /// Where SEED comes from.
        seed: SeedRef,
        /// How to read the shuffled list; default [`Convention::NewToOld`], since published code
        /// that shuffles a list, such as CODA-Prompt's, uses the list itself as the order.
        convention: Convention,
    },
    /// A list of classes, one order for all seeds.
    #[serde(untagged)]
    Written(WrittenOrder),
}

/// Where the seed of a class order comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedRef {
    /// The seed of the cell: an order per seed.
    CellSeed,
    /// A fixed number: one order for all seeds.
    Fixed(u64),
}

/// How to read a permutation of the classes. The two readings are inverse to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// `perm[old] = new`: class `old` moves to place `perm[old]`. Used by CGIL's reference code.
    OldToNew,
    /// `order = perm`: place `i` holds class `perm[i]`. Used by PyCIL, PILOT and Continuum.
    NewToOld,
}

impl SeedRef {
    fn resolve(self, cell: Seed) -> u64 {
        match self {
            Self::CellSeed => cell.0,
            Self::Fixed(seed) => seed,
        }
    }
}

impl ClassOrder {
    /// NumPy's order, in its default convention.
    pub fn numpy(seed: SeedRef) -> Self {
        Self::Numpy {
            seed,
            convention: Convention::OldToNew,
        }
    }

    /// Python's order, in its default convention.
    pub fn python(seed: SeedRef) -> Self {
        Self::Python {
            seed,
            convention: Convention::NewToOld,
        }
    }

    /// The labels 0 to `classes − 1`, in the order in which they arrive.
    pub(crate) fn draw(&self, classes: u32, cell: Seed) -> Result<Vec<Label>, StreamError> {
        let n = classes as usize;
        let (permutation, convention) = match *self {
            Self::Written(ref order) => {
                let listed = order.classes();
                if listed.len() != n {
                    let listed = listed.len();
                    return Err(StreamError::OrderOfOtherLength { listed, classes });
                }
                let permutation = listed.iter().map(|&class| class as usize).collect();
                (permutation, Convention::NewToOld)
            }
            Self::Listed => ((0..n).collect(), Convention::NewToOld),
            Self::Numpy { seed, convention } => {
                let seed = seed.resolve(cell);
                let word =
                    u32::try_from(seed).map_err(|_| StreamError::SeedTooLargeForNumpy { seed })?;
                (numpy_permutation(n, word), convention)
            }
            Self::Python { seed, convention } => (shuffled(n, seed.resolve(cell)), convention),
        };
        let order = match convention {
            Convention::NewToOld => permutation,
            Convention::OldToNew => inverse(&permutation),
        };
        Ok(order.into_iter().map(|old| Label(old as u32)).collect())
    }
}

fn inverse(permutation: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; permutation.len()];
    for (from, &to) in permutation.iter().enumerate() {
        inverse[to] = from;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(order: ClassOrder, classes: u32, cell: u64) -> Vec<u32> {
        order
            .draw(classes, Seed(cell))
            .unwrap()
            .into_iter()
            .map(|label| label.0)
            .collect()
    }

    /// The orders that CGIL's reference code prints for its seeds.
    #[test]
    fn orders_of_the_reference_code() {
        let order = ClassOrder::numpy(SeedRef::CellSeed);
        assert_eq!(
            drawn(order.clone(), 10, 1992),
            [2, 7, 3, 6, 0, 5, 1, 9, 8, 4]
        );
        assert_eq!(
            drawn(order.clone(), 10, 1996),
            [0, 9, 8, 6, 3, 7, 4, 1, 2, 5]
        );
        assert_eq!(
            drawn(order.clone(), 10, 1997),
            [8, 4, 5, 2, 1, 0, 6, 3, 7, 9]
        );
        assert_eq!(drawn(order.clone(), 6, 1992), [4, 5, 1, 2, 0, 3]);
        assert_eq!(drawn(order.clone(), 6, 1996), [0, 4, 5, 1, 2, 3]);
        assert_eq!(drawn(order.clone(), 6, 1997), [3, 4, 0, 2, 1, 5]);
    }

    /// PyCIL and PILOT use the permutation of seed 1993 as the order, whatever the cell's seed.
    #[test]
    fn the_other_convention_takes_the_permutation_as_the_order() {
        let order = ClassOrder::Numpy {
            seed: SeedRef::Fixed(1993),
            convention: Convention::NewToOld,
        };
        assert_eq!(drawn(order, 10, 7), [4, 2, 7, 6, 0, 3, 5, 8, 9, 1]);
        assert_eq!(
            drawn(ClassOrder::numpy(SeedRef::Fixed(1993)), 10, 7),
            [4, 9, 1, 5, 0, 6, 3, 2, 7, 8]
        );
    }

    #[test]
    fn pythons_list_is_the_order() {
        let order = ClassOrder::python(SeedRef::CellSeed);
        assert_eq!(drawn(order, 10, 0), [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
        assert_eq!(drawn(ClassOrder::Listed, 3, 0), [0, 1, 2]);
    }

    #[test]
    fn numpy_refuses_a_seed_of_more_than_32_bits() {
        let error = ClassOrder::numpy(SeedRef::CellSeed)
            .draw(10, Seed(1 << 32))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "numpy takes seeds from 0 to 4294967295, but the class order has the seed 4294967296; \
             choose a smaller one"
        );
        assert!(
            ClassOrder::python(SeedRef::CellSeed)
                .draw(10, Seed(1 << 32))
                .is_ok()
        );
    }

    #[test]
    fn travels_as_json() {
        let written = WrittenOrder::new(vec![3, 0, 2, 1]).unwrap();
        for (order, expected) in [
            (ClassOrder::Listed, r#""listed""#),
            (
                ClassOrder::numpy(SeedRef::Fixed(1993)),
                r#"{"numpy":{"seed":{"fixed":1993},"convention":"old-to-new"}}"#,
            ),
            (
                ClassOrder::python(SeedRef::CellSeed),
                r#"{"python":{"seed":"cell-seed","convention":"new-to-old"}}"#,
            ),
            (ClassOrder::Written(written), "[3,0,2,1]"),
        ] {
            let json = serde_json::to_string(&order).unwrap();
            assert_eq!(json, expected);
            assert_eq!(serde_json::from_str::<ClassOrder>(&json).unwrap(), order);
        }
        assert!(serde_json::from_str::<ClassOrder>("[0,2]").is_err());
    }

    #[test]
    fn a_written_order_is_the_order() {
        let written = WrittenOrder::new(vec![3, 0, 2, 1]).unwrap();
        assert_eq!(drawn(ClassOrder::Written(written), 4, 7), [3, 0, 2, 1]);
    }
}
