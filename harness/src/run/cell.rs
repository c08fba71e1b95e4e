//! A cell: one domain, one strategy, one seed. As a line of JSON it is all that another machine needs to run it.

use super::canonical::canonical;
use crate::domain::{Domain, Source};
use crate::error::Error;
use crate::id::Seed;
use crate::plugin::PluginFile;
use crate::scenario::{Provenance, Regime};
use crate::stream::StreamSpec;
use crate::stream::open::Restriction;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The format of a cell's line.
pub const CELL_FORMAT: u32 = 1;

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The format of this line.
    pub format: u32,
    /// `<domain>-<strategy>-s<seed>-<12 hex>`: the hash is of all that moves the cell's numbers.
    pub id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's folder: relative paths among a backbone's parameters start here.
    pub folder: PathBuf,
    /// On what.
    pub domain: CellDomain,
    /// With which backbones, in the strategy's order.
    pub backbones: Vec<CellBackbone>,
    /// What.
    pub strategy: CellStrategy,
    /// The seed.
    pub seed: Seed,
    /// Threads of one operation.
    pub threads: u32,
    /// Where to compute.
    pub device: String,
    /// Whether every prediction is kept.
    pub save_predictions: bool,
}

/// A cell's domain and how it is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellDomain {
    /// Its name in the scenario.
    pub name: String,
    /// Where its images are.
    pub source: Source,
    /// Which samples they are.
    pub split_hash: String,
    /// Its templates.
    pub templates: Vec<String>,
    /// How it is cut into tasks.
    pub stream: StreamSpec,
    /// `--limit`.
    pub limit: Option<NonZeroUsize>,
    /// `--validation`.
    pub validation: Option<f64>,
}

/// A plugin file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginRef {
    /// The file.
    pub file: PathBuf,
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 of the file.
    pub hash: String,
}

/// A cell's backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellBackbone {
    /// Its name in the scenario.
    pub name: String,
    /// Its name in the plugin.
    #[serde(rename = "use")]
    pub use_: String,
    /// The plugin.
    pub plugin: PluginRef,
    /// Its parameters.
    pub parameters: Value,
    /// Of its weights and preprocessing.
    pub fingerprint: String,
    /// The type that it computes in.
    pub dtype: String,
}

/// A cell's strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellStrategy {
    /// The row of the leaderboard.
    pub row: String,
    /// Its name in the plugin.
    #[serde(rename = "use")]
    pub use_: String,
    /// The plugin.
    pub plugin: PluginRef,
    /// Task after task, or all at once.
    pub regime: Regime,
    /// Its parameters.
    pub parameters: Value,
    /// Where they come from.
    pub provenance: Option<Provenance>,
    /// After how many trials.
    pub trials: Option<u32>,
}

impl From<&PluginFile> for PluginRef {
    fn from(file: &PluginFile) -> PluginRef {
        PluginRef {
            file: file
                .path()
                .canonicalize()
                .unwrap_or_else(|_| file.path().to_owned()),
            name: file.manifest().plugin.clone(),
            version: file.manifest().version.clone(),
            hash: file.hash().to_owned(),
        }
    }
}

impl CellDomain {
    /// Opens the domain, cut as `--limit` and `--validation` say.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(&self) -> Result<Domain, Error> {
        let restriction = Restriction {
            limit: self.limit,
            validation: self.validation,
        };
        restriction.open(&self.name, &self.source)
    }
}

impl Cell {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// If it is not a cell of this format, or its id is not that of its content.
    pub fn parse(line: &str) -> Result<Cell, Error> {
        let unusable = |why: String| Error::Usage(format!("not a cell of `plan --json`: {why}"));
        let value: Value =
            serde_json::from_str(line).map_err(|error| unusable(error.to_string()))?;
        if value["format"] != json!(CELL_FORMAT) {
            return Err(unusable(format!(
                "its format is {}, this clbench reads {CELL_FORMAT}",
                value["format"]
            )));
        }
        let cell: Cell = Cell::deserialize(value).map_err(|error| unusable(error.to_string()))?;
        if cell.id != cell.proper_id() {
            return Err(unusable(format!(
                "its id {} does not belong to its content, whose id is {}",
                cell.id,
                cell.proper_id()
            )));
        }
        Ok(cell)
    }

