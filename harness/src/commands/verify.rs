//! `clbench data verify`: checks that the images, the splits and the class orders are those that the
//! scenario expects.

use super::print::print;
use crate::domain::content::{Content, ContentMemory};
use crate::domain::verify::{Findings, examine, per_class};
use crate::domain::{Domain, Split};
use crate::error::Error;
use crate::id::Seed;
use crate::run::{ImageBar, Interrupt, content};
use crate::scenario::{DomainUse, ExpectationCheck, Scenario, SetOverride, StreamUse};
use crate::stream::OrderDigest;
use crate::stream::open::{digests, open_whole, streams};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of bad images to name.
const NAMED: usize = 10;

pub(super) fn verify(
    path: &Path,
    only: &[String],
    with: &[PathBuf],
    set: &[SetOverride],
) -> Result<(), Error> {
    let scenario = Scenario::load(path, with, set)?;
    let domains = scenario.domains_named(only)?;
    let interrupt = Interrupt::on_ctrl_c()?;
    let mut classes: HashMap<&str, Vec<String>> = HashMap::new();
    let mut bad = 0;
    let mut show = |name: &str, found: Result<(String, bool), Error>| {
        // A broken domain does not stop the others from being verified.
        let (text, good) = match found {
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => (format!("{name}: FAILED\n  {error}\n"), false),
            Ok(found) => found,
        };
        bad += usize::from(!good);
        print(&text)
    };
    for domain in &domains {
        let found = verified(&scenario, domain, &interrupt).map(|(text, good, names)| {
            classes.insert(&domain.name, names);
            (text, good)
        });
        show(&domain.name, found)?;
    }
    let mut total = domains.len();
    let named = |stream: &&StreamUse| !stream.is_of_one_domain();
    let mut what = "domains";
    for stream in scenario.streams.iter().filter(named) {
        let parts = stream.domains.iter();
        let names = parts.map(|part| classes.get(&*part.domain).map(Vec::as_slice));
        if let Some(names) = names.collect::<Option<Vec<_>>>() {
            (total, what) = (total + 1, "domains and streams");
            let name = format!("stream {}", stream.name);
            show(&name, verified_stream(&scenario, stream, &names))?;
        }
    }
    match bad {
        0 => Ok(()),
        bad => Err(Error::Off { what, bad, total }),
    }
}

/// The checks of a named stream over domains with these classes, and whether everything is as
/// expected.
fn verified_stream(
    scenario: &Scenario,
    stream: &StreamUse,
    classes: &[&[String]],
) -> Result<(String, bool), Error> {
    let of_seed = streams(scenario, stream, classes)?;
    let orders = digests(scenario, stream, &of_seed);
    let checks = ExpectationCheck::class_orders(&stream.class_orders, &orders);
    let good = checks.iter().all(|check| check.good);
    let (tasks, n) = (of_seed[0].n_tasks(), of_seed[0].n_classes());
    let mut text = format!(
        "stream {}: {} domains, {tasks} tasks, {n} classes, {}\n",
        stream.name,
        classes.len(),
        if good { "as expected" } else { "FAILED" }
    );
    text += &check_table(&checks);
    if stream.class_orders.is_empty() {
        let _ = writeln!(
            text,
            "  the scenario expects nothing of this stream yet; to pin it as it is, add:\n    expect:\n      \
             class_orders:\n        - {}",
            listed(&orders)
        );
    }
    Ok((text, good))
}

/// The digests of class orders as entries of a YAML list, after the first `- `.
fn listed(orders: &[(Seed, OrderDigest)]) -> String {
    let orders: Vec<&str> = orders.iter().map(|(_, order)| order.as_str()).collect();
    orders.join("\n        - ")
}

fn check_table(checks: &[ExpectationCheck]) -> String {
    let rows = checks.iter().map(|check| {
        let verdict = match (check.good, &check.expected) {
            (false, _) => "FAILED",
            (true, Some(_)) => "ok",
            (true, None) => "",
        };
        let expected = check.expected.as_deref().unwrap_or("–");
        [&check.what, expected, &check.found, verdict].map(str::to_owned)
    });
    let sides = [Side::Left, Side::Right, Side::Right, Side::Left];
    table(sides, ["check", "expected", "found", ""], rows)
}

