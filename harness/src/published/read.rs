//! Reading a file of published figures, and checking that its parts fit together.

use super::file::{Dataset, Entry, File, Split, Tasks, Weights};
use crate::error::Error;
use crate::regular_file::{self, LARGEST_LIST};
use crate::scenario::{KeyPath, Problem, ScenarioError, Tree};
use crate::suggest::hint;
use crate::text::text;
use indexmap::IndexMap;
use std::collections::HashSet;
use std::path::Path;

/// The file that is built into the program.
const BUILT_IN: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../results/published.yaml"
));

/// Published figures, with what they refer to.
#[derive(Debug, Clone)]
pub struct Published {
    /// The data sets, by id.
    pub datasets: IndexMap<String, Dataset>,
    /// Weights, by id.
    pub weights: IndexMap<String, Weights>,
    /// What was published.
    pub entries: Vec<Entry>,
}

impl Published {
    /// The figures of `results/published.yaml`, as they were when the program was built.
    ///
    /// # Errors
    ///
    /// Never: a test reads them.
    pub fn built_in() -> Result<Self, ScenarioError> {
        Self::parse(Path::new("results/published.yaml"), BUILT_IN)
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read or has a mistake.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let bytes = regular_file::read(file, LARGEST_LIST).map_err(|error| {
            Error::Usage(format!(
                "cannot read `{}`: {error}; `--published` alone shows the figures that are built in",
                file.display()
            ))
        })?;
        let text = text(&bytes).map_err(|error| {
            Error::Usage(format!(
                "{}:{}: this is {}; save the file as UTF-8",
                file.display(),
                error.line(),
                error.problem()
            ))
        })?;
        Ok(Self::parse(file, text)?)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// If it has a mistake.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ScenarioError> {
        let tree = Tree::parse(file, text)?;
        let written: File = serde_path_to_error::deserialize(tree.root()).map_err(|error| {
            let key = error.path().into();
            tree.error(&key, error.into_inner())
        })?;
        check(&written)
            .map_err(|(key, message)| tree.error(&key, Problem::Later(message.to_owned())))?;
        let File {
            datasets,
            weights,
            entries,
            ..
        } = written;
        Ok(Self {
            datasets,
            weights,
            entries,
        })
    }

    /// The id of the data set that a domain is a copy of: the one that has its split, or else its
    /// name.
    pub fn dataset(&self, domain: &str, split_hash: &str) -> Option<&str> {
        let has_split = |dataset: &Dataset| {
            let mut splits = dataset.splits.values();
            splits.any(|split| split.has(split_hash))
        };
        let has_name = |id: &str, dataset: &Dataset| {
            let names = dataset.domains.iter().map(String::as_str);
            let mut names = names.chain([id, dataset.name.as_str()]);
            names.any(|name| folded(name) == folded(domain))
        };
        let by_split = self.datasets.iter().find(|(_, dataset)| has_split(dataset));
        let by_name = || {
            let mut all = self.datasets.iter();
            all.find(|(id, dataset)| has_name(id, dataset))
        };
        by_split.or_else(by_name).map(|(id, _)| id.as_str())
    }
}

