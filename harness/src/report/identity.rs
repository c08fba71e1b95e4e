//! The identity of a number: what it was computed from. Every row of every CSV begins with it.

use crate::results::{CellBackbone, CellRecord};
use crate::scenario::Regime;
use crate::stream::Augmentation;
use serde::Serialize;

/// Split, images, class order, weights and plugin files of one cell, or of a row that summarises
/// several.
///
/// If the cells of a row differ in a hash, as class orders do when they follow the seed, or a stream
/// has several domains, the row has `combined:` and a hash of their hashes. If they differ in a name or version, it has all of
/// them, joined by `+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The scenario's name.
    pub scenario: String,
    /// Hash of the split of the stream's domain.
    pub split_hash: String,
    /// Hash of the images.
    pub content_digest: String,
    /// Hash of the class order.
    pub class_order_digest: String,
    /// The backbones' rows in the scenario.
    pub backbone: String,
    /// Hash of their weights and preprocessing.
    pub backbone_fingerprint: String,
    /// Hash of the files of their plugins.
    pub backbone_plugin_hash: String,
    /// The strategy's row in the scenario.
    pub strategy: String,
    /// The strategy's name in its plugin.
    pub method: String,
    /// The strategy's plugin.
    pub plugin: String,
    /// Its version.
    pub plugin_version: String,
    /// Hash of its file.
    pub plugin_hash: String,
    /// Hash of everything else that affects the numbers: parameters, backbones, threads, device,
    /// data type, augmentation.
    pub settings: String,
}

impl Identity {
    /// The identity of one cell or of several, in the order of their seeds.
    pub fn of(cells: &[&CellRecord]) -> Self {
        let per_backbone = |field: fn(&CellBackbone) -> &str| {
            move |record: &CellRecord| -> String {
                let backbones = record.cell.backbones.iter();
                backbones.map(field).collect::<Vec<_>>().join("+")
            }
        };
        Self {
            scenario: names(cells, |record| record.cell.scenario.clone()),
            split_hash: combined(cells.iter().flat_map(|cell| split_hashes(cell))),
            content_digest: combined(cells.iter().flat_map(|cell| content_digests(cell))),
            class_order_digest: combined(
                cells
                    .iter()
                    .map(|record| &*record.stream.class_order_digest),
            ),
            backbone: names(cells, per_backbone(|b| &b.name)),
            backbone_fingerprint: hashes(cells, per_backbone(|b| &b.fingerprint)),
            backbone_plugin_hash: hashes(cells, per_backbone(|b| &b.plugin.hash)),
            strategy: names(cells, |record| record.cell.strategy.row.clone()),
            method: names(cells, |record| record.cell.strategy.use_.clone()),
            plugin: names(cells, |record| record.cell.strategy.plugin.name.clone()),
            plugin_version: names(cells, |record| record.cell.strategy.plugin.version.clone()),
            plugin_hash: hashes(cells, |record| record.cell.strategy.code_hash()),
            settings: hashes(cells, settings),
        }
    }
}

/// Twelve hex digits that cover everything that affects a cell's numbers except domain and seed.
///
/// What a strategy declares (what it keeps, its number of parameters) follows from that and is left
/// out.
pub(super) fn settings(record: &CellRecord) -> String {
    #[derive(Serialize)]
    struct Settings<'a> {
        method: &'a str,
        plugin_hash: String,
        regime: Regime,
        parameters: &'a serde_json::Value,
        backbones: Vec<[&'a str; 3]>,
        threads: u32,
        device: &'a str,
        dtype: &'a str,
        #[serde(skip_serializing_if = "Augmentation::is_none")]
        augmentation: Augmentation,
    }
    let cell = &record.cell;
    let strategy = &cell.strategy;
    let settings = Settings {
        method: &strategy.use_,
        plugin_hash: strategy.code_hash(),
        regime: strategy.regime,
        parameters: &strategy.parameters,
        backbones: cell
            .backbones
            .iter()
            .map(|b| [&*b.name, &*b.plugin.hash, &*b.fingerprint])
            .collect(),
        threads: cell.threads,
        device: &cell.device,
        dtype: cell.dtype(),
        augmentation: cell.stream.spec.augmentation,
    };
    let json =
        serde_json::to_string(&settings).expect("strings, numbers and JSON values serialise");
    short_hash(json.as_bytes())
}

/// Twelve hex digits.
fn short_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..12].to_owned()
}

fn hashes(cells: &[&CellRecord], field: impl Fn(&CellRecord) -> String) -> String {
    let values: Vec<String> = cells.iter().map(|cell| field(cell)).collect();
    combined(values.iter().map(String::as_str))
}

/// The split hash of each domain of a cell.
pub(super) fn split_hashes(record: &CellRecord) -> impl Iterator<Item = &str> {
    let domains = record.cell.stream.domains.iter();
    domains.map(|domain| &*domain.split_hash)
}

/// The content digest of each domain of a cell.
pub(super) fn content_digests(record: &CellRecord) -> impl Iterator<Item = &str> {
    let domains = record.stream.domains.iter();
    domains.map(|domain| &*domain.content_digest)
}

/// A hash, or a hash of several.
pub(super) fn combined<'a>(hashes: impl Iterator<Item = &'a str>) -> String {
    let hashes: Vec<&str> = hashes.collect();
    match hashes.split_first() {
        None => String::new(),
        Some((first, rest)) if rest.iter().all(|hash| hash == first) => (*first).to_owned(),
        Some(_) => format!("combined:{}", short_hash(hashes.join("\n").as_bytes())),
    }
}

fn names(cells: &[&CellRecord], field: impl Fn(&CellRecord) -> String) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for value in cells.iter().map(|cell| field(cell)) {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct.join("+")
}
