//! `clbench validate`: what can be known of a scenario without running anything.

use super::print::print;
use crate::cli::PluginArgs;
use crate::error::Error;
use crate::plugin::{Kind, PluginError, PluginFault, PluginFile, Registry};
use crate::run::parameters::{check_backbone, check_strategy};
use crate::scenario::Scenario;
use crate::stream::open::{Restriction, open};
use crate::stream::warnings::warnings;
use crate::terminal::{self, on_one_line};
use std::fmt::Write;
use std::path::Path;

pub(super) fn validate(path: &Path, plugins: &PluginArgs) -> Result<(), Error> {
    let scenario = Scenario::load(path, &[])?;
    let registry = Registry::discover(&plugins.search_path())?;
    let (domains, strategies, seeds) = (
        scenario.domains.len(),
        scenario.strategies.len(),
        scenario.seeds.len(),
    );
    let mut text = format!(
        "{} is valid: {} × {} × {} = {}\n",
        path.display(),
        counted(domains, "domain"),
        counted(strategies, "strategy row"),
        counted(seeds, "seed"),
        counted(domains * strategies * seeds, "cell")
    );
    let mut classes = Vec::new();
    for domain in &scenario.domains {
        // A scenario can be checked before its images have been fetched.
        if let Some(path) = domain.source.root().filter(|path| !path.exists()) {
            let _ = writeln!(
                text,
                "  domain {}: not checked, because its images are missing: {}",
                domain.name,
                path.display()
            );
            classes.push(None);
            continue;
        }
        let summary = open(&scenario, domain, Restriction::default())?.summary;
        classes.push(Some(summary.classes.len()));
        let _ = writeln!(
            text,
            "  domain {}: {} classes, {} train, {} test, split {}",
            domain.name,
            summary.classes.len(),
            summary.n_train,
            summary.n_test,
            &summary.split_hash.as_str()[..12]
        );
        let _ = writeln!(text, "    {}", class_names(&summary.classes));
    }
    let mut unchecked = Unchecked::default();
    for backbone in &scenario.backbones {
        let named = backbone.plugin.as_deref();
        if let Some(file) = unchecked.find(&registry, Kind::Backbone, &backbone.use_, named)? {
            check_backbone(&scenario, backbone, &file)?;
        }
    }
    for row in &scenario.strategies {
        let named = row.plugin.as_deref();
        if let Some(file) = unchecked.find(&registry, Kind::Strategy, &row.use_, named)? {
            check_strategy(&scenario, row, &file)?;
        }
    }
    let metrics = scenario.metrics.iter().flatten();
    let shown = scenario.columns.iter().flatten();
    for metric in metrics.chain(&scenario.rank_by).chain(shown) {
        unchecked.find(&registry, Kind::Metric, metric, None)?;
    }
    text.extend(unchecked.0.iter().map(|line| format!("{line}\n")));
    print(&text)?;
    for warning in warnings(&scenario, &classes) {
        terminal::say(format_args!("warning: {warning}"));
    }
    Ok(())
}

/// What cannot be checked, because a scenario can be written before any plugin is built.
#[derive(Default)]
struct Unchecked(Vec<String>);

impl Unchecked {
    /// The plugin file that offers a name; `None` if it has not been built.
    fn find(
        &mut self,
        registry: &Registry,
        kind: Kind,
        name: &str,
        named: Option<&Path>,
    ) -> Result<Option<PluginFile>, Error> {
        match registry.find(kind, name, named) {
            Ok(file) => Ok(Some(file)),
            Err(error) if not_built(&error, registry) => {
                let line =
                    format!("  not checked: {kind} `{name}`, because its plugin is not built");
                if !self.0.contains(&line) {
                    self.0.push(line);
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn not_built(error: &PluginError, registry: &Registry) -> bool {
    match error {
        PluginError::File { fault, .. } => matches!(fault, PluginFault::Missing),
        PluginError::Unknown { .. } => registry.files().is_empty(),
        _ => false,
    }
}

/// All of them, or as many as help to see whether they are the right ones.
fn class_names(classes: &[String]) -> String {
    const SHOWN: usize = 20;
    let more = match classes.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(", … and {more} more"),
    };
    let shown: Vec<_> = classes
        .iter()
        .take(SHOWN)
        .map(|name| on_one_line(name))
        .collect();
    shown.join(", ") + &more
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
