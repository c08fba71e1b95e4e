//! Global state, compared before and after every call into a plugin.
//!
//! A plugin shares its process with others: a working directory, an environment, and, in a framework, a gradient mode,
//! a default element type, a global generator. What a call changes and does not put back, the next plugin finds.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Debug;

type Snapshot = Box<dyn FnOnce() -> Option<String>>;

/// The probes, and what they saw.
pub(crate) struct Watch {
    probes: Vec<Box<dyn Fn() -> Snapshot>>,
    seen: RefCell<Vec<String>>,
}

impl Watch {
    /// Watches what every process has: the working directory and the environment.
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

    /// Runs a call.
    pub(crate) fn during<T>(&self, call: &str, f: impl FnOnce() -> T) -> T {
        let before: Vec<Snapshot> = self.probes.iter().map(|probe| probe()).collect();
        let value = f();
        for change in before.into_iter().filter_map(|compare| compare()) {
            let change = format!("`{call}` changed {change}; put it back before returning");
            let mut seen = self.seen.borrow_mut();
            if !seen.contains(&change) {
                seen.push(change);
            }
        }
        value
    }

    /// The changes seen so far.
    pub(crate) fn take(&self) -> Vec<String> {
        self.seen.take()
    }
}

type Environment = BTreeMap<OsString, OsString>;

fn environment() -> Environment {
    std::env::vars_os().collect()
}

/// Names the variables only: values may be secrets.
fn environment_change(before: &Environment, after: &Environment) -> Option<String> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed: Vec<_> = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| format!("`{}`", name.display()))
        .collect();
    (!changed.is_empty()).then(|| format!("the environment: {}", changed.join(", ")))
}
