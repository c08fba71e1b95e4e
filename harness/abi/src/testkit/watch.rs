//! Global state, compared before and after every call into a plugin.
//!
//! A plugin shares its process with other plugins: the working directory, the environment and,
//! within a framework, the gradient mode, the default element type and the global generator. What a
//! call changes and does not restore affects the next plugin.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Debug;

type Snapshot = Box<dyn FnOnce() -> Option<String>>;

/// The probes, and the changes that they saw.
pub(crate) struct Watch {
    probes: Vec<Box<dyn Fn() -> Snapshot>>,
    seen: RefCell<Vec<String>>,
}

impl Watch {
    /// Watches the working directory and the environment, which every process has.
    pub(crate) fn new() -> Watch {
        let mut watch = Watch {
            probes: Vec::new(),
            seen: RefCell::default(),
        };
        watch.add("the working directory", || std::env::current_dir().ok());
        watch.probes.push(Box::new(|| {
            let before = environment();
            Box::new(move || environment_change(&before, &environment()))
        }));
        watch
    }

    pub(crate) fn add<T: PartialEq + Debug + 'static>(
        &mut self,
        name: &str,
        probe: impl Fn() -> T + 'static,
    ) {
        let name = name.to_owned();
        let probe = std::rc::Rc::new(probe);
        self.probes.push(Box::new(move || {
            let (name, probe, before) = (name.clone(), probe.clone(), probe());
            Box::new(move || {
                let after = probe();
                (before != after).then(|| format!("{name} from {before:?} to {after:?}"))
            })
        }));
    }

    /// Runs a call and records what it changed.
    pub(crate) fn during<T>(&self, call: &str, f: impl FnOnce() -> T) -> T {
        let before: Vec<Snapshot> = self.probes.iter().map(|probe| probe()).collect();
        let value = f();
        for change in before.into_iter().filter_map(|compare| compare()) {
            let change = format!("`{call}` changed {change}; restore it before returning");
            let mut seen = self.seen.borrow_mut();
            if !seen.contains(&change) {
                seen.push(change);
            }
        }
        value
    }

    /// Takes the changes seen so far.
    pub(crate) fn take(&self) -> Vec<String> {
        self.seen.take()
    }
}

type Environment = BTreeMap<OsString, OsString>;

fn environment() -> Environment {
    std::env::vars_os().collect()
}

/// Only the variables' names, because values may be secrets.
fn environment_change(before: &Environment, after: &Environment) -> Option<String> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed: Vec<_> = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| format!("`{}`", name.display()))
        .collect();
    (!changed.is_empty()).then(|| format!("the environment: {}", changed.join(", ")))
}
