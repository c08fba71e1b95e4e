//! What is checked: one offer of a plugin, which is linked in or loaded from a file.

use super::linked;
use crate::backbone::{Backbone, BackboneSetting};
use crate::error::Result;
use crate::foreign::{BackboneHandle, ForeignPlugin, ForeignStrategy};
use crate::strategy::{Declaration, Outline, Setting, Strategy};
use serde_json::Value;

/// An offer. The checks know nothing else of it, so they see what a host sees.
pub(crate) struct Offered {
    plugin: ForeignPlugin,
    name: String,
    /// What reports call it.
    pub(crate) shown: String,
}

impl Offered {
    /// An author's strategy.
    pub(crate) fn linked_strategy<S: Strategy>() -> Offered {
        Offered::linked::<S>(linked::strategy_plugin::<S>())
    }

    /// An author's backbone.
    pub(crate) fn linked_backbone<B: Backbone>() -> Offered {
        Offered::linked::<B>(linked::backbone_plugin::<B>())
    }

    fn linked<T>(plugin: ForeignPlugin) -> Offered {
        Offered {
            plugin,
            name: linked::NAME.into(),
            shown: std::any::type_name::<T>().into(),
        }
    }

    /// What a plugin offers under a name.
    pub(crate) fn of_plugin(plugin: ForeignPlugin, kind: &str, name: &str) -> Offered {
        Offered {
            plugin,
            name: name.into(),
            shown: format!("{kind} `{name}`"),
        }
    }

    pub(crate) fn backbone(
        &self,
        parameters: &Value,
        setting: &BackboneSetting,
    ) -> Result<BackboneHandle> {
        self.plugin.backbone(&self.name, parameters, setting)
    }

    pub(crate) fn check(&self, parameters: &Value, outline: &Outline) -> Result<Declaration> {
        self.plugin.check(&self.name, parameters, outline)
    }

    pub(crate) fn strategy(
        &self,
        parameters: &Value,
        setting: &Setting,
    ) -> Result<ForeignStrategy> {
        self.plugin.strategy(&self.name, parameters, setting)
    }
}
