//! libtorch, opened once and before any plugin that needs it.
//!
//! The copy that is opened first serves every plugin, whatever folder a plugin was linked against.
//! So all of it is opened here, from one folder. Folders are never mixed.

use super::{LIBTORCH, PluginFault, library};
use crate::regular_file;
use libloading::os::unix::{RTLD_GLOBAL, RTLD_NOW};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Opens libtorch, unless this process has already.
pub(super) fn open() -> Result<(), PluginFault> {
    static OPENED: OnceLock<()> = OnceLock::new();
    if OPENED.get().is_some() {
        return Ok(());
    }
    let folder = folder()?;
    if let Some(found) = version_of(&folder).filter(|found| found != version()) {
        return Err(PluginFault::WrongLibtorch { folder, found });
    }
    // In the order of their dependencies. Only a CUDA build has those of CUDA.
    for (name, needed) in [
        ("libc10.so", true),
        ("libtorch_cpu.so", true),
        ("libc10_cuda.so", false),
        ("libtorch_cuda.so", false),
    ] {
        let path = folder.join(name);
        if !needed && !path.exists() {
            continue;
        }
        // SAFETY: libtorch's initialisers are those of a library that every plugin on it runs
        // anyway.
        unsafe { library::open(&path, RTLD_NOW | RTLD_GLOBAL) }.map_err(|error| {
            PluginFault::DamagedLibtorch {
                folder: folder.clone(),
                error,
            }
        })?;
    }
    let _ = OPENED.set(());
    Ok(())
}

/// `2.11.0` of `libtorch 2.11.0`.
fn version() -> &'static str {
    LIBTORCH.trim_start_matches("libtorch ")
}

/// The folder that holds libtorch_cpu.so: `CLBENCH_LIBTORCH`, else `$LIBTORCH/lib`, else the one in
/// the cache.
fn folder() -> Result<PathBuf, PluginFault> {
    let mut candidates = Vec::new();
    if let Some(folder) = env::var_os("CLBENCH_LIBTORCH") {
        candidates.push(PathBuf::from(folder));
    } else {
        if let Some(folder) = env::var_os("LIBTORCH") {
            candidates.push(PathBuf::from(folder).join("lib"));
        }
        if let Some(cache) = crate::cache::folder() {
            candidates.push(cache.join(format!("libtorch-{}-cpu/lib", version())));
        }
    }
    match candidates
        .iter()
        .find(|folder| folder.join("libtorch_cpu.so").is_file())
    {
        Some(folder) => Ok(folder.clone()),
        None => Err(PluginFault::NoLibtorch {
            searched: candidates
                .iter()
                .map(|folder| folder.display().to_string())
                .collect::<Vec<_>>()
                .join(" or "),
        }),
    }
}

/// The version that the folder around `lib` states: libtorch's `build-version`, or the `version.py`
/// of Python's torch.
fn version_of(lib: &Path) -> Option<String> {
    let root = lib.parent()?;
    let plain = |version: &str| version.trim().split('+').next().unwrap_or("").to_owned();
    if let Ok(version) = regular_file::read_text(&root.join("build-version"), 1 << 20) {
        return Some(plain(&version));
    }
    let python = regular_file::read_text(&root.join("version.py"), 1 << 20).ok()?;
    let line = python
        .lines()
        .find(|line| line.starts_with("__version__"))?;
    Some(plain(line.split(['\'', '"']).nth(1)?))
}
