//! A loaded plugin file.

use super::{BackboneHandle, ForeignMetric, ForeignStrategy};
use crate::backbone::{BackboneSetting, BackboneSettingJson};
use crate::error::{Error, Result, received};
use crate::strategy::{Declaration, Outline, Setting, SettingJson};
use crate::wire::PluginModuleRef;
use abi_stable::library::{AbiHeaderRef, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use abi_stable::std_types::{RSlice, RStr};
use serde::Serialize;
use std::fmt;

/// The symbol of a plugin file's header, zero-terminated.
pub const HEADER_SYMBOL: &[u8] = ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes();

/// A plugin file whose layout has been checked. It is never unloaded.
#[derive(Clone, Copy)]
pub struct ForeignPlugin(PluginModuleRef);

impl ForeignPlugin {
    /// Checks the header of a loaded file, and the layout of every type that crosses.
    ///
    /// # Errors
    ///
    /// If the file was built with an incompatible version of this crate, or a layout differs.
    ///
    /// # Safety
    ///
    /// `header` is the address of [`HEADER_SYMBOL`] in a file made by
    /// [`export_plugin!`](crate::export_plugin) that stays loaded for the rest of the process.
    pub unsafe fn from_header(header: *const ()) -> Result<ForeignPlugin> {
        // SAFETY: the caller guarantees that the symbol is a header; its address is a reference to
        // it.
        let header = unsafe { std::mem::transmute::<*const (), AbiHeaderRef>(header) };
        let header = header.upgrade().map_err(other_boundary)?;
        let module = header
            .init_root_module::<PluginModuleRef>()
            .map_err(other_boundary)?;
        Ok(ForeignPlugin(module))
    }

    /// A plugin that is linked in, behind the same boundary as a loaded file.
    #[cfg(feature = "testkit")]
    pub(crate) fn linked_in(module: PluginModuleRef) -> ForeignPlugin {
        ForeignPlugin(module)
    }

    /// Creates a backbone.
    ///
    /// # Errors
    ///
    /// If the plugin reports an error.
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
    /// If the plugin reports an error.
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

    /// Creates a strategy.
    ///
    /// # Errors
    ///
    /// If the plugin reports an error.
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
                folder: setting.folder.clone(),
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

    /// Creates a metric.
    ///
    /// # Errors
    ///
    /// If the plugin reports an error.
    pub fn metric(&self, name: &str) -> Result<ForeignMetric> {
        ForeignMetric::from_raw(received(self.0.metric()(RStr::from_str(name)))?)
    }
}

impl fmt::Debug for ForeignPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignPlugin")
    }
}

/// One line instead of a page of layouts, which would help no user.
fn other_boundary(error: LibraryError) -> Error {
    Error::failed(match error {
        LibraryError::IncompatibleVersionNumber {
            expected_version,
            actual_version,
            ..
        } => {
            format!(
                "built with harness-abi {actual_version}, but this host needs {expected_version}"
            )
        }
        LibraryError::AbiInstability(_) => {
            "a type that crosses the boundary has a different layout than in this host".into()
        }
        LibraryError::RootModule { err, .. } => format!("its functions cannot be read ({err})"),
        _ => "this host cannot read its header".into(),
    })
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::failed(error.to_string()))
}