impl Published {
    /// Where the figures of an entry stand, their weights and runs, and what else a reader must
    /// know, in one line.
    pub fn source(&self, entry: &Entry) -> String {
        let paper = entry.source.arxiv.as_ref().map(|id| format!("arXiv {id}"));
        let weights = entry
            .weights
            .as_ref()
            .map(|id| self.weights[id].name.clone());
        let runs = entry.n_runs().map(|runs| match runs {
            1 => "1 run".to_owned(),
            runs => format!("{runs} runs"),
        });
        let parts = [
            paper,
            Some(entry.source.in_.clone()),
            weights,
            runs,
            entry.note.clone(),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

impl Entry {
    /// The number of runs, if known.
    pub fn n_runs(&self) -> Option<usize> {
        match self.seeds.len() {
            0 => self.runs.map(|runs| runs as usize),
            runs => Some(runs),
        }
    }
}

impl Split {
    /// Whether this is one of its hashes.
    pub(super) fn has(&self, split_hash: &str) -> bool {
        self.hashes.iter().any(|hash| split_hash.starts_with(hash))
    }
}

/// A name without case, spaces and punctuation.
fn folded(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

type Mistake = (KeyPath, String);

fn check(file: &File) -> Result<(), Mistake> {
    if file.format != 1 {
        let message = format!("expected format 1, found {}; update clbench", file.format);
        return Err((KeyPath::top("format"), message));
    }
    let mut owner = IndexMap::new();
    for (id, dataset) in &file.datasets {
        let key = KeyPath::top("datasets").join(id);
        for (index, name) in dataset.domains.iter().chain([id]).enumerate() {
            if let Some(other) = owner.insert(folded(name), id)
                && other != id
            {
                let message = format!(
                    "a domain called `{name}` would be `{other}` as well; give it to one of them"
                );
                return Err((key.join("domains").index(index), message));
            }
        }
        for (name, split) in &dataset.splits {
            let key = key.join("splits").join(name).join("hashes");
            digests(&key, &split.hashes)?;
        }
    }
    for (id, weights) in &file.weights {
        let key = KeyPath::top("weights").join(id).join("fingerprints");
        digests(&key, &weights.fingerprints)?;
    }
    for (index, entry) in file.entries.iter().enumerate() {
        check_entry(file, entry, &KeyPath::top("entries").index(index))?;
    }
    Ok(())
}

fn check_entry(file: &File, entry: &Entry, key: &KeyPath) -> Result<(), Mistake> {
    if entry.datasets.is_empty() {
        let message = "must not be empty; name the data set".to_owned();
        return Err((key.join("datasets"), message));
    }
    for (index, id) in entry.datasets.iter().enumerate() {
        let Some(dataset) = file.datasets.get(id) else {
            let key = key.join("datasets").index(index);
            return Err((
                key,
                unknown("data set", "datasets", id, file.datasets.keys()),
            ));
        };
        if let Some(split) = &entry.split
            && !dataset.splits.contains_key(split)
        {
            let known = dataset.splits.keys().map(String::as_str);
            let message = format!("`{id}` has no split `{split}`{}", hint(split, known));
            return Err((key.join("split"), message));
        }
    }
    if let Some(id) = &entry.weights
        && !file.weights.contains_key(id)
    {
        let message = unknown("weights", "weights", id, file.weights.keys());
        return Err((key.join("weights"), message));
    }
    if entry.datasets.len() > 1 && entry.tasks.is_some() {
        let message = "each data set is a task; remove the key".to_owned();
        return Err((key.join("tasks"), message));
    }
    if let Some(Tasks::Sizes(sizes)) = &entry.tasks
        && (sizes.is_empty() || sizes.contains(&0))
    {
        let message = "every task needs at least one class".to_owned();
        return Err((key.join("tasks"), message));
    }
    if let Some(message) = entry.class_order.as_ref().and_then(|order| order.mistake()) {
        return Err((key.join("class_order"), message));
    }
    digests(&key.join("class_order_digests"), &entry.class_order_digests)?;
    if entry.figures.is_empty() {
        let message = "must not be empty; add a method with its values".to_owned();
        return Err((key.join("figures"), message));
    }
    let mut methods = HashSet::new();
    for (index, figure) in entry.figures.iter().enumerate() {
        let key = key.join("figures").index(index);
        if figure.values.is_empty() && figure.other_values.is_empty() {
            let message =
                "a method needs `values`, such as `values: {faa: \"85.0\"}`, or `other_values`";
            return Err((key, message.to_owned()));
        }
        if !methods.insert(&figure.method) {
            let message = format!(
                "`{}` stands in this entry twice; give each its own name",
                figure.method
            );
            return Err((key.join("method"), message));
        }
    }
    Ok(())
}

fn unknown<'a>(
    what: &str,
    table: &str,
    id: &str,
    known: impl Iterator<Item = &'a String>,
) -> String {
    let hint = hint(id, known.map(String::as_str));
    format!("unknown {what} `{id}`{hint}; ids stand under `{table}:`")
}

fn digests(key: &KeyPath, digests: &[String]) -> Result<(), Mistake> {
    let is_digest = |text: &str| {
        (12..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match digests.iter().position(|digest| !is_digest(digest)) {
        None => Ok(()),
        Some(index) => {
            let message = format!(
                "`{}` is not a hash, which has 12 to 64 digits 0-9 and a-f",
                digests[index]
            );
            Err((key.index(index), message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_built_in_figures_are_valid() {
        let published = Published::built_in().unwrap_or_else(|error| panic!("{error}"));
        assert!(published.entries.len() > 40);
    }

    /// A file with one entry, which begins on line 9.
    fn message(entry: &str) -> String {
        let text = format!(
            "format: 1\n\
             datasets:\n\
             \u{20} digits: {{ name: Digits, splits: {{ official: {{ train: 400, test: 200 }} }} }}\n\
             \u{20} cifar-100: {{ name: CIFAR-100 }}\n\
             weights:\n\
             \u{20} small: {{ name: small CLIP, fingerprints: [0123456789ab] }}\n\
             entries:\n\
             \u{20} # the first\n\
             \u{20} - source: {{ in: its log }}\n{entry}"
        );
        match Published::parse(Path::new("figures.yaml"), &text) {
            Ok(_) => "valid".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn mistakes_are_reported_with_their_line() {
        let figures = "    figures: [{ method: A, values: { faa: \"85.0\" } }]\n";
        let entry = |rest: &str| message(&format!("    datasets: [digits]\n{rest}"));
        assert_eq!(entry(figures), "valid");
        let messages = [
            entry("    figures: [{ method: A, values: { faa: 85.0 } }]"),
            entry("    figures: [{ method: A, values: { faa: \"85.0 +- 1\" } }]"),
            entry("    figures: [{ method: A }]"),
            entry("    figures: []"),
            entry("    split: offical\n    figures: []"),
            entry("    weights: large\n    figures: []"),
            entry("    tasks: [5, 0]\n    figures: []"),
            entry("    class_order: [0, 2, 2]\n    figures: []"),
            entry("    class_order: { numpy: 1, python: 1 }\n    figures: []"),
            entry("    class_order: shuffled\n    figures: []"),
            entry("    class_order_digests: [34B93F8843F1]\n    figures: []"),
            entry("    epochs: 5\n    figures: []"),
            message("    datasets: [digit]\n    figures: []"),
            message("    datasets: [digits, cifar-100]\n    tasks: 2\n    figures: []"),
        ];
        expect![[r#"
            figures.yaml:11: entries[0].figures[0].values.faa: expected a number in quotes, such as "85.0" or "85.0 ± 0.3", found the number 85.0
               11 |     figures: [{ method: A, values: { faa: 85.0 } }]
                  |                                      ^^^
            figures.yaml:11: entries[0].figures[0].values.faa: expected a number in quotes, such as "85.0" or "85.0 ± 0.3", found the text `85.0 +- 1`
               11 |     figures: [{ method: A, values: { faa: "85.0 +- 1" } }]
                  |                                      ^^^
            figures.yaml:11: entries[0].figures[0]: a method needs `values`, such as `values: {faa: "85.0"}`, or `other_values`
               11 |     figures: [{ method: A }]
                  |               ^^
            figures.yaml:11: entries[0].figures: must not be empty; add a method with its values
               11 |     figures: []
                  |     ^^^^^^^
            figures.yaml:11: entries[0].split: `digits` has no split `offical`; did you mean `official`?
               11 |     split: offical
                  |     ^^^^^
            figures.yaml:11: entries[0].weights: unknown weights `large`; the only choice is `small`; ids stand under `weights:`
               11 |     weights: large
                  |     ^^^^^^^
            figures.yaml:11: entries[0].tasks: every task needs at least one class
               11 |     tasks: [5, 0]
                  |     ^^^^^
            figures.yaml:11: entries[0].class_order: class 1 must stand in the order exactly once; check the list
               11 |     class_order: [0, 2, 2]
                  |     ^^^^^^^^^^^
            figures.yaml:11: entries[0].class_order: expected one generator with its seed, such as `{numpy: 1993}` or `{python: seed}`
               11 |     class_order: { numpy: 1, python: 1 }
                  |     ^^^^^^^^^^^
            figures.yaml:11: entries[0].class_order: unknown value `shuffled`; the only choice is `listed`
               11 |     class_order: shuffled
                  |     ^^^^^^^^^^^
            figures.yaml:11: entries[0].class_order_digests[0]: `34B93F8843F1` is not a hash, which has 12 to 64 digits 0-9 and a-f
               11 |     class_order_digests: [34B93F8843F1]
                  |                           ^^^^^^^^^^^^
            figures.yaml:11: entries[0].epochs: unknown key `epochs`; the choices are `source`, `datasets`, `split`, `tasks`, `class_order`, `class_order_digests`, `shots`, `templates`, `augmentation`, `batch_dependent`, `weights`, `preprocessing`, `output`, `candidates`, `mean`, `seeds`, `runs`, `note`, `figures`
               11 |     epochs: 5
                  |     ^^^^^^
            figures.yaml:10: entries[0].datasets[0]: unknown data set `digit`; did you mean `digits`?; ids stand under `datasets:`
               10 |     datasets: [digit]
                  |                ^^^^^
            figures.yaml:11: entries[0].tasks: each data set is a task; remove the key
               11 |     tasks: 2
                  |     ^^^^^
        "#]].assert_eq(&messages.map(|message| message + "\n").concat());
    }

    #[test]
    fn a_domain_is_found_by_its_split_or_its_name() {
        let published = Published::built_in().unwrap();
        let dataset = |name, hash: &str| {
            let id = published.dataset(name, hash);
            id.map(str::to_owned)
        };
        assert_eq!(dataset("CIFAR100", "-"), Some("cifar-100".into()));
        assert_eq!(dataset("Stanford Cars", "-"), Some("stanford-cars".into()));
        assert_eq!(dataset("cars-196", "-"), Some("stanford-cars".into()));
        let hash = "72ebf4eab3e7".repeat(5);
        assert_eq!(dataset("mine", &hash), Some("imagenet-r".into()));
        assert_eq!(dataset("mine", "-"), None);
    }
}
