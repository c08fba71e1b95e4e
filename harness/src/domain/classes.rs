//! The classes of a domain: the scenario's own reference list, and how what a source or a split
//! list calls a class is found in it.
//!
//! Label numbers decide which class comes when, so they must not depend on how a source happens to
//! be laid out. With a reference list, a label is a class's place in that list; a source's words
//! (folder names, label texts) are looked up by key or name, its bare numbers by place, unless the
//! list gives numbers as keys. Without one, the source's own order is all there is.

mod entry;
pub(crate) mod list;
pub(crate) mod tag;
mod written;

pub use entry::{ClassEntry, ClassKey};
pub use written::{Classes, LeaveOut};