/// The tables of a domain, whether everything is as expected, and its classes.
fn verified(
    scenario: &Scenario,
    domain: &DomainUse,
    interrupt: &Interrupt,
) -> Result<(String, bool, Vec<String>), Error> {
    let opened = open_whole(domain)?;
    let summary = opened.summary();
    let (mut orders, mut expected) = (Vec::new(), &Vec::new());
    if let Some(stream) = scenario.own_stream(&domain.name) {
        let of_seed = streams(scenario, stream, &[opened.classes()])?;
        (orders, expected) = (digests(scenario, stream, &of_seed), &stream.class_orders);
    }
    let content = hashed(domain, &opened, interrupt)?;
    let mut checks = domain.expect.compare(&summary);
    checks.extend(ExpectationCheck::class_orders(expected, &orders));
    checks.push(ExpectationCheck::content(&domain.expect, content.digest()));
    let findings = examined(&domain.name, &opened, interrupt)?;
    checks.push(ExpectationCheck::count(
        "images that do not decode",
        Some(0),
        findings.undecodable.len(),
    ));
    checks.push(ExpectationCheck::count(
        "test images also in train",
        Some(domain.expect.shared),
        findings.shared.len(),
    ));
    let good = checks.iter().all(|check| check.good);
    let mut text = format!(
        "{}: {} classes, {}\n",
        domain.name,
        summary.classes.len(),
        if good { "as expected" } else { "FAILED" }
    );
    let classes = summary.classes.iter().zip(per_class(&opened)).enumerate();
    let classes = classes.map(|(label, (name, [train, test]))| {
        let [label, train, test] = [label, train, test].map(|n| n.to_string());
        [label, name.clone(), train, test]
    });
    let sides = [Side::Right, Side::Left, Side::Right, Side::Right];
    text += &table(sides, ["label", "class", "train", "test"], classes);
    text.push('\n');
    text += &check_table(&checks);
    named(&mut text, &findings);
    if domain.expect == Default::default() && expected.is_empty() {
        let _ = writeln!(
            text,
            "  the scenario expects nothing of this domain yet; to pin it as it is, add:\n    expect:\n      train: {}\n      test: {}\n      split: {}\n      content: {}",
            summary.n_train,
            summary.n_test,
            summary.split_hash.as_str(),
            content.digest(),
        );
        if !orders.is_empty() {
            let _ = writeln!(text, "      class_orders:\n        - {}", listed(&orders));
        }
    }
    Ok((text, good, summary.classes))
}

/// Reads every image, even if it is remembered: `verify` believes nothing but the files.
fn hashed<'a>(
    domain: &DomainUse,
    opened: &'a Domain,
    interrupt: &Interrupt,
) -> Result<&'a Content, Error> {
    let bar = ImageBar::new(&format!("{}: reading", domain.name));
    let memory = ContentMemory::none();
    content(opened, &domain.name, &memory, interrupt, &|done, total| {
        bar.show(done, total)
    })
}

fn examined(name: &str, domain: &Domain, interrupt: &Interrupt) -> Result<Findings, Error> {
    let images = [Split::Train, Split::Test].map(|split| domain.samples(split).len());
    let (bar, done) = (
        ImageBar::new(&format!("{name}: decoding")),
        AtomicU64::new(0),
    );
    let findings = examine(domain, &|| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        bar.show(done, images.iter().sum::<usize>() as u64);
        !interrupt.requested()
    });
    findings.ok_or(Error::Interrupted)
}

/// The first bad images, line by line.
fn named(text: &mut String, findings: &Findings) {
    let undecodable = findings.undecodable.iter().map(|image| {
        let (split, sample) = (image.split, &image.sample);
        format!("does not decode: {split} {sample}: {}", image.error)
    });
    let shared = findings.shared.iter().map(|pair| {
        let (train, test) = (&pair.train, &pair.test);
        format!("in both splits: train {train} = test {test}")
    });
    for mut lines in [
        undecodable.collect::<Vec<_>>().into_iter(),
        shared.collect::<Vec<_>>().into_iter(),
    ] {
        for line in lines.by_ref().take(NAMED) {
            let _ = writeln!(text, "  {line}");
        }
        if lines.len() > 0 {
            let _ = writeln!(text, "  … and {} more", lines.len());
        }
    }
}

/// How a column is aligned.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// Rows below a header, with two spaces before each column.
fn table(sides: [Side; 4], header: [&str; 4], rows: impl Iterator<Item = [String; 4]>) -> String {
    let rows: Vec<_> = [header.map(str::to_owned)]
        .into_iter()
        .chain(rows)
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2, 3].map(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for ((field, side), width) in row.iter().zip(sides).zip(widths) {
            line += &match side {
                Side::Left => format!("  {field:<width$}"),
                Side::Right => format!("  {field:>width$}"),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}
