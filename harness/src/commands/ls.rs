//! `clbench ls`: what there is to use in a scenario.

use super::print;
use crate::cli::{Listed, PluginArgs};
use crate::error::Error;
use crate::plugin::{Kind, Registry};

/// Sources of domains: `source:` in a scenario.
const DOMAINS: [(&str, &str); 10] = [
    (
        "digits",
        "1,797 handwritten digits, 8×8, that are part of the program",
    ),
    (
        "pictures",
        "procedural pictures, 32×32, 40 classes; `style`: plain, faded, recoloured, sketch or negative",
    ),
    (
        "image-folder",
        "a folder with train/<class>/*.png|jpg and test/<class>/*.png|jpg; `path`, or any folders and a `split`",
    ),
    (
        "file-list",
        "PNG and JPEG files in any folders, and a `split` that says all of them: JSON, YAML or CSV; `path`",
    ),
    (
        "parquet",
        "parquet files as Hugging Face writes them; `path`, `columns`",
    ),
    (
        "webdataset",
        "tar shards of images with .cls, .json or .txt beside them; `path`",
    ),
    ("cub", "the folder of CUB-200-2011; `path`"),
    ("cars", "Cars-196 with its .mat annotations; `path`"),
    ("isic", "ISIC 2018 or HAM10000, a folder and a CSV; `path`"),
    (
        "idx",
        "a folder with the four files of MNIST or Fashion-MNIST, plain or gzipped; `path`, `classes`",
    ),
];

pub(super) fn ls(what: Listed, plugins: &PluginArgs) -> Result<(), Error> {
    let offers = |kind| {
        let registry = Registry::discover(&plugins.search_path())?;
        let rows = registry
            .offers(kind)
            .map(|(file, offer)| {
                [
                    offer.name.clone(),
                    offer.summary.clone(),
                    file.path().display().to_string(),
                ]
            })
            .collect();
        Ok::<_, Error>(rows)
    };
    let rows: Vec<[String; 3]> = match what {
        Listed::Domains => DOMAINS
            .map(|(name, summary)| [name.into(), summary.into(), "built in".into()])
            .into(),
        Listed::Strategies => offers(Kind::Strategy)?,
        Listed::Backbones => offers(Kind::Backbone)?,
        Listed::Metrics => offers(Kind::Metric)?,
        Listed::Plugins => Registry::discover(&plugins.search_path())?
            .files()
            .iter()
            .map(|file| {
                let manifest = file.manifest();
                [
                    format!("{} {}", manifest.plugin, manifest.version),
                    manifest
                        .runtime
                        .clone()
                        .unwrap_or_else(|| "no runtime".into()),
                    file.path().display().to_string(),
                ]
            })
            .collect(),
    };
    if rows.is_empty() {
        let path = plugins.search_path();
        let folders: Vec<_> = path
            .folders()
            .map(|folder| folder.display().to_string())
            .collect();
        eprintln!(
            "there is no plugin that offers any; searched {}",
            folders.join(", ")
        );
        return Ok(());
    }
    print(&columns(&rows))
}

fn columns(rows: &[[String; 3]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let (first, second) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
    rows.iter()
        .map(|[a, b, c]| format!("{a:<first$}  {b:<second$}  {c}\n"))
        .collect()
}
