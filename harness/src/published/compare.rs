//! Whether own cells follow the protocol of a published figure.

#[cfg(test)]
pub(super) mod tests;

use super::aspect::{Aspect, Finding, Mark};
use super::file::{Candidates, Entry, Mean, Preprocessing, Shots, Tasks, Templates, Weights};
use super::read::Published;
use crate::id::TaskId;
use crate::results::{CellBackbone, CellDomain, CellRecord};
use crate::stream::Stream;
use harness_abi::Matrix;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The template of a domain that names none.
const DEFAULT_TEMPLATE: &str = "a photo of a {}";

/// Compares the protocol of `entry` with that of `cells`, which are one row of a table: they differ
/// in their seeds only. `metric` is the name of the figure's metric and the matrix that it reads,
/// if it is known here.
///
/// # Panics
///
/// If there are no cells, or the entry is not from `published`.
pub fn compare(
    published: &Published,
    entry: &Entry,
    cells: &[&CellRecord],
    metric: Option<(&str, Matrix)>,
) -> Mark {
    let first = cells[0];
    let mut mark = Mark::default();
    mark.note(Aspect::Split, split(published, entry, first));
    mark.note(Aspect::Shots, shots(entry, first));
    let [order, tasks, names, templates] = classes(published, entry, cells);
    mark.note(Aspect::ClassOrder, order);
    mark.note(Aspect::Tasks, tasks);
    mark.note(Aspect::ClassNames, names);
    let classes = entry.classes == first.cell.stream.spec.classes;
    mark.note(
        Aspect::ClassIdentity,
        Finding::of(classes || entry.datasets.len() == 1),
    );
    mark.note(Aspect::Weights, weights(published, entry, first));
    mark.note(Aspect::Preprocessing, preprocessing(entry, first));
    mark.note(Aspect::Output, output(published, entry, first));
    mark.note(Aspect::Templates, templates);
    let augmentation = first.cell.stream.spec.augmentation.to_string();
    mark.note(
        Aspect::Augmentation,
        known(entry.augmentation.as_ref(), |other| *other == augmentation),
    );
    let batches = entry.batch_dependent == first.declaration.batch_dependent;
    mark.note(Aspect::Batches, Finding::of(batches));
    mark.note(Aspect::Candidates, candidates(entry, metric));
    mark.note(Aspect::Mean, mean(entry, first, metric));
    mark
}

/// What `same` says of a value, or unknown if there is none.
fn known<T>(value: Option<&T>, same: impl Fn(&T) -> bool) -> Finding {
    value.map_or(Finding::Unknown, |value| Finding::of(same(value)))
}

/// The worst of all data sets.
fn split(published: &Published, entry: &Entry, record: &CellRecord) -> Finding {
    let stream = &record.cell.stream;
    if stream.limit.is_some() || stream.validation.is_some() {
        return Finding::Differs;
    }
    let Some(name) = &entry.split else {
        return Finding::Unknown;
    };
    let domains = stream.domains.iter().zip(&record.stream.domains);
    let findings = domains.map(|(domain, found)| {
        let dataset = published.dataset(&domain.name, &domain.split_hash);
        let Some(dataset) = dataset.and_then(|id| published.datasets.get(id)) else {
            return Finding::Unknown;
        };
        let Some(split) = dataset.splits.get(name) else {
            return Finding::Unknown;
        };
        if split.has(&domain.split_hash) {
            return Finding::Same;
        }
        let mut others = dataset.splits.values();
        if split.lost || others.any(|other| other.has(&domain.split_hash)) {
            return Finding::Differs;
        }
        // With few shots, the split's training images are only drawn from.
        let few = entry.shots != Shots::All || domain.shots.is_some();
        let train = split.train.filter(|_| !few);
        let differs = |count: Option<u64>, found| count.is_some_and(|count| count != found);
        if differs(train, found.n_train) || differs(split.test, found.n_test) {
            return Finding::Differs;
        }
        let counted = (train.is_some() || few) && split.test.is_some();
        match split.by_counts && counted {
            true => Finding::Same,
            false => Finding::Unknown,
        }
    });
    findings.max().unwrap_or(Finding::Unknown)
}

