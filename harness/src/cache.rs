//! The folder of everything that clbench can recreate: features, and the libtorch that the set-up
//! downloaded.

use std::env;
use std::path::PathBuf;

/// `$CLBENCH_CACHE`, or `$XDG_CACHE_HOME/clbench`, or `~/.cache/clbench`. `None` without a home
/// folder.
pub fn folder() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    set("CLBENCH_CACHE")
        .map(PathBuf::from)
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| PathBuf::from(folder).join("clbench")))
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache/clbench")))
}
