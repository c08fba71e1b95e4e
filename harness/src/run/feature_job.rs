//! A set of features as a line of JSON (`clbench plan --json --features`): all that a process needs
//! to compute it before the cells that read it, anywhere.

use super::child::{Child, Work};
use super::embed::Embedder;
use super::feature_sets::{FeatureSet, title};
use super::host::host;
use super::opened::{Plugins, features_of, open_backbone};
use super::show::Show;
use super::{Caches, Events, Interrupt, Job, Planned, Watch, silent};
use crate::error::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// The format of the line.
const FORMAT: u32 = 1;

/// The outputs of one backbone on one domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureJob {
    /// The format of this line.
    features: u32,
    /// A cell that reads them.
    job: Job,
    /// The index of the domain in the cell's stream.
    domain: usize,
    /// The index of the backbone among the cell's.
    backbone: usize,
    /// The outputs that cells read in addition to the embedding.
    outputs: Vec<String>,
}

impl FeatureJob {
    /// All that these cells need, in the order of the cells.
    pub fn all(cells: &[&Planned]) -> Vec<FeatureJob> {
        let sets = FeatureSet::all(cells).into_iter();
        sets.map(|set| FeatureJob {
            features: FORMAT,
            job: set.job.clone(),
            domain: set.domain,
            backbone: set.backbone,
            outputs: set.outputs,
        })
        .collect()
    }

    /// Reads a line.
    ///
    /// # Errors
    ///
    /// If it is not a set of features of this format.
    pub fn parse(line: &str) -> Result<FeatureJob, Error> {
        let unusable = |why: String| {
            Error::Usage(format!(
                "not a line of `clbench plan --json --features`: {why}"
            ))
        };
        let value: Value =
            serde_json::from_str(line).map_err(|error| unusable(error.to_string()))?;
        if value.get("features").is_none() && value.get("cell").is_some() {
            return Err(unusable("it is a cell, for `clbench cell`".into()));
        }
        if value["features"] != json!(FORMAT) {
            return Err(unusable(format!(
                "its format is {}, but this clbench reads format {FORMAT}; plan again",
                value["features"]
            )));
        }
        let job = FeatureJob::deserialize(value).map_err(|error| unusable(error.to_string()))?;
        let checked = Job::parse(&job.job.line())?;
        if job.domain >= checked.paths.sources.len()
            || job.backbone >= checked.paths.backbones.len()
        {
            return Err(unusable("its cell has no such domain or backbone".into()));
        }
        Ok(job)
    }

    /// The set as a line, without the newline.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    /// For people: `digits · features of clip (also class_token)`.
    pub(super) fn title(&self) -> String {
        title(&self.job, self.domain, self.backbone, &self.outputs)
    }

    /// Computes the features in a process of their own, as `clbench features` does. Its output goes
    /// to standard error.
    ///
    /// # Errors
    ///
    /// If they cannot be computed or stored.
    pub fn run_alone(&self, interrupt: &Interrupt) -> Result<(), Error> {
        let (title, clock) = (self.title(), Instant::now());
        let show = Show::of_one_process();
        let speaking = interrupt.speak_through(show.speaker());
        let mut line = show.begin(title.clone());
        let tell = |length| show.say(&silent(&title, length));
        let child = Child {
            work: Work::Features,
            args: &["embed", "--set"],
            paths: &[],
            input: &self.line(),
            threads: self.job.cell.threads,
            gpu: None,
            log: None,
            foreground: false,
            watch: Watch {
                silent: Some(&tell),
                ..Watch::default()
            },
        };
        let ended = child.run(interrupt, &mut |event| line.hear(&show, &event));
        drop(line);
        drop(speaking);
        if ended.is_ok() {
            show.say(&format!("{title}  {:.1} s", clock.elapsed().as_secs_f64()));
        }
        ended
    }

    /// Opens or computes the features, in this process.
    ///
    /// # Errors
    ///
    /// If the domain or the backbone cannot be opened or has changed since the run was planned, an
    /// image cannot be read, the backbone fails, or a file cannot be written.
    pub fn compute(
        &self,
        caches: &Caches,
        events: &Arc<Events>,
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        let FeatureJob { job, domain, .. } = self;
        let opened = job.open_domain(*domain)?;
        let host = host(events.clone(), interrupt.clone(), Arc::default());
        let mut plugins = Plugins::on(&job.cell.device);
        let (handle, plugin) = open_backbone(job, self.backbone, &mut plugins, &host, events)?;
        let backbone = &job.cell.backbones[self.backbone];
        events.stage(features_of(backbone, &job.paths.backbones[self.backbone]));
        let embedder = Embedder {
            domain: &opened,
            domain_name: &job.cell.stream.domains[*domain].name,
            store: &caches.features,
            memory: &caches.content.trusting(job.paths.trust[*domain]),
            events,
            interrupt,
        };
        let features = embedder.embed(backbone, &plugin, &handle, &self.outputs);
        features.map(drop)
    }
}