/// How many images of each class are drawn. As many, drawn in another way, count as the same.
fn shots(entry: &Entry, record: &CellRecord) -> Finding {
    let shots = |domain: &CellDomain| match &domain.shots {
        Some(shots) => Shots::Most(shots.per_class.get().into()),
        None => Shots::All,
    };
    let mut domains = record.cell.stream.domains.iter();
    Finding::of(domains.all(|domain| shots(domain) == entry.shots))
}

/// Class order, tasks, class names, templates.
fn classes(published: &Published, entry: &Entry, cells: &[&CellRecord]) -> [Finding; 4] {
    let templates = templates(entry, cells[0]);
    if same_digests(entry, cells) {
        let templates = match entry.datasets.len() {
            1 => templates,
            _ => Finding::Same,
        };
        return [Finding::Same, Finding::Same, Finding::Same, templates];
    }
    let reads_names = entry.templates != Some(Templates::None);
    let names = match reads_names {
        true => Finding::Unknown,
        false => Finding::Same,
    };
    if entry.datasets.len() > 1 {
        let (order, tasks) = whole_domains(published, entry, cells[0]);
        return [order, tasks, names, templates];
    }
    let tasks = known(entry.tasks.as_ref(), |tasks| {
        let sizes = &cells[0].stream.task_sizes;
        match tasks {
            Tasks::Sizes(other) => other == sizes,
            Tasks::Count(count) => {
                sizes.len() == *count as usize && sizes.iter().all(|size| *size == sizes[0])
            }
        }
    });
    let order = class_order(entry, cells);
    let names = match (order, tasks) {
        // All that the digests cover besides.
        (Finding::Same, Finding::Same) if reads_names && !entry.class_order_digests.is_empty() => {
            Finding::Differs
        }
        _ => names,
    };
    [order, tasks, names, templates]
}

/// Whether the cells have exactly the digests of the entry.
fn same_digests(entry: &Entry, cells: &[&CellRecord]) -> bool {
    let expected = &entry.class_order_digests;
    let digest = |record: &&CellRecord| {
        if entry.datasets.len() > 1 {
            return record.stream.class_order_digest.clone();
        }
        let templates = match &entry.templates {
            Some(Templates::Listed(templates)) => templates.clone(),
            _ => vec![DEFAULT_TEMPLATE.to_owned()],
        };
        record.order_digest(&[&templates]).as_str().to_owned()
    };
    let found: BTreeSet<String> = cells.iter().map(digest).collect();
    !expected.is_empty()
        && found
            .iter()
            .all(|found| expected.iter().any(|digits| found.starts_with(digits)))
        && expected
            .iter()
            .all(|digits| found.iter().any(|found| found.starts_with(digits)))
}

/// The order of the data sets, and whether each is one task.
fn whole_domains(published: &Published, entry: &Entry, record: &CellRecord) -> (Finding, Finding) {
    let tasks = (1..=record.stream.task_sizes.len() as u32).map(TaskId);
    let mut domains: Vec<usize> = tasks.map(|task| record.stream.domain_of(task)).collect();
    let tasks = domains.len();
    // A domain that is cut further, or comes back, is counted once.
    let mut seen = BTreeSet::new();
    domains.retain(|&domain| seen.insert(domain));
    let ids = domains.iter().map(|&index| {
        let domain = &record.cell.stream.domains[index];
        published.dataset(&domain.name, &domain.split_hash)
    });
    let same_order = ids.eq(entry.datasets.iter().map(|id| Some(id.as_str())));
    (Finding::of(same_order), Finding::of(domains.len() == tasks))
}

fn class_order(entry: &Entry, cells: &[&CellRecord]) -> Finding {
    let classes = cells[0].stream.classes.len();
    let orders = entry.class_order.as_ref();
    let Some(orders) = orders.and_then(|order| order.orders(classes, &entry.seeds)) else {
        return Finding::Unknown;
    };
    // Named by their numbers, the classes are numbers in their order.
    let numbers: Vec<String> = (0..classes).map(|number| number.to_string()).collect();
    let own = |record: &&CellRecord| -> Option<Vec<u32>> {
        let spec = &record.cell.stream.spec;
        if spec.cuts.len() != 1 {
            return None;
        }
        let stream = Stream::new(spec, &[&numbers], record.cell.seed).ok()?;
        let names = stream.classes().iter();
        names.map(|class| class.name.parse().ok()).collect()
    };
    let own: Option<BTreeSet<Vec<u32>>> = cells.iter().map(own).collect();
    known(own.as_ref(), |own| *own == orders)
}

