//! A job: a cell, and the paths of its files on this machine. As a line of JSON (`clbench plan
//! --json`), it is all that a process needs to run the cell.

use crate::domain::content::Trust;
use crate::domain::{Domain, Source};
use crate::error::Error;
use crate::plugin::PluginRef;
use crate::results::Cell;
use crate::scenario::{Checkpointing, Limits};
use crate::stream::open::Restriction;
use harness_abi::SourceFile;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The format of a job's line.
pub const JOB_FORMAT: u32 = 4;

/// One cell, ready to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The format of this line.
    pub format: u32,
    /// What to compute.
    pub cell: Cell,
    /// Where the files are.
    pub paths: Paths,
    /// Whether to save every prediction.
    pub save_predictions: bool,
    /// Whether the record is to have the confusion matrix after the last task.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confusion: bool,
    /// Whether the terminal is left to the strategy, for a debugger.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub debug: bool,
    /// How often to write a checkpoint.
    #[serde(default)]
    pub checkpoint: Checkpointing,
    /// What it may use.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
}

/// The paths of a cell's files on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// The images of the stream's domains, in their order.
    pub sources: Vec<Source>,
    /// For each of these domains, when a file of its images counts as unchanged.
    pub trust: Vec<Trust>,
    /// Those of the backbones, in the strategy's order.
    pub backbones: Vec<PluginPaths>,
    /// Those of the strategy.
    pub strategy: PluginPaths,
    /// Those of the strategy, if it is a script.
    #[serde(default, skip_serializing_if = "ScriptPaths::is_none")]
    pub script: ScriptPaths,
}

/// The paths of a strategy that is a script.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptPaths {
    /// The interpreter, if the scenario names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<PathBuf>,
    /// The files that its code was loaded from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceFile>,
}

impl ScriptPaths {
    fn is_none(&self) -> bool {
        *self == ScriptPaths::default()
    }
}

/// The paths of a backbone or a strategy on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginPaths {
    /// The plugin's file.
    pub plugin: PathBuf,
    /// Where relative paths among the parameters start: the folder of the scenario file in which
    /// they are written.
    pub folder: PathBuf,
}

impl Job {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// If it is not a job of this format, or the cell's id does not match its content.
    pub fn parse(line: &str) -> Result<Job, Error> {
        let unusable =
            |why: String| Error::Usage(format!("not a line of `clbench plan --json`: {why}"));
        let value: Value =
            serde_json::from_str(line).map_err(|error| unusable(error.to_string()))?;
        if value.get("features").is_some() {
            let why = "it is a set of features, for `clbench features`";
            return Err(unusable(why.into()));
        }
        if value["format"] != json!(JOB_FORMAT) {
            return Err(unusable(format!(
                "its format is {}, but this clbench reads format {JOB_FORMAT}; plan again",
                value["format"]
            )));
        }
        let job: Job = Job::deserialize(value).map_err(|error| unusable(error.to_string()))?;
        let Job { cell, paths, .. } = &job;
        let [domains, sources] = [cell.stream.domains.len(), paths.sources.len()];
        let [backbones, of_backbones] = [cell.backbones.len(), paths.backbones.len()];
        let cuts = cell.stream.spec.cuts.len();
        if domains == 0
            || domains != cuts
            || domains != sources
            || backbones != of_backbones
            || paths.trust.len() != sources
        {
            return Err(unusable(format!(
                "it must have as many domains as cuts, sources and values of `trust`, but has {domains}, {cuts}, {sources} and \
                 {}, and as many backbones as paths of backbones, but has {backbones} and {of_backbones}",
                paths.trust.len()
            )));
        }
        if cell.id != cell.proper_id() {
            return Err(unusable(format!(
                "its id {} does not match its content, whose id is {}; plan again instead of editing lines",
                cell.id,
                cell.proper_id()
            )));
        }
        Ok(job)
    }

    /// The job as a line, without the newline.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    /// Opens the stream's domain with this index, restricted by `--limit` and `--validation`. It must
    /// not have changed since the plan was made.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or has changed.
    pub fn open_domain(&self, index: usize) -> Result<Domain, Error> {
        let stream = &self.cell.stream;
        let planned = &stream.domains[index];
        let restriction = Restriction {
            limit: stream.limit,
            validation: stream.validation,
        };
        let domain = restriction.open(
            &planned.name,
            &self.paths.sources[index],
            planned.shots.as_ref(),
        )?;
        let found = domain.split_hash().as_str();
        if found != planned.split_hash {
            return Err(Error::DomainChanged {
                domain: planned.name.clone(),
                found: found.to_owned(),
                planned: planned.split_hash.clone(),
            });
        }
        Ok(domain)
    }

    /// The strategy's plugin file.
    pub fn strategy_plugin(&self) -> PluginRef {
        PluginRef {
            file: self.paths.strategy.plugin.clone(),
            id: self.cell.strategy.plugin.clone(),
        }
    }

    /// The plugin file of the backbone with this index.
    pub fn backbone_plugin(&self, index: usize) -> PluginRef {
        PluginRef {
            file: self.paths.backbones[index].plugin.clone(),
            id: self.cell.backbones[index].plugin.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::source::Digits;
    use crate::results::fixture::record;

    fn job() -> Job {
        let mut cell = record("digits", "linear", 1992, [90, 70]).cell;
        cell.id = cell.proper_id();
        Job {
            format: JOB_FORMAT,
            cell,
            paths: Paths {
                sources: vec![Digits {}.into()],
                trust: vec![Trust::Inode],
                backbones: vec![PluginPaths {
                    plugin: "/p/libpixels.so".into(),
                    folder: "/far".into(),
                }],
                strategy: PluginPaths {
                    plugin: "/p/libheads.so".into(),
                    folder: "/near".into(),
                },
                script: ScriptPaths::default(),
            },
            save_predictions: false,
            confusion: false,
            debug: false,
            checkpoint: Checkpointing::default(),
            limits: Limits::default(),
        }
    }

    #[test]
    fn a_line_round_trips_and_an_edited_one_is_refused() {
        let line = job().line();
        assert_eq!(Job::parse(&line).unwrap(), job());
        // A line without the option is what earlier versions wrote.
        assert!(!line.contains("confusion"));
        let confusion = Job {
            confusion: true,
            ..job()
        };
        assert_eq!(Job::parse(&confusion.line()).unwrap(), confusion);
        let refused = |from: &str, to: &str| {
            let changed = line.replace(from, to);
            assert_ne!(changed, line);
            Job::parse(&changed).unwrap_err().to_string()
        };
        let message = refused("\"seed\":1992", "\"seed\":7");
        assert!(message.contains("does not match its content"), "{message}");
        assert_eq!(
            refused("{\"format\":4", "{\"format\":3"),
            "not a line of `clbench plan --json`: its format is 3, but this clbench reads format 4; plan again"
        );
        assert_eq!(
            refused(r#"[{"plugin":"/p/libpixels.so","folder":"/far"}]"#, "[]"),
            "not a line of `clbench plan --json`: it must have as many domains as cuts, sources and \
             values of `trust`, but has 1, 1, 1 and 1, and as many backbones as paths of backbones, but has 1 and 0"
        );
    }
}
