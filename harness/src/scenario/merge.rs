//! How one scenario changes another: mappings are merged key by key, and anything else is replaced.
//!
//! Only mappings with entries or settings of their own are merged. Some mappings are one value in
//! several words, such as `class_order: {numpy: seed}`; half of one and half of another would mean
//! neither, so these are replaced. Where two keys say the same in two ways, such as `tasks` and
//! `task_sizes`, the new one replaces the other.
//!
//! A row that names no backbone builds on the scenario's only one. It keeps that if another file
//! adds backbones.

use super::yaml::{Node, Value};
use std::sync::Arc;

/// Keys of which a mapping has one.
const ALTERNATIVES: [[&str; 2]; 2] = [["backbone", "backbones"], ["tasks", "task_sizes"]];

/// Changes `node`, the values of a whole scenario, by those of another.
pub(super) fn merge(node: &mut Node, by: Node) {
    let before = node.clone();
    merge_at(&mut Vec::new(), node, by);
    keep_backbone(&before, node);
}

/// Names the backbone of each row that had none to choose before, if there is a choice now.
fn keep_backbone(before: &Node, node: &mut Node) {
    let names = |node: &Node| -> Vec<Arc<str>> {
        let backbones = node.get("backbones").and_then(Node::mapping);
        let backbones = backbones.into_iter().flatten();
        backbones.map(|(name, _)| name.clone()).collect()
    };
    let (only, now) = (names(before), names(node));
    let (key, value) = match &only[..] {
        _ if only == now => return,
        [] => ("backbones", Value::List(Arc::default())),
        [only] => ("backbone", Value::Text(only.clone())),
        _ => return,
    };
    let had = |name: &str| {
        before
            .get("strategies")
            .is_some_and(|rows| rows.get(name).is_some())
    };
    let Some(rows) = node.get_mut("strategies").and_then(Node::mapping_mut) else {
        return;
    };
    for (_, row) in rows.iter_mut().filter(|(name, _)| had(name)) {
        if ALTERNATIVES[0]
            .into_iter()
            .any(|key| row.get(key).is_some())
        {
            continue;
        }
        if row.is_null() {
            row.value = Value::Mapping(Arc::default());
        }
        let origin = row.origin.clone();
        if let Some(keys) = row.mapping_mut() {
            let value = value.clone();
            keys.insert(key.into(), Node { origin, value });
        }
    }
}

fn merge_at(path: &mut Vec<Arc<str>>, node: &mut Node, by: Node) {
    let (into, from) = match (&mut node.value, &by.value) {
        (Value::Mapping(into), Value::Mapping(from)) if is_merged(path) => (into, from),
        // A strategy or backbone with nothing below its name is one with nothing to change.
        (Value::Mapping(_), Value::Null) if is_optional_entry(path) => return,
        _ => {
            *node = by;
            return;
        }
    };
    let into = Arc::make_mut(into);
    for [one, other] in ALTERNATIVES {
        match (from.contains_key(one), from.contains_key(other)) {
            (true, false) => into.shift_remove(other),
            (false, true) => into.shift_remove(one),
            _ => None,
        };
    }
    for (key, by) in from.iter() {
        match into.get_mut(key) {
            Some(node) => {
                path.push(key.clone());
                merge_at(path, node, by.clone());
                path.pop();
            }
            None => {
                into.insert(key.clone(), by.clone());
            }
        }
    }
    node.origin = by.origin;
}

/// Whether the mappings at this path are merged.
fn is_merged(path: &[Arc<str>]) -> bool {
    let path: Vec<&str> = path.iter().map(|key| &**key).collect();
    matches!(
        path[..],
        [] | ["stream" | "limits" | "domains" | "strategies" | "backbones" | "streams"]
            | ["domains" | "strategies" | "backbones" | "streams", _]
            | ["domains" | "streams", _, "stream" | "expect"]
            | ["strategies", _, "grid"]
            | ["strategies" | "backbones", _, "parameters", ..]
    )
}

/// Whether a strategy or a backbone is at this path.
fn is_optional_entry(path: &[Arc<str>]) -> bool {
    match path {
        [table, _] => matches!(&**table, "strategies" | "backbones"),
        _ => false,
    }
}
