//! Opening a scenario's domains and cutting its streams, which checks both against the scenario's
//! expectations.

use super::{ClassIdentity, OrderDigest, Stream, StreamError};
use crate::domain::{Domain, DomainSummary, Shots, Source, Split};
use crate::error::Error;
use crate::id::Seed;
use crate::scenario::{DomainUse, ExpectationCheck, Scenario, StreamUse};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The seed of the validation split, the same for all cells, so that all seeds are compared on the
/// same samples.
const VALIDATION_SEED: u64 = 0;

/// Which part of a scenario's data is used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Restriction {
    /// `--limit`: samples per class.
    pub limit: Option<NonZeroUsize>,
    /// `--validation`: the fraction of the training data that replaces the test split.
    pub validation: Option<f64>,
}

impl Restriction {
    /// Opens a domain of this source, reduced to its shots if there are any, and then by
    /// `--limit` and `--validation`.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or cut.
    pub fn open(self, name: &str, source: &Source, shots: Option<&Shots>) -> Result<Domain, Error> {
        let mut domain = Domain::open(source).map_err(Error::domain(name))?;
        if let Some(shots) = shots {
            domain = domain.with_shots(shots).map_err(Error::domain(name))?;
        }
        if let Some(fraction) = self.validation {
            domain = domain
                .validation(fraction, VALIDATION_SEED)
                .map_err(Error::domain(name))?;
        }
        if let Some(limit) = self.limit {
            domain = domain.limited(limit);
        }
        Ok(domain)
    }
}

/// A domain of the scenario, opened.
pub struct OpenedDomain {
    /// Its name in the scenario.
    pub name: String,
    /// Where its images come from.
    pub source: Source,
    /// Its classes, counts and hashes.
    pub summary: DomainSummary,
    /// How many training samples each class has, by label.
    pub train_of_class: Vec<u64>,
    /// The file of each test image that is not in memory, and its place in it.
    test_images: Vec<(PathBuf, u32)>,
}

/// A stream of the scenario, cut from its opened domains.
pub struct CutStream<'a> {
    /// Its domains.
    pub domains: Vec<&'a OpenedDomain>,
    /// The stream of each of the scenario's seeds.
    pub of_seed: Vec<Stream>,
}

/// Opens a scenario's domain and checks that it meets the scenario's expectations. They are not
/// checked under a restriction, since a part of a domain cannot meet them.
///
/// # Errors
///
/// If it cannot be opened, or does not meet the expectations.
pub fn open(
    scenario: &Scenario,
    domain: &DomainUse,
    restriction: Restriction,
) -> Result<OpenedDomain, Error> {
    let source = domain
        .source
        .resolved()
        .map_err(Error::domain(&domain.name))?;
    let opened = restriction.open(&domain.name, &source, domain.shots.as_ref())?;
    let summary = opened.summary();
    if restriction == Restriction::default() {
        expected(
            scenario,
            format!("domain `{}`", domain.name),
            domain.expect.compare(&summary),
        )?;
    }
    Ok(OpenedDomain {
        name: domain.name.clone(),
        source,
        summary,
        train_of_class: train_of_class(&opened),
        test_images: test_images(&opened),
    })
}

/// The stream of every seed, cut from the scenario's domains, with the expected class orders.
///
/// # Errors
///
/// If it cannot be cut, two of its domains have a test image in common, the templates of a shared
/// class differ, or a class order is not the expected one.
///
/// # Panics
///
/// If one of the stream's domains is not among those that were opened.
pub fn cut<'a>(
    scenario: &Scenario,
    stream: &StreamUse,
    opened: &'a [OpenedDomain],
    restriction: Restriction,
) -> Result<CutStream<'a>, Error> {
    let domains: Vec<&OpenedDomain> = (stream.domains.iter())
        .map(|part| {
            let mut opened = opened.iter();
            let found = opened.find(|opened| opened.name == part.domain);
            found.expect("every domain of the stream is opened")
        })
        .collect();
    let classes: Vec<&[String]> = (domains.iter())
        .map(|domain| &domain.summary.classes[..])
        .collect();
    let of_seed = streams(scenario, stream, &classes)?;
    disjoint(scenario, stream, &domains)?;
    if restriction == Restriction::default() {
        let orders = digests(scenario, stream, &of_seed);
        let of = match stream.is_of_one_domain() {
            true => format!("domain `{}`", stream.name),
            false => format!("stream `{}`", stream.name),
        };
        expected(
            scenario,
            of,
            ExpectationCheck::class_orders(&stream.class_orders, &orders),
        )?;
    }
    Ok(CutStream { domains, of_seed })
}

