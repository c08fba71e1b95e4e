//! Opens a cell's domains, plugins and backbones in the cell's process. None may have changed since
//! the run was planned. Then, once the strategy has said which outputs of the backbones it reads,
//! opens their features.

use super::content::{content, sent};
use super::host::host;
use super::pool::{Pool, PooledDomain};
use super::scalars::Scalars;
use super::script::Start;
use super::{Caches, Embedded, Embedder, Events, Interrupt, Job, PluginPaths};
use crate::error::Error;
use crate::plugin::{Loaded, PluginFile, PluginRef};
use crate::results::CellBackbone;
use harness_abi::backbone::BackboneSetting;
use harness_abi::{BackboneHandle, Host};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A cell's domains, plugins and backbones.
pub struct Opened {
    pub(super) pool: Pool,
    pub(super) plugins: Plugins,
    /// In the strategy's order, each with its plugin.
    pub(super) backbones: Vec<(BackboneHandle, Arc<Loaded>)>,
    /// Where relative paths among the strategy's parameters start.
    pub(super) strategy_folder: PathBuf,
    /// The strategy's parameters as its plugin gets them.
    pub(super) strategy_parameters: Value,
    pub(super) host: Host,
    /// What plugins report to the host while the strategy learns.
    pub(super) scalars: Arc<Scalars>,
}

impl Opened {
    /// Opens the domains, and creates the backbones. A strategy that is a script runs from the
    /// copy of its sources in `snapshot`.
    ///
    /// # Errors
    ///
    /// If any of them cannot be opened, or has changed since the run was planned.
    pub fn open(
        job: &Job,
        snapshot: Option<&Path>,
        events: &Arc<Events>,
        interrupt: &Interrupt,
    ) -> Result<Opened, Error> {
        let domains = job.cell.stream.domains.iter().enumerate();
        let domains = domains.map(|(number, planned)| {
            Ok(PooledDomain {
                number,
                name: planned.name.clone(),
                domain: job.open_domain(number)?,
            })
        });
        let pool = Pool::new(domains.collect::<Result<_, Error>>()?);
        let scalars = Arc::<Scalars>::default();
        let host = host(events.clone(), interrupt.clone(), scalars.clone());
        let mut plugins = Plugins::on(&job.cell.device);
        let backbones = (0..job.cell.backbones.len())
            .map(|index| open_backbone(job, index, &mut plugins, &host, events))
            .collect::<Result<_, _>>()?;
        Ok(Opened {
            pool,
            plugins,
            backbones,
            strategy_folder: job.paths.strategy.folder.clone(),
            strategy_parameters: Start {
                interpreter: job.paths.script.interpreter.as_deref(),
                snapshot,
                debug: job.debug,
            }
            .with(&job.cell.strategy.parameters),
            host,
            scalars,
        })
    }

    /// Opens or computes the features of each backbone: its embeddings, and the given other
    /// outputs. From then on, the contents of the domains are known.
    ///
    /// # Errors
    ///
    /// If they cannot be opened or computed.
    pub fn embed(
        &self,
        job: &Job,
        outputs: &[Vec<String>],
        caches: &Caches,
        events: &Events,
        interrupt: &Interrupt,
    ) -> Result<Vec<Embedded>, Error> {
        let handles = self.backbones.iter().map(|(handle, _)| handle.clone());
        let mut embedded: Vec<Embedded> = handles
            .map(|handle| Embedded {
                handle,
                domains: Vec::new(),
            })
            .collect();
        for pooled in self.pool.domains() {
            let memory = caches.content.trusting(job.paths.trust[pooled.number]);
            let embedder = Embedder {
                domain: &pooled.domain,
                domain_name: &pooled.name,
                store: &caches.features,
                memory: &memory,
                events,
                interrupt,
            };
            let backbones = job.cell.backbones.iter().zip(&job.paths.backbones);
            let backbones = backbones.zip(&self.backbones).zip(outputs);
            for (embedded, (((backbone, paths), (handle, plugin)), outputs)) in
                embedded.iter_mut().zip(backbones)
            {
                events.stage(features_of(backbone, paths));
                let features = embedder.embed(backbone, plugin, handle, outputs)?;
                embedded.domains.push(features);
            }
            // Without a backbone, nothing has read the images.
            let (domain, name) = (&pooled.domain, &pooled.name);
            content(domain, name, &memory, interrupt, &sent(events))?;
        }
        Ok(embedded)
    }
}

/// The stage in which a backbone computes features.
pub(super) fn features_of(backbone: &CellBackbone, paths: &PluginPaths) -> String {
    let plugin = paths.plugin.display();
    format!("features of `{}` of plugin {plugin}", backbone.name)
}

/// Creates the backbone of a cell with this index. Neither it nor its plugin may have changed since
/// the run was planned.
pub(super) fn open_backbone(
    job: &Job,
    index: usize,
    plugins: &mut Plugins,
    host: &Host,
    events: &Events,
) -> Result<(BackboneHandle, Arc<Loaded>), Error> {
    let (cell, backbone) = (&job.cell, &job.cell.backbones[index]);
    let plugin = job.backbone_plugin(index);
    events.stage(format!(
        "creating backbone `{}` of plugin {}",
        backbone.name,
        plugin.file.display()
    ));
    let plugin = plugins.load(&plugin)?;
    let setting = BackboneSetting {
        device: cell.device.clone(),
        threads: cell.threads,
        folder: job.paths.backbones[index].folder.clone(),
        host: host.clone(),
    };
    let handle = plugin.backbone(&backbone.use_, &backbone.parameters, &setting)?;
    if handle.info().fingerprint != backbone.fingerprint {
        return Err(Error::BackboneChanged {
            backbone: backbone.name.clone(),
            found: handle.info().fingerprint.clone(),
            planned: backbone.fingerprint.clone(),
        });
    }
    if handle.info().dtype != backbone.dtype {
        return Err(Error::BackboneType {
            backbone: backbone.name.clone(),
            device: cell.device.clone(),
            found: handle.info().dtype.clone(),
            planned: backbone.dtype.clone(),
        });
    }
    Ok((handle, plugin))
}

/// Plugin files that this process has loaded, to compute on one device.
pub(super) struct Plugins {
    device: String,
    loaded: HashMap<String, Arc<Loaded>>,
}

impl Plugins {
    pub(super) fn on(device: &str) -> Plugins {
        Plugins {
            device: device.to_owned(),
            loaded: HashMap::new(),
        }
    }

    /// Loads a file, which must not have changed since the run was planned.
    pub(super) fn load(&mut self, plugin: &PluginRef) -> Result<Arc<Loaded>, Error> {
        let hash = &plugin.id.hash;
        if let Some(loaded) = self.loaded.get(hash) {
            return Ok(loaded.clone());
        }
        let loaded = Arc::new(Loaded::load(
            &PluginFile::open_planned(plugin)?,
            &self.device,
        )?);
        self.loaded.insert(hash.clone(), loaded.clone());
        Ok(loaded)
    }
}
