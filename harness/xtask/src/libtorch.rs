//! One libtorch of the right version, found or fetched, and the link by which every cargo finds it.
//!
//! Which one: the user's ([`choice`]) if `LIBTORCH_USE_PYTORCH` or `LIBTORCH` name one, else the one in the cache ([`cache`]),
//! fetched on the first use ([`fetch`]). Whichever it is, `.cargo/libtorch` is made a link to it: `.cargo/config.toml` sets
//! `LIBTORCH` to that link for all that cargo starts, so that plain cargo, an editor's language server and xtask agree.
//! Xtask, too, is started by cargo and thus sees that value when the user has set nothing: exactly it does not count as theirs.

mod cache;
mod choice;
mod fetch;
mod link;
mod pip;
mod python;
mod version;

use crate::environment::Environment;
use anyhow::Result;
use choice::Choice;
use std::path::Path;

/// The version that the pinned tch is made for. It moves together with `tch` in `Cargo.toml` and with `libtorch.txt`.
pub const VERSION: &str = "2.11.0";

/// What is fetched on the first use, as users are told it.
pub fn description() -> String {
    format!("libtorch {VERSION} ({} MB)", pip::DOWNLOAD_MEGABYTES)
}

/// Sees to it that `link` leads to a whole libtorch of the right version.
///
/// `forget_compiled` is called before the link is turned from one folder to another. Cargo does not look behind the link, and
/// what it has compiled may ask for libraries that only the former folder had.
pub fn ensure(
    environment: &Environment,
    link: &Path,
    forget_compiled: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let folder = match choice::choose(environment, link)? {
        Choice::Users(folder) => folder,
        Choice::Fetched => fetch::ensure(environment)?,
    };
    if link::leads_elsewhere(link, &folder) {
        eprintln!(
            "xtask: libtorch is now {}; tch is compiled again",
            folder.display()
        );
        forget_compiled()?;
    }
    link::point(link, &folder)
}
