//! A plugin file, loaded and checked.

use super::{BackboneHandle, ForeignMetric, ForeignStrategy};
use crate::backbone::{BackboneSetting, BackboneSettingJson};
use crate::error::{Error, Result, received};
use crate::strategy::{Declaration, Outline, Setting, SettingJson};
use crate::wire::PluginModuleRef;
use abi_stable::library::{AbiHeaderRef, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use abi_stable::std_types::{RSlice, RStr};
use serde::Serialize;
use std::fmt;

/// The symbol of a plugin file's header, with its closing zero.
pub const HEADER_SYMBOL: &[u8] = ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes();

/// A plugin file whose layout was checked. It is never unloaded.
#[derive(Clone, Copy)]
pub struct ForeignPlugin(PluginModuleRef);

impl ForeignPlugin {
    /// Checks the header of a loaded file, and every layout behind it.
    ///
    /// # Errors
    ///
    /// If the file was built with another version of the boundary's crates, or a layout differs.
    ///
    /// # Safety
    ///
    /// `header` is the address of [`HEADER_SYMBOL`] in a file that [`export_plugin!`](crate::export_plugin) made and
    /// that stays loaded for the rest of the process.
    pub unsafe fn from_header(header: *const ()) -> Result<ForeignPlugin> {
        // SAFETY: the symbol is a header by the caller's word; a reference to it is what the symbol's address is.
        let header = unsafe { std::mem::transmute::<*const (), AbiHeaderRef>(header) };
        let header = header.upgrade().map_err(other_boundary)?;
        let module = header
            .init_root_module::<PluginModuleRef>()
            .map_err(other_boundary)?;
        Ok(ForeignPlugin(module))
    }

    /// The functions of a plugin that is linked in, behind the same boundary as a loaded file's.
    #[cfg(feature = "testkit")]
    pub(crate) fn linked_in(module: PluginModuleRef) -> ForeignPlugin {
        ForeignPlugin(module)
    }

    /// Makes a backbone.
    ///
    /// # Errors
    ///
    /// What the plugin reports.
    pub fn backbone(
        &self,
        name: &str,
        parameters: &serde_json::Value,
        setting: &BackboneSetting,
    ) -> Result<BackboneHandle> {
        let object = received(self.0.backbone()(
            RStr::from_str(name),
            RSlice::from_slice(&json(parameters)?),
            RSlice::from_slice(&json(&BackboneSettingJson {
                device: setting.device.clone(),
                threads: setting.threads,
                folder: setting.folder.clone(),
            })?),
            setting.host.to_raw(),
        ))?;
        BackboneHandle::from_raw(object)
    }

    /// Runs a strategy's own check of its parameters.
    ///
    /// # Errors
    ///
    /// What the plugin reports.
    pub fn check(
        &self,
        name: &str,
        parameters: &serde_json::Value,
        outline: &Outline,
    ) -> Result<Declaration> {
        let declaration = received(self.0.check()(
            RStr::from_str(name),
            RSlice::from_slice(&json(parameters)?),
            RSlice::from_slice(&json(outline)?),
        ))?;
        serde_json::from_slice(&declaration)
            .map_err(|error| Error::failed(format!("the strategy's declaration: {error}")))
    }

    /// Makes a strategy.
    ///
    /// # Errors
    ///
    /// What the plugin reports.
    pub fn strategy(
        &self,
        name: &str,
        parameters: &serde_json::Value,
        setting: &Setting,
    ) -> Result<ForeignStrategy> {
        let object = received(self.0.strategy()(
            RStr::from_str(name),
            RSlice::from_slice(&json(parameters)?),
            RSlice::from_slice(&json(&SettingJson {
                seed: setting.seed,
                tasks: setting.tasks,
                classes: setting.classes,
                device: setting.device.clone(),
                threads: setting.threads,
            })?),
            setting
                .backbones
                .iter()
                .map(BackboneHandle::to_raw)
                .collect(),
            setting.host.to_raw(),
        ))?;
        Ok(ForeignStrategy::from_raw(object))
    }

    /// Makes a metric.
    ///
    /// # Errors
    ///
    /// What the plugin reports.
    pub fn metric(&self, name: &str) -> Result<ForeignMetric> {
        ForeignMetric::from_raw(received(self.0.metric()(RStr::from_str(name)))?)
    }
}

impl fmt::Debug for ForeignPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignPlugin")
    }
}

/// In one line what fills a page: which of the two sides has which layout helps nobody who has only one of them.
fn other_boundary(error: LibraryError) -> Error {
    Error::failed(match error {
        LibraryError::IncompatibleVersionNumber {
            expected_version,
            actual_version,
            ..
        } => {
            format!("built with harness-abi {actual_version}, but this host has {expected_version}")
        }
        LibraryError::AbiInstability(_) => {
            "a type that crosses the boundary has another layout in it than in this host".into()
        }
        LibraryError::RootModule { err, .. } => format!("its functions cannot be had ({err})"),
        _ => "its header is not of the kind that this host reads".into(),
    })
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::failed(error.to_string()))
}