fn templates(entry: &Entry, record: &CellRecord) -> Finding {
    match &entry.templates {
        Some(Templates::None) => Finding::Same,
        Some(Templates::Listed(templates)) => {
            let mut domains = record.cell.stream.domains.iter();
            Finding::of(domains.all(|domain| domain.templates == *templates))
        }
        None => Finding::Unknown,
    }
}

fn weights(published: &Published, entry: &Entry, record: &CellRecord) -> Finding {
    let Some(id) = &entry.weights else {
        return Finding::Unknown;
    };
    let expected = &published.weights[id];
    let of_backbone = |backbone: &CellBackbone| {
        let model = backbone.parameters.get("model").and_then(Value::as_str);
        let is = |weights: &Weights| {
            let fingerprints = &weights.fingerprints;
            let by_model = model.is_some_and(|model| weights.models.iter().any(|m| m == model));
            by_model
                || fingerprints
                    .iter()
                    .any(|digits| backbone.fingerprint.starts_with(digits))
        };
        let other_use = expected.use_.as_ref().is_some_and(|u| *u != backbone.use_);
        let mut others = published.weights.values();
        match is(expected) {
            _ if other_use => Finding::Differs,
            true => Finding::Same,
            false if !expected.vague && others.any(is) => Finding::Differs,
            false => Finding::Unknown,
        }
    };
    // A strategy without a backbone has other features than any model's.
    let found = record.cell.backbones.iter().map(of_backbone).min();
    found.unwrap_or(Finding::Differs)
}

fn preprocessing(entry: &Entry, record: &CellRecord) -> Finding {
    let Some(expected) = &entry.preprocessing else {
        return Finding::Unknown;
    };
    let nothing = Map::new();
    let set = |backbone: &CellBackbone| -> Map<String, Value> {
        let set = backbone.parameters.get("preprocessing");
        set.and_then(Value::as_object)
            .unwrap_or(&nothing)
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let of_backbone = |backbone: &CellBackbone| {
        let set = set(backbone);
        match expected {
            Preprocessing::Own => Finding::of(set.is_empty()),
            Preprocessing::Set(_) if set.is_empty() => Finding::Differs,
            Preprocessing::Set(expected) => {
                let of_key = |(key, value): (&String, &Value)| known(set.get(key), |v| v == value);
                expected.iter().map(of_key).max().unwrap_or(Finding::Same)
            }
        }
    };
    let found = record.cell.backbones.iter().map(of_backbone).min();
    found.unwrap_or(Finding::Differs)
}

/// Strategies read the embedding unless they are told otherwise.
fn output(published: &Published, entry: &Entry, record: &CellRecord) -> Finding {
    let weights = entry.weights.as_ref().map(|id| &published.weights[id]);
    if weights.is_some_and(|weights| weights.one_output) {
        return Finding::Same;
    }
    let output = record.cell.strategy.parameters.get("output");
    let output = output.and_then(Value::as_str).unwrap_or("embedding");
    known(entry.output.as_ref(), |expected| expected == output)
}

fn candidates(entry: &Entry, metric: Option<(&str, Matrix)>) -> Finding {
    match (entry.candidates, metric) {
        (None, Some(_)) => Finding::Same,
        (_, None) => Finding::Unknown,
        // After the last task, all classes are seen.
        (Some(Candidates::All), Some(("faa" | "pooled-final", Matrix::Seen))) => Finding::Same,
        (Some(candidates), Some((_, matrix))) => Finding::of(candidates.are(matrix)),
    }
}

fn mean(entry: &Entry, record: &CellRecord, metric: Option<(&str, Matrix)>) -> Finding {
    let (Some(expected), Some((metric, _))) = (entry.mean, metric) else {
        return Finding::Same;
    };
    let own = match metric.starts_with("pooled-") {
        true => Mean::Images,
        false => Mean::Tasks,
    };
    let mut sizes = record.matrices.tasks().map(|task| record.matrices.n(task));
    let first = sizes.next();
    let even = sizes.all(|size| Some(size) == first);
    Finding::of(own == expected || even)
}
