//! Class orders that published code uses, by name. A new one is an entry of [`PUBLISHED`].

use super::rapf;
use super::{ClassOrder, Convention, SeedRef, WrittenOrder};

/// A class order that published code uses.
#[derive(Debug)]
pub struct PublishedOrder {
    /// Its name in scenarios.
    pub name: &'static str,
    /// Which order it is, and who uses it.
    pub meaning: &'static str,
    order: fn() -> ClassOrder,
}

static PUBLISHED: [PublishedOrder; 7] = [
    PublishedOrder {
        name: "mammoth",
        meaning: "The order of mammoth and CGIL, one per seed: the same as `{numpy: seed}`.",
        order: || ClassOrder::numpy(SeedRef::CellSeed),
    },
    PublishedOrder {
        name: "coda-prompt",
        meaning: "The order of CODA-Prompt, whose seeds are 0, 1, 2, … (the number of the repeat): \
                  the same as `{python: seed}`.",
        order: || ClassOrder::python(SeedRef::CellSeed),
    },
    PublishedOrder {
        name: "pycil",
        meaning: "The order of PyCIL, the same for all seeds: `{numpy: 1993, convention: \
                  new-to-old}`.",
        order: seed_1993,
    },
    PublishedOrder {
        name: "pilot",
        meaning: "The order of PILOT, PROOF, C3Box and RanPAC: the same as `pycil`.",
        order: seed_1993,
    },
    PublishedOrder {
        name: "rapf-cifar-100",
        meaning: "RAPF's order of CIFAR-100's fine labels, also that of ZSCL's and MoE-Adapters' \
                  class-incremental code.",
        order: || written(&rapf::CIFAR_100),
    },
    PublishedOrder {
        name: "rapf-imagenet-r",
        meaning: "RAPF's order of ImageNet-R, whose classes are numbered by the names of their \
                  folders (WordNet identifiers) in alphabetical order.",
        order: || written(&rapf::IMAGENET_R),
    },
    PublishedOrder {
        name: "rapf-cub",
        meaning: "RAPF's order of CUB-200, in which class 0 is `001.Black_footed_Albatross`.",
        order: || written(&rapf::CUB_200),
    },
];

/// `numpy.random.seed(1993); order = numpy.random.permutation(N)`.
fn seed_1993() -> ClassOrder {
    ClassOrder::Numpy {
        seed: SeedRef::Fixed(1993),
        convention: Convention::NewToOld,
    }
}

fn written(classes: &[u32]) -> ClassOrder {
    let order = WrittenOrder::new(classes.to_vec());
    ClassOrder::Written(order.expect("tests check the published lists"))
}

impl PublishedOrder {
    /// All of them.
    pub fn all() -> &'static [PublishedOrder] {
        &PUBLISHED
    }

    /// The order of this name.
    pub fn named(name: &str) -> Option<&'static PublishedOrder> {
        PUBLISHED.iter().find(|order| order.name == name)
    }

    /// The class order. It is the same as one that is spelled out, and so are the ids of cells.
    pub fn order(&self) -> ClassOrder {
        (self.order)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seed;
    use serde_json::Value;
    use sha2::{Digest, Sha256};

    /// The classes that arrive, by number.
    fn drawn(name: &str, classes: u64, seed: u64) -> Vec<u64> {
        let order = PublishedOrder::named(name).unwrap().order();
        let labels = order.draw(classes as u32, Seed(seed)).unwrap();
        labels.into_iter().map(|label| label.0.into()).collect()
    }

    fn cases(json: &str) -> Vec<Value> {
        let golden: Value = serde_json::from_str(json).unwrap();
        golden["cases"].as_array().unwrap().clone()
    }

    fn number(value: &Value) -> u64 {
        value.as_u64().unwrap()
    }

    fn numbers(value: &Value) -> Vec<u64> {
        value.as_array().unwrap().iter().map(number).collect()
    }

    /// Whether the order is the one that the library drew, of which long ones are hashed.
    fn check(order: &[u64], case: &Value) {
        if case["all"].is_array() {
            assert_eq!(order, numbers(&case["all"]));
            return;
        }
        let first = numbers(&case["first"]);
        assert_eq!(order[..first.len()], first);
        let words: Vec<String> = order.iter().map(u64::to_string).collect();
        let hash = Sha256::digest(words.join(" "));
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, case["sha256"].as_str().unwrap());
    }

    /// mammoth puts class `c` in place `v[c]`, PyCIL and PILOT put class `v[i]` in place `i`.
    #[test]
    fn numpys_orders_are_those_of_numpy() {
        let cases = cases(include_str!(
            "../../../tests/fixtures/draws/numpy_permutation.json"
        ));
        let mut of_1993 = 0;
        for case in &cases {
            let (classes, seed) = (number(&case["n"]), number(&case["seed"]));
            let order = drawn("mammoth", classes, seed);
            let mut permutation = vec![0; order.len()];
            for (place, &class) in order.iter().enumerate() {
                permutation[class as usize] = place as u64;
            }
            check(&permutation, case);
            if seed == 1993 {
                // Whatever the cell's seed is.
                check(&drawn("pilot", classes, 5), case);
                check(&drawn("pycil", classes, 6), case);
                of_1993 += 1;
            }
        }
        assert_eq!((cases.len(), of_1993), (35, 7));
    }

    #[test]
    fn coda_prompts_orders_are_those_of_python() {
        let cases = cases(include_str!(
            "../../../tests/fixtures/draws/python_shuffle.json"
        ));
        for case in &cases {
            let (classes, seed) = (number(&case["n"]), number(&case["seed"]));
            check(&drawn("coda-prompt", classes, seed), case);
        }
        assert_eq!(cases.len(), 28);
    }

    #[test]
    fn rapfs_orders_are_those_of_its_files() {
        let golden: Value = serde_json::from_str(include_str!(
            "../../../tests/fixtures/draws/file_orders.json"
        ))
        .unwrap();
        for (name, key) in [
            ("rapf-cifar-100", "cifar100"),
            ("rapf-imagenet-r", "imagenet_r"),
            ("rapf-cub", "cub200"),
        ] {
            let expected = numbers(&golden[key]);
            assert_eq!(drawn(name, expected.len() as u64, 5), expected);
        }
    }

    #[test]
    fn a_published_list_is_for_a_domain_of_its_size() {
        let order = PublishedOrder::named("rapf-cub").unwrap().order();
        assert_eq!(
            order.draw(100, Seed(1)).unwrap_err().to_string(),
            "the class order lists 200 classes, but the domain has 100; it must list each of 0 to \
             99 once"
        );
    }
}
