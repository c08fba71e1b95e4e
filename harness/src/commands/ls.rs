//! `clbench ls`: what there is to use in a scenario.

use super::print::print;
use crate::cli::{Listed, PluginArgs};
use crate::domain::Source;
use crate::error::Error;
use crate::plugin::{Kind, Registry};

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
        Listed::Domains => (Source::all().iter())
            .map(|source| [source.name, source.summary, "built in"].map(String::from))
            .collect(),
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