/// The stream of every seed, over domains with these classes.
///
/// # Errors
///
/// If it cannot be cut, or the templates of a shared class differ.
pub fn streams(
    scenario: &Scenario,
    stream: &StreamUse,
    classes: &[&[String]],
) -> Result<Vec<Stream>, Error> {
    if stream.classes == ClassIdentity::ByName {
        same_templates(scenario, stream, classes)?;
    }
    let spec = stream.spec();
    let of_seed = |&seed: &Seed| {
        Stream::new(&spec, classes, seed)
            .map_err(|(domain, error)| stream_error(scenario, stream, domain, &error))
    };
    scenario.seeds.iter().map(of_seed).collect()
}

/// The digest of the class order of every seed.
pub fn digests(
    scenario: &Scenario,
    stream: &StreamUse,
    of_seed: &[Stream],
) -> Vec<(Seed, OrderDigest)> {
    let templates = scenario.templates_of(stream);
    let digest = |cut: &Stream| cut.order_digest(&templates);
    let digests = of_seed.iter().map(digest);
    scenario.seeds.iter().copied().zip(digests).collect()
}

/// The first check that failed, as an error about this domain or stream.
fn expected(scenario: &Scenario, of: String, checks: Vec<ExpectationCheck>) -> Result<(), Error> {
    match checks.into_iter().find(|check| !check.good) {
        None => Ok(()),
        Some(check) => Err(Error::Unexpected {
            of,
            scenario: scenario.file.clone(),
            check: Box::new(check),
        }),
    }
}

/// Checks that no test image is in two domains of a stream. A copy in another file is another
/// image.
fn disjoint(
    scenario: &Scenario,
    stream: &StreamUse,
    domains: &[&OpenedDomain],
) -> Result<(), Error> {
    if domains.len() == 1 {
        return Ok(());
    }
    let mut owners: HashMap<&(PathBuf, u32), &OpenedDomain> = HashMap::new();
    for (domain, part) in domains.iter().zip(&stream.domains) {
        for image in &domain.test_images {
            if let Some(owner) = owners.insert(image, domain) {
                let message = format!(
                    "domains `{}` and `{}` both have the test image {}, but a test image can belong to only one task; \
                     leave one of them out, or divide the images with `split` or `leave_out`",
                    owner.name,
                    domain.name,
                    image.0.display()
                );
                return Err(scenario.key_error(&part.key, message).into());
            }
        }
    }
    Ok(())
}

/// The files of a domain's test images, and their places in these; without images in memory.
fn test_images(domain: &Domain) -> Vec<(PathBuf, u32)> {
    let samples = 0..domain.samples(Split::Test).len();
    let files = samples.filter_map(|index| domain.image_file(Split::Test, index));
    files
        .map(|(path, place)| (path.to_owned(), place))
        .collect()
}

/// Checks that a class that several domains have is turned into the same texts by each.
fn same_templates(
    scenario: &Scenario,
    stream: &StreamUse,
    classes: &[&[String]],
) -> Result<(), Error> {
    let templates = scenario.templates_of(stream);
    let mut first_of: HashMap<&str, usize> = HashMap::new();
    for (domain, classes) in classes.iter().enumerate() {
        for class in *classes {
            let first = *first_of.entry(class).or_insert(domain);
            if templates[first] != templates[domain] {
                let name = |index: usize| &stream.domains[index].domain;
                let message = format!(
                    "class `{class}` is in domains `{}` and `{}`, whose templates differ, so it has no text of its own; \
                     give both domains the same `templates`, or write `templates` here",
                    name(first),
                    name(domain)
                );
                return Err(scenario.key_error(&stream.key, message).into());
            }
        }
    }
    Ok(())
}

