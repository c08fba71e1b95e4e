//! Find or fetch a libtorch of the right version, and link to it where every cargo looks.
//!
//! The user's own is used ([`choice`]) if `LIBTORCH_USE_PYTORCH` or `LIBTORCH` names one, else the
//! one in the cache ([`cache`]), which the first use fetches ([`Fetch`]). Either way
//! `.cargo/libtorch` becomes a link to it. `.cargo/config.toml` sets `LIBTORCH` to that link for
//! everything that cargo starts, so that plain cargo, an editor's language server and xtask agree.
//! Cargo starts xtask too, so xtask sees that value if the user has set none; that one value does
//! not count as the user's.

mod cache;
mod choice;
mod link;
mod python;
mod version;

use crate::environment::Environment;
use anyhow::Result;
use choice::Choice;
use harness_libtorch::Fetch;
pub use harness_libtorch::VERSION;
#[cfg(test)]
pub use harness_libtorch::description;
use std::path::{Path, PathBuf};

/// Makes `link` lead to a complete libtorch of the right version.
///
/// `forget_compiled` is called before the link changes from one folder to another. Cargo does not
/// follow the link, and compiled code may depend on libraries that only the former folder had.
pub fn ensure(
    environment: &Environment,
    link: &Path,
    forget_compiled: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let folder = match choice::choose(environment, link)? {
        Choice::Users(folder) => folder,
        Choice::Fetched => fetch(environment)?,
    };
    if link::leads_elsewhere(link, &folder) {
        eprintln!(
            "xtask: libtorch is now {}; recompiling tch",
            folder.display()
        );
        forget_compiled()?;
    }
    link::point(link, &folder)
}

fn fetch(environment: &Environment) -> Result<PathBuf> {
    Fetch {
        cache: &cache::root(environment)?,
        pythons: &["python3", "python"].map(PathBuf::from),
        // Ctrl-C ends xtask and pip.
        stopped: &|| false,
        say: &|line| eprintln!("xtask: {line}"),
        instead: &format!("set LIBTORCH to a libtorch {VERSION} folder"),
    }
    .ensure()
}
