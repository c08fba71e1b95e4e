//! The sections of a leaderboard, which contain comparable cells.
//!
//! Cells share a section if they learned the same tasks of the same images of the same splits in the
//! same class order. A class order may follow the seed, so it is compared seed by seed. Cells of
//! one scenario that were planned with different class orders or templates, because the scenario
//! was changed between two runs, share a section only if they have a seed in common that shows that
//! the change was one of spelling.

use super::ReportError;
use super::coverage::Coverage;
use super::identity::{content_digests, split_hashes};
use crate::id::Seed;
use crate::results::{CellRecord, CellStream};
use crate::stream::{ClassIdentity, ClassOrder};
use std::collections::BTreeMap;

/// The cells of one run: one scenario with the same `--limit` and `--validation`.
pub(super) struct Unit<'a> {
    pub(super) scenario: &'a str,
    /// The streams and seeds that a strategy needs to be ranked.
    pub(super) coverage: Coverage,
    members: Vec<usize>,
}

/// One section: indices into the records, each with its unit.
pub(super) struct Place {
    orders: BTreeMap<Seed, String>,
    pub(super) members: Vec<(usize, usize)>,
}

/// Groups records into units, and these into places. By default, a unit's coverage is what its
/// records cover together.
pub(super) fn sort<'a>(
    records: &'a [CellRecord],
    coverage: Option<&Coverage>,
) -> Result<(Vec<Unit<'a>>, Vec<Place>), ReportError> {
    let mut units: Vec<Unit<'a>> = Vec::new();
    let mut unit_of = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let cell = &record.cell;
        let key = (
            &cell.scenario,
            cell.stream.limit,
            cell.stream.validation.map(f64::to_bits),
        );
        let unit = *unit_of.entry(key).or_insert_with(|| {
            units.push(Unit {
                scenario: &cell.scenario,
                coverage: coverage.cloned().unwrap_or_default(),
                members: Vec::new(),
            });
            units.len() - 1
        });
        let unit = &mut units[unit];
        unit.members.push(index);
        if coverage.is_none() {
            if !unit.coverage.streams.contains(&cell.stream.name) {
                unit.coverage.streams.push(cell.stream.name.clone());
            }
            if !unit.coverage.seeds.contains(&cell.seed) {
                unit.coverage.seeds.push(cell.seed);
            }
        }
    }

    let mut places: Vec<Place> = Vec::new();
    let mut places_of: BTreeMap<Base<'a>, Vec<usize>> = BTreeMap::new();
    for (unit_index, unit) in units.iter_mut().enumerate() {
        unit.coverage.seeds.sort();
        for ((base, _), members) in by_base(records, &unit.members) {
            let orders = class_orders(records, &members, unit.scenario)?;
            let candidates = places_of.entry(base).or_default();
            let fits = |place: &Place| {
                let of_unit = place.members.iter().any(|(unit, _)| *unit == unit_index);
                let overlap = || orders.keys().any(|seed| place.orders.contains_key(seed));
                agree(&place.orders, &orders) && (!of_unit || overlap())
            };
            let place = candidates
                .iter()
                .copied()
                .find(|&place| fits(&places[place]));
            let place = place.unwrap_or_else(|| {
                places.push(Place {
                    orders: BTreeMap::new(),
                    members: Vec::new(),
                });
                candidates.push(places.len() - 1);
                places.len() - 1
            });
            places[place].orders.extend(orders);
            places[place]
                .members
                .extend(members.into_iter().map(|member| (unit_index, member)));
        }
    }
    Ok((units, places))
}

/// What cells of a section have in common, except for the class order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Base<'a> {
    stream: &'a str,
    /// Name, split hash and content digest of each domain.
    domains: Vec<(&'a str, &'a str, &'a str)>,
    task_sizes: &'a [u32],
    task_domains: &'a [u32],
}

impl<'a> Base<'a> {
    fn of(record: &'a CellRecord) -> Self {
        let CellRecord { cell, stream, .. } = record;
        let names = cell.stream.domains.iter().map(|domain| &*domain.name);
        let hashes = split_hashes(record).zip(content_digests(record));
        let domains = names.zip(hashes);
        Base {
            stream: &cell.stream.name,
            domains: domains
                .map(|(name, (split, content))| (name, split, content))
                .collect(),
            task_sizes: &stream.task_sizes,
            task_domains: &stream.task_domains,
        }
    }
}

/// What a scenario says about the classes: their order, what makes them one, and their texts.
#[derive(Debug, Clone, PartialEq)]
struct Planned<'a> {
    orders: Vec<&'a ClassOrder>,
    identity: ClassIdentity,
    templates: Vec<&'a [String]>,
}

impl<'a> Planned<'a> {
    fn of(stream: &'a CellStream) -> Self {
        let cuts = stream.spec.cuts.iter();
        Planned {
            orders: cuts.map(|cut| &cut.class_order).collect(),
            identity: stream.spec.classes,
            templates: stream.templates(),
        }
    }
}

/// The members by base and by what was planned, in order of first occurrence.
fn by_base<'a>(
    records: &'a [CellRecord],
    members: &[usize],
) -> Vec<((Base<'a>, Planned<'a>), Vec<usize>)> {
    let mut groups: Vec<((Base<'a>, Planned<'a>), Vec<usize>)> = Vec::new();
    for &member in members {
        let record = &records[member];
        let key = (Base::of(record), Planned::of(&record.cell.stream));
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, group)) => group.push(member),
            None => groups.push((key, vec![member])),
        }
    }
    groups
}

/// Each seed's class order; a scenario can only have one per seed.
fn class_orders(
    records: &[CellRecord],
    members: &[usize],
    scenario: &str,
) -> Result<BTreeMap<Seed, String>, ReportError> {
    let mut first_of: BTreeMap<Seed, &CellRecord> = BTreeMap::new();
    for record in members.iter().map(|&member| &records[member]) {
        let first = first_of.entry(record.cell.seed).or_insert(record);
        if first.stream.class_order_digest != record.stream.class_order_digest {
            return Err(ReportError::ClassOrder {
                first: first.cell.id.clone(),
                second: record.cell.id.clone(),
                scenario: scenario.to_owned(),
                seed: record.cell.seed,
            });
        }
    }
    let digest =
        |(seed, record): (Seed, &CellRecord)| (seed, record.stream.class_order_digest.clone());
    Ok(first_of.into_iter().map(digest).collect())
}

fn agree(one: &BTreeMap<Seed, String>, other: &BTreeMap<Seed, String>) -> bool {
    one.iter()
        .all(|(seed, order)| other.get(seed).is_none_or(|found| found == order))
}
