//! `clbench ls`: what a scenario can use.

use super::describe;
use super::print::print;
use crate::cli::{Listed, PluginArgs};
use crate::domain::Source;
use crate::error::Error;
use crate::plugin::{Kind, Registry};
use crate::suggest;
use crate::terminal;

pub(super) fn ls(what: Listed, name: Option<&str>, plugins: &PluginArgs) -> Result<(), Error> {
    match name {
        Some(name) => print(&one(what, name, plugins)?),
        None => list(what, plugins),
    }
}

/// One of them in full.
fn one(what: Listed, name: &str, plugins: &PluginArgs) -> Result<String, Error> {
    let kind = match what {
        Listed::Strategies => Kind::Strategy,
        Listed::Backbones => Kind::Backbone,
        Listed::Metrics => Kind::Metric,
        Listed::Domains => {
            let source = Source::all().iter().find(|source| source.name == name);
            let source = source.ok_or_else(|| {
                let hint = suggest::hint(name, Source::NAMES.iter().copied());
                Error::Usage(format!("no source of images is called `{name}`{hint}"))
            })?;
            return Ok(describe::source(source));
        }
        Listed::Plugins => {
            return Err(Error::Usage(format!(
                "`clbench ls plugins` takes no name; `clbench plugin inspect FILE` shows a plugin \
                 file, and `clbench ls strategies {name}` a strategy"
            )));
        }
    };
    let file = Registry::discover(&plugins.search_path())?.find(kind, name, None)?;
    let offer = file.offer(kind, name).expect("the registry found it there");
    Ok(describe::offer(&file, offer))
}

fn list(what: Listed, plugins: &PluginArgs) -> Result<(), Error> {
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
                        .unwrap_or_else(|| "no runtime library".into()),
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
        terminal::say(format_args!(
            "no plugin offers any; searched {}",
            folders.join(", ")
        ));
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
