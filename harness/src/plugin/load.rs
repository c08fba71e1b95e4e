//! Loading a plugin file into the process.

use super::{Kind, PluginError, PluginFault, PluginFile, beside, libtorch, sealed};
use harness_abi::backbone::BackboneSetting;
use harness_abi::foreign::{
    BackboneHandle, ForeignMetric, ForeignPlugin, ForeignStrategy, HEADER_SYMBOL,
};
use harness_abi::{Declaration, Outline, Setting};
use serde_json::Value;
use std::path::PathBuf;

/// A plugin file whose code can be called. It is never unloaded.
#[derive(Debug)]
pub struct Loaded {
    path: PathBuf,
    plugin: ForeignPlugin,
}

impl Loaded {
    /// Loads a file that passed the preflight, after the runtime that it needs on this device. The
    /// code that runs is exactly that of the file's hash.
    ///
    /// # Errors
    ///
    /// If libtorch is needed but missing, the file has changed, the system cannot load it, or a
    /// type has another layout.
    pub fn load(file: &PluginFile, device: &str) -> Result<Loaded, PluginError> {
        let path = file.path();
        if file.manifest().runtime.is_some() {
            libtorch::open(device).map_err(|fault| fault.of(path))?;
        }
        let absolute =
            std::path::absolute(path).map_err(|error| PluginFault::Unreadable(error).of(path))?;
        let origin = absolute.parent().unwrap_or(path);
        // SAFETY: the hash is that of a file which declares that it is a plugin of this ABI.
        // Loading it runs its initialisers and those of its libraries, which the user asked for by
        // using it.
        let library =
            unsafe { sealed::open(path, file.hash(), |bytes| beside::open(bytes, origin)) }
                .map_err(|fault| fault.of(path))?;
        // SAFETY: only the address of the symbol is taken here.
        let header = unsafe { library.get::<*const ()>(HEADER_SYMBOL) }
            .map_err(|_| PluginFault::NoHeader.of(path))?
            .into_raw();
        // SAFETY: the symbol is the header that `export_plugin!` wrote (the manifest, written by
        // the same macro, was checked), and the file is never unloaded.
        let plugin = unsafe { ForeignPlugin::from_header(header.cast_const().cast()) }
            .map_err(|error| PluginFault::Layout(error.to_string()).of(path))?;
        Ok(Loaded {
            path: path.to_owned(),
            plugin,
        })
    }

    /// The plugin itself, whose errors do not say where they come from.
    pub fn foreign(&self) -> ForeignPlugin {
        self.plugin
    }

    /// Makes a backbone.
    ///
    /// # Errors
    ///
    /// What the plugin reports.
    pub fn backbone(
        &self,
        name: &str,
        parameters: &Value,
        setting: &BackboneSetting,
    ) -> Result<BackboneHandle, PluginError> {
        self.plugin
            .backbone(name, parameters, setting)
            .map_err(self.failed(Kind::Backbone, name))
    }

    /// Runs a strategy's own check.
    ///
    /// # Errors
    ///
    /// What the plugin reports.
    pub fn check(
        &self,
        name: &str,
        parameters: &Value,
        outline: &Outline,
    ) -> Result<Declaration, PluginError> {
        self.plugin
            .check(name, parameters, outline)
            .map_err(self.failed(Kind::Strategy, name))
    }

    /// Makes a strategy.
    ///
    /// # Errors
    ///
    /// What the plugin reports.
    pub fn strategy(
        &self,
        name: &str,
        parameters: &Value,
        setting: &Setting,
    ) -> Result<ForeignStrategy, PluginError> {
        self.plugin
            .strategy(name, parameters, setting)
            .map_err(self.failed(Kind::Strategy, name))
    }

    /// Makes a metric.
    ///
    /// # Errors
    ///
    /// What the plugin reports.
    pub fn metric(&self, name: &str) -> Result<ForeignMetric, PluginError> {
        self.plugin
            .metric(name)
            .map_err(self.failed(Kind::Metric, name))
    }

    /// An error of the plugin's own code, with its origin.
    pub fn failed(&self, kind: Kind, name: &str) -> impl Fn(harness_abi::Error) -> PluginError {
        let (path, name) = (self.path.clone(), name.to_owned());
        move |error| PluginError::Failed {
            path: path.clone(),
            kind,
            name: name.clone(),
            error: Box::new(error),
        }
    }
}