/// How many training samples each class of a domain has, by label.
pub(crate) fn train_of_class(domain: &Domain) -> Vec<u64> {
    let mut counts = vec![0; domain.classes().len()];
    for sample in domain.samples(Split::Train) {
        counts[sample.label.index()] += 1;
    }
    counts
}

/// How many training samples the largest task of a stream has, given those of each class of each
/// domain.
pub(crate) fn largest_task(train_of_class: &[&[u64]], stream: &Stream) -> u64 {
    let of_task = |task| {
        let of_class = train_of_class[stream.task(task).domain];
        let labels = stream.labels_of(task);
        labels.map(|label| of_class[label.index()]).sum()
    };
    stream.tasks().map(of_task).max().unwrap_or_default()
}

/// Opens all of a scenario's domain, without checking the scenario's expectations.
///
/// # Errors
///
/// If it cannot be opened.
pub fn open_whole(domain: &DomainUse) -> Result<Domain, Error> {
    let source = domain
        .source
        .resolved()
        .map_err(Error::domain(&domain.name))?;
    Restriction::default().open(&domain.name, &source, domain.shots.as_ref())
}

/// An error about how a domain of a stream is cut, at the key of the scenario that caused it.
fn stream_error(
    scenario: &Scenario,
    stream: &StreamUse,
    domain: usize,
    error: &StreamError,
) -> Error {
    let part = &stream.domains[domain];
    let key = match error {
        StreamError::SeedTooLargeForNumpy { .. } | StreamError::OrderOfOtherLength { .. } => {
            part.class_order_key()
        }
        _ => part.tasks_key(),
    };
    let message = format!("domain `{}`: {error}", part.domain);
    scenario.key_error(&key, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use image::RgbImage;

    #[test]
    fn a_test_image_of_two_domains_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for split in ["train", "test"] {
            for class in ["cat", "dog", "owl"] {
                let folder = dir.path().join("pets").join(split).join(class);
                std::fs::create_dir_all(&folder).unwrap();
                RgbImage::new(4, 4).save(folder.join("1.png")).unwrap();
            }
        }
        let cut = |first: &str, second: &str| -> Result<(), String> {
            let text = format!(
                "seeds: [1]\ndomains:\n  a: {{source: image-folder, path: pets, {first}}}\n  \
                 b: {{source: image-folder, path: pets, {second}}}\n\
                 streams: {{s: {{domains: [a, b]}}}}\nstrategies: {{ncm: {{backbones: []}}}}\n"
            );
            let file = dir.path().join("s.yaml");
            let scenario = Scenario::parse(&text, &file, &[]).unwrap();
            let whole = Restriction::default();
            let domains = scenario.domains.iter();
            let domains = domains.map(|domain| open(&scenario, domain, whole).unwrap());
            let domains: Vec<_> = domains.collect();
            let cut = cut(&scenario, &scenario.streams[0], &domains, whole);
            let message = |error: Error| error.to_string().lines().next().unwrap().to_owned();
            let folder = dir.path().display().to_string();
            cut.map(drop)
                .map_err(|error| message(error).replace(&format!("{folder}/"), ""))
        };
        assert_eq!(cut("leave_out: [cat, dog]", "leave_out: [owl]"), Ok(()));
        let refused = cut("leave_out: [cat]", "leave_out: [owl]").unwrap_err();
        expect!["s.yaml:5: streams.s.domains[1]: domains `a` and `b` both have the test image pets/test/dog/1.png, but a test image can belong to only one task; leave one of them out, or divide the images with `split` or `leave_out`"].assert_eq(&refused);
    }
}
