//! The classes of a domain: the scenario's reference list, and the look-up of the names that a
//! source or a split list uses.
//!
//! Label numbers decide the class order, so they must not depend on the layout of a source. With a
//! reference list, a label is the index of a class in that list. A source's names (folder names,
//! label texts) are looked up by key or name, and its bare numbers by index, unless the list has
//! numbers as keys. Without a reference list, the source's own order counts.

mod entry;
pub(crate) mod list;
mod numbered;
pub(crate) mod tag;
mod written;

pub use entry::{ClassEntry, ClassKey};
pub use written::{Classes, LeaveOut};
