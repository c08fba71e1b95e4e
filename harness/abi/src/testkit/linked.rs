//! A linked-in type as a plugin, with the same functions, guard and wire types as a loaded file.

use crate::backbone::{Backbone, BackboneSetting};
use crate::error::Result;
use crate::export::__private::{Exports, module, no_such};
use crate::foreign::ForeignPlugin;
use crate::guard::{check_strategy, guard_backbone, guard_strategy};
use crate::strategy::{Declaration, Outline, Setting, Strategy};
use crate::wire::{BackboneObject, MetricObject, StrategyObject};
use std::marker::PhantomData;

/// The name under which a linked-in plugin offers its only type.
pub(crate) const NAME: &str = "subject";

/// A plugin with one strategy.
pub(crate) fn strategy_plugin<S: Strategy>() -> ForeignPlugin {
    ForeignPlugin::linked_in(module::<OneStrategy<S>>())
}

/// A plugin with one backbone.
pub(crate) fn backbone_plugin<B: Backbone>() -> ForeignPlugin {
    ForeignPlugin::linked_in(module::<OneBackbone<B>>())
}

struct OneStrategy<S>(PhantomData<S>);

impl<S: Strategy> Exports for OneStrategy<S> {
    fn backbone(name: &str, _: &[u8], _: BackboneSetting) -> Result<BackboneObject> {
        Err(no_such("backbone", name))
    }

    fn check(_: &str, parameters: &[u8], outline: &Outline) -> Result<Declaration> {
        check_strategy::<S>(parameters, outline)
    }

    fn strategy(_: &str, parameters: &[u8], setting: Setting) -> Result<StrategyObject> {
        guard_strategy::<S>(parameters, setting)
    }

    fn metric(name: &str) -> Result<MetricObject> {
        Err(no_such("metric", name))
    }
}

struct OneBackbone<B>(PhantomData<B>);

impl<B: Backbone> Exports for OneBackbone<B> {
    fn backbone(_: &str, parameters: &[u8], setting: BackboneSetting) -> Result<BackboneObject> {
        guard_backbone::<B>(parameters, setting)
    }

    fn check(name: &str, _: &[u8], _: &Outline) -> Result<Declaration> {
        Err(no_such("strategy", name))
    }

    fn strategy(name: &str, _: &[u8], _: Setting) -> Result<StrategyObject> {
        Err(no_such("strategy", name))
    }

    fn metric(name: &str) -> Result<MetricObject> {
        Err(no_such("metric", name))
    }
}
