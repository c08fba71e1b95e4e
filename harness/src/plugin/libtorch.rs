//! libtorch, opened once and before any plugin that needs it.
//!
//! The copy that is opened first serves every plugin, whatever folder a plugin was linked against.
//! So all of it is opened here, from one folder. Folders are never mixed.
//!
//! A program in a checkout uses what `cargo xtask` has set up. An installed one uses the PyTorch
//! beside it, or fetches libtorch before a run.

use super::{PluginError, PluginFault, library};
use crate::{cache, regular_file, shipped, terminal};
use harness_libtorch::{Fetch, VERSION};
use libloading::os::unix::{RTLD_GLOBAL, RTLD_NOW};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What to set to use another libtorch.
const SET_VARIABLE: &str = "set CLBENCH_LIBTORCH to the folder that holds libtorch_cpu.so";

/// Opens libtorch for computing on this device, unless this process has already.
pub(super) fn open(device: &str) -> Result<(), PluginFault> {
    // In the order of their dependencies.
    static CPU: OnceLock<()> = OnceLock::new();
    open_once(&CPU, &["libc10.so", "libtorch_cpu.so"], |_| true)?;
    // Opening them costs time and memory, and only a CUDA build has them.
    static CUDA: OnceLock<()> = OnceLock::new();
    match device.starts_with("cuda") {
        true => open_once(&CUDA, &["libc10_cuda.so", "libtorch_cuda.so"], Path::exists),
        false => Ok(()),
    }
}

/// Opens those of these libraries that are wanted, unless this process has already.
fn open_once(
    opened: &OnceLock<()>,
    names: &[&str],
    wanted: impl Fn(&Path) -> bool,
) -> Result<(), PluginFault> {
    if opened.get().is_some() {
        return Ok(());
    }
    let folder = folder()?;
    if let Some(found) = version_of(&folder).filter(|found| found != VERSION) {
        return Err(PluginFault::WrongLibtorch { folder, found });
    }
    let paths = names.iter().map(|name| folder.join(name));
    for path in paths.filter(|path| wanted(path)) {
        // SAFETY: libtorch's initialisers are those of a library that every plugin on it runs
        // anyway.
        unsafe { library::open(&path, RTLD_NOW | RTLD_GLOBAL) }.map_err(|error| {
            PluginFault::DamagedLibtorch {
                folder: folder.clone(),
                error,
                fix: fix(),
            }
        })?;
    }
    let _ = opened.set(());
    Ok(())
}

/// Fetches libtorch into the cache, if this program was installed with pip and finds none. Without
/// one, plugins that need it are not loaded.
///
/// # Errors
///
/// If it cannot be fetched.
pub fn provide(stopped: &dyn Fn() -> bool) -> Result<(), PluginError> {
    let (Some(packages), Some(cache)) = (shipped::python_packages(), cache::folder()) else {
        return Ok(());
    };
    if env::var_os("CLBENCH_LIBTORCH").is_some() || folder().is_ok() {
        return Ok(());
    }
    if let Some((folder, version)) = other_torch(&packages) {
        let folder = folder.display();
        terminal::say(format_args!(
            "{folder} is version {version} of PyTorch; clbench needs {VERSION}"
        ));
    }
    // As PREFIX/lib/python3.11/site-packages; with `pip install --target`, on the path at best.
    let prefix = packages.ancestors().nth(3).unwrap_or(&packages);
    let pythons = [
        prefix.join("bin/python3"),
        "python3".into(),
        "python".into(),
    ];
    let fetch = Fetch {
        cache: &std::path::absolute(&cache).unwrap_or(cache),
        pythons: &pythons,
        stopped,
        say: &|line| terminal::say(line),
        instead: &format!("{}, or {SET_VARIABLE}", fix()),
    };
    match fetch.ensure() {
        Ok(_) => Ok(()),
        Err(error) => Err(PluginError::Unfetched(format!("{error:#}"))),
    }
}

/// How to get a libtorch.
fn fix() -> &'static str {
    match shipped::python_packages() {
        Some(_) => "run `pip install 'clbench[torch]'`",
        None => "run `cargo xtask setup`",
    }
}

/// The folder that holds libtorch_cpu.so: `CLBENCH_LIBTORCH`, else `$LIBTORCH/lib`, else that of
/// the PyTorch beside an installed program, else the one in the cache.
fn folder() -> Result<PathBuf, PluginFault> {
    let mut candidates = Vec::new();
    let mut note = String::new();
    if let Some(folder) = env::var_os("CLBENCH_LIBTORCH") {
        candidates.push(PathBuf::from(folder));
    } else {
        if let Some(folder) = env::var_os("LIBTORCH") {
            candidates.push(PathBuf::from(folder).join("lib"));
        }
        if let Some(packages) = shipped::python_packages() {
            match other_torch(&packages) {
                Some((_, version)) => note = format!(" (PyTorch there is version {version})"),
                None => candidates.push(torch(&packages)),
            }
        }
        if let Some(cache) = cache::folder() {
            candidates.push(cache.join(harness_libtorch::folder_name()).join("lib"));
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
            note,
            fix: fix(),
        }),
    }
}

/// The libraries of the PyTorch among these Python packages.
fn torch(packages: &Path) -> PathBuf {
    packages.join("torch/lib")
}

/// The PyTorch among these Python packages with its version, if there is one of another version.
fn other_torch(packages: &Path) -> Option<(PathBuf, String)> {
    let lib = torch(packages);
    let version = version_of(&lib).filter(|version| version != VERSION)?;
    Some((packages.join("torch"), version))
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

#[cfg(test)]
mod tests {
    use super::super::LIBTORCH;
    use super::*;
    use std::fs;

    #[test]
    fn what_is_fetched_is_what_plugins_name() {
        assert_eq!(LIBTORCH, format!("libtorch {VERSION}"));
    }

    #[test]
    fn only_a_pytorch_of_another_version_is_passed_over() {
        let packages = tempfile::tempdir().unwrap();
        let packages = packages.path();
        assert_eq!(other_torch(packages), None);
        fs::create_dir(packages.join("torch")).unwrap();
        let version = packages.join("torch/version.py");
        fs::write(&version, "__version__ = '2.11.0+cu130'\n").unwrap();
        assert_eq!(other_torch(packages), None);
        fs::write(&version, "__version__ = '2.9.1+cpu'\n").unwrap();
        let other = (packages.join("torch"), "2.9.1".to_owned());
        assert_eq!(other_torch(packages), Some(other));
    }
}
