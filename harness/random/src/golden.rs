//! The draws of the real libraries (torch 2.11.0, NumPy 2.4.6, Python 3.11.7), which are in
//! `fixtures/draws`. Long lists are there as their ends and a hash.

use crate::{MersenneTwister, numpy_permutation, shuffled, torch_permutation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

#[derive(Deserialize)]
struct Golden<C> {
    what: String,
    cases: Vec<C>,
}

/// Reads one of the files, which must have this many cases.
fn golden<C: DeserializeOwned>(text: &str, cases: usize) -> Golden<C> {
    let golden: Golden<C> = serde_json::from_str(text).unwrap();
    assert_eq!(golden.cases.len(), cases, "{}", golden.what);
    golden
}

/// SHA-256 of the decimal numbers, joined by one space.
fn digest(values: &[usize]) -> String {
    let decimals: Vec<String> = values.iter().map(usize::to_string).collect();
    let digest = Sha256::digest(decimals.join(" "));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An order of `n` numbers, whole or by its ends and hash.
#[derive(Deserialize)]
struct Order {
    n: usize,
    seed: u64,
    all: Option<Vec<usize>>,
    first: Option<Vec<usize>>,
    last: Option<Vec<usize>>,
    sha256: Option<String>,
}

impl Order {
    fn check(&self, drawn: &[usize]) {
        let case = format!("n = {}, seed {}", self.n, self.seed);
        if let Some(all) = &self.all {
            assert_eq!(drawn, all, "{case}");
            return;
        }
        let first = self.first.as_ref().unwrap();
        assert_eq!(&drawn[..first.len()], first, "{case}");
        if let Some(last) = &self.last {
            assert!(drawn.ends_with(last), "{case}");
        }
        assert_eq!(digest(drawn), *self.sha256.as_ref().unwrap(), "{case}");
    }
}

#[test]
fn orders_are_those_of_torch_numpy_and_python() {
    let torch = include_str!("../fixtures/draws/torch_randperm.json");
    for case in golden::<Order>(torch, 29).cases {
        case.check(&torch_permutation(case.n, case.seed));
    }
    let numpy = include_str!("../fixtures/draws/numpy_permutation.json");
    for case in golden::<Order>(numpy, 35).cases {
        case.check(&numpy_permutation(case.n, case.seed as u32));
    }
    let python = include_str!("../fixtures/draws/python_shuffle.json");
    for case in golden::<Order>(python, 28).cases {
        case.check(&shuffled(case.n, case.seed));
    }
}

/// Both subsets of torch's `random_split`, whatever their lengths.
#[test]
fn random_splits_are_those_of_torch() {
    #[derive(Deserialize)]
    struct Case {
        n: usize,
        train: usize,
        test: usize,
        train_first: Vec<usize>,
        test_first: Vec<usize>,
        sha256_train_sorted: String,
        sha256_test_sorted: String,
    }

    let file = include_str!("../fixtures/draws/torch_random_split.json");
    for case in golden::<Case>(file, 12).cases {
        let mut train = torch_permutation(case.n, 42);
        let mut test = train.split_off(case.train);
        assert_eq!(test.len(), case.test);
        assert!(train.starts_with(&case.train_first) && test.starts_with(&case.test_first));
        train.sort_unstable();
        test.sort_unstable();
        assert_eq!(digest(&train), case.sha256_train_sorted, "n = {}", case.n);
        assert_eq!(digest(&test), case.sha256_test_sorted, "n = {}", case.n);
    }
}

#[derive(Deserialize)]
struct FewShot {
    labels: String,
    shots: usize,
    seed: u64,
    #[serde(default)]
    repeat: bool,
    train: Vec<usize>,
    #[serde(default)]
    val: Vec<usize>,
}

/// The list of labels that the description of `dassl_fewshot.json` writes out.
fn mixed() -> Vec<u32> {
    let golden: Golden<FewShot> =
        serde_json::from_str(include_str!("../fixtures/draws/dassl_fewshot.json")).unwrap();
    let (_, labels) = golden.what.split_once("`mixed` labels: ").unwrap();
    serde_json::from_str(labels).unwrap()
}

/// Dassl's `generate_fewshot_dataset`, which draws with `sample` and `choices`.
#[test]
fn samples_and_choices_are_those_of_python() {
    fn draw(
        generator: &mut MersenneTwister,
        labels: &[u32],
        shots: usize,
        repeat: bool,
    ) -> Vec<usize> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut of_label = HashMap::new();
        for (position, label) in labels.iter().enumerate() {
            let group = *of_label.entry(label).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(position);
        }
        let mut drawn = Vec::new();
        for group in groups {
            let picks = match (group.len() >= shots, repeat) {
                (true, _) => generator.python_sample(group.len(), shots),
                (false, true) => generator.python_choices(group.len(), shots),
                (false, false) => (0..group.len()).collect(),
            };
            drawn.extend(picks.into_iter().map(|pick| group[pick]));
        }
        drawn
    }

    let file = include_str!("../fixtures/draws/dassl_fewshot.json");
    let (mixed, plain) = (mixed(), (0..500).map(|i| i / 100).collect::<Vec<u32>>());
    let plain_val: Vec<u32> = (0..50).map(|i| i / 10).collect();
    for case in golden::<FewShot>(file, 28).cases {
        let (train, val) = match case.labels.starts_with("plain") {
            true => (&plain, &plain_val[..]),
            false => (&mixed, &[][..]),
        };
        let mut generator = MersenneTwister::from_python_seed(case.seed);
        let what = format!("{}, {} shots, seed {}", case.labels, case.shots, case.seed);
        assert_eq!(
            draw(&mut generator, train, case.shots, case.repeat),
            case.train,
            "{what}"
        );
        if !case.repeat {
            assert_eq!(
                draw(&mut generator, val, case.shots.min(4), false),
                case.val,
                "{what}"
            );
        }
    }
}

/// RAIL's draw for CIFAR-100 and MNIST, with and without replacement.
#[test]
fn choices_are_those_of_numpy() {
    let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (position, label) in mixed().into_iter().enumerate() {
        groups.entry(label).or_default().push(position);
    }
    let file = include_str!("../fixtures/draws/numpy_fewshot.json");
    for case in golden::<FewShot>(file, 6).cases {
        let mut generator = MersenneTwister::from_word(case.seed as u32);
        let mut drawn = Vec::new();
        for group in groups.values() {
            let picks = match group.len() < case.shots {
                true => generator.numpy_choice_with_replacement(group.len(), case.shots),
                false => generator.numpy_choice(group.len(), case.shots),
            };
            drawn.extend(picks.into_iter().map(|pick| group[pick]));
        }
        assert_eq!(
            drawn, case.train,
            "{} shots, seed {}",
            case.shots, case.seed
        );
    }
}
