//! Newtypes for numbers that must not be mixed up.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A class as its domain numbers it: the index into the domain's class names, from 0.
    Label(u32)
}
number! {
    /// A class as a stream numbers it: in the order in which classes first arrive, from 0. Task 1
    /// has the first ids.
    ClassId(u32)
}
number! {
    /// A task of a stream, counted from 1, as in "after task t".
    TaskId(u32)
}
number! {
    /// A cell's seed: it decides all of a strategy's random numbers, and the class order if the
    /// scenario draws it from the seed.
    Seed(u64)
}

impl Label {
    /// The index into a list ordered by label.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ClassId {
    /// The index into a list in class order.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl TaskId {
    /// The index into a list of tasks (task 1 is at 0).
    pub fn index(self) -> usize {
        self.0 as usize - 1
    }
}