    /// The id that belongs to the cell's content. Not in it: paths, the plugin's file (a record that another file made
    /// is stale, not another cell), metrics.
    pub(super) fn proper_id(&self) -> String {
        let backbones: Vec<_> = self
            .backbones
            .iter()
            .map(|backbone| {
                json!({
                    "use": backbone.use_,
                    "parameters": backbone.parameters,
                    "fingerprint": backbone.fingerprint,
                    "dtype": backbone.dtype,
                })
            })
            .collect();
        let content = json!({
            "format": self.format,
            "domain": self.domain.name,
            "split_hash": self.domain.split_hash,
            "templates": self.domain.templates,
            "stream": self.domain.stream,
            "limit": self.domain.limit,
            "validation": self.domain.validation,
            "backbones": backbones,
            "row": self.strategy.row,
            "strategy": self.strategy.use_,
            "regime": self.strategy.regime,
            "parameters": self.strategy.parameters,
            "seed": self.seed,
            "threads": self.threads,
            "device": self.device,
        });
        let hash = blake3::hash(canonical(&content).as_bytes()).to_hex();
        format!(
            "{}-{}-s{}-{}",
            slug(&self.domain.name),
            slug(&self.strategy.row),
            self.seed,
            &hash[..12]
        )
    }

    /// For people: domain, strategy, seed.
    pub fn title(&self) -> String {
        format!(
            "{} · {} · seed {}",
            self.domain.name, self.strategy.row, self.seed
        )
    }

    /// The type that it computes in: its backbone's.
    pub fn dtype(&self) -> &str {
        self.backbones
            .first()
            .map_or("f32", |backbone| &backbone.dtype)
    }
}

/// A name as part of a file's name.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+') {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
        // Longer names are told apart by the hash.
        if slug.len() == 60 {
            break;
        }
    }
    slug.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::source::Digits;
    use crate::stream::{Augmentation, ClassOrder, SeedRef, Tasks};

    fn cell() -> Cell {
        let plugin = PluginRef {
            file: "/p/libx.so".into(),
            name: "x".into(),
            version: "0.1.0".into(),
            hash: "h".into(),
        };
        let mut cell = Cell {
            format: CELL_FORMAT,
            id: String::new(),
            scenario: "s".into(),
            folder: "/s".into(),
            domain: CellDomain {
                name: "digits".into(),
                source: Digits {}.into(),
                split_hash: "abc".into(),
                templates: vec!["a {}".into()],
                stream: StreamSpec {
                    tasks: Tasks::Count(5),
                    class_order: ClassOrder::numpy(SeedRef::CellSeed),
                    augmentation: Augmentation::None,
                },
                limit: None,
                validation: None,
            },
            backbones: vec![CellBackbone {
                name: "pixels".into(),
                use_: "pixels".into(),
                plugin: plugin.clone(),
                parameters: json!({"size": 8}),
                fingerprint: "f".into(),
                dtype: "f32".into(),
            }],
            strategy: CellStrategy {
                row: "linear[lr=0.1, \"é\"]".into(),
                use_: "linear".into(),
                plugin,
                regime: Regime::Sequential,
                parameters: json!({"lr": 0.1}),
                provenance: None,
                trials: None,
            },
            seed: Seed(1992),
            threads: 1,
            device: "cpu".into(),
            save_predictions: false,
        };
        cell.id = cell.proper_id();
        cell
    }

    #[test]
    fn the_id_follows_what_moves_the_numbers_and_nothing_else() {
        let id = cell().id;
        assert!(id.starts_with("digits-linear-lr-0.1-s1992-"), "{id}");
        let changed = |change: fn(&mut Cell)| {
            let mut cell = cell();
            change(&mut cell);
            cell.proper_id()
        };
        assert_eq!(id, changed(|cell| cell.folder = "/elsewhere".into()));
        assert_eq!(id, changed(|cell| cell.strategy.plugin.hash = "i".into()));
        assert_eq!(id, changed(|cell| cell.save_predictions = true));
        for other in [
            changed(|cell| cell.domain.split_hash = "abd".into()),
            changed(|cell| cell.domain.stream.tasks = Tasks::Count(2)),
            changed(|cell| {
                cell.domain.stream.augmentation = Augmentation::RandomResizedCropAndFlip;
            }),
            changed(|cell| cell.backbones[0].fingerprint = "g".into()),
            changed(|cell| cell.backbones[0].parameters = json!({"size": 9})),
            changed(|cell| cell.strategy.parameters = json!({"lr": 0.2})),
            changed(|cell| cell.strategy.regime = Regime::Joint),
            changed(|cell| cell.seed = Seed(1)),
            changed(|cell| cell.threads = 2),
            changed(|cell| cell.device = "cuda".into()),
            changed(|cell| cell.domain.limit = NonZeroUsize::new(3)),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn a_line_comes_back_and_a_changed_one_is_refused() {
        let line = serde_json::to_string(&cell()).unwrap();
        assert_eq!(Cell::parse(&line).unwrap(), cell());
        let error = Cell::parse(&line.replace("\"seed\":1992", "\"seed\":7")).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("does not belong to its content"),
            "{message}"
        );
        let error = Cell::parse(&line.replace("\"format\":1", "\"format\":2")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not a cell of `plan --json`: its format is 2, this clbench reads 1"
        );
    }
}
