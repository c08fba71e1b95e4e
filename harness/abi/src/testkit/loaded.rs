//! The checks of a plugin file that a host has loaded.

use super::backbone::BackboneKit;
use super::offered::Offered;
use super::strategy::StrategyKit;
use crate::foreign::ForeignPlugin;
#[cfg(doc)]
use crate::testkit::Check;

/// Starts the checks of a loaded plugin file.
///
/// They are those of [`strategy`](super::strategy()) and [`backbone`](super::backbone()), with one
/// exception: the guard in the plugin's file swallows a panic in `Drop`, so [`Check::Errors`] does
/// not see it from outside.
pub fn loaded(plugin: ForeignPlugin) -> LoadedPlugin {
    LoadedPlugin(plugin)
}

/// A plugin whose offers are checked by name.
#[derive(Debug, Clone, Copy)]
#[must_use = "call `strategy` or `backbone`, and then `report`"]
pub struct LoadedPlugin(ForeignPlugin);

impl LoadedPlugin {
    /// Starts the checks of the strategy that the plugin offers under this name.
    pub fn strategy(&self, name: &str) -> StrategyKit<ForeignPlugin> {
        StrategyKit::of(Offered::of_plugin(self.0, "strategy", name))
    }

    /// Starts the checks of the backbone that the plugin offers under this name.
    pub fn backbone(&self, name: &str) -> BackboneKit<ForeignPlugin> {
        BackboneKit::of(Offered::of_plugin(self.0, "backbone", name))
    }
}
