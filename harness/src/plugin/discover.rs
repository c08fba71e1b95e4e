//! Where plugins are searched for.

use super::{PluginError, PluginFault, PluginFile};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The folders to search, in order: those of `--plugin-dir`, those of `CLBENCH_PLUGIN_PATH`, the
/// one that the program is in. A path in a scenario needs no search.
#[derive(Debug, Clone, Default)]
pub struct SearchPath {
    /// Named by the user: a damaged file in them is an error.
    named: Vec<PathBuf>,
    /// The program's own folder. It also holds other libraries, and files that are being built.
    beside: Option<PathBuf>,
}

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Plugin files.
    pub files: Vec<PluginFile>,
    /// What is wrong with files in the program's folder; shown if a plugin cannot be found.
    pub passed_over: Vec<PluginError>,
}

impl SearchPath {
    /// The search path of this process.
    pub fn of_process(plugin_dirs: &[PathBuf]) -> SearchPath {
        let mut named = plugin_dirs.to_vec();
        if let Some(path) = env::var_os("CLBENCH_PLUGIN_PATH") {
            named.extend(env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty()));
        }
        let beside = env::current_exe()
            .ok()
            .and_then(|program| program.parent().map(Path::to_owned));
        SearchPath { named, beside }
    }

    /// The folders, in order.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.named.iter().chain(&self.beside).map(PathBuf::as_path)
    }

    /// Every plugin file in them, in order of folder and name. Copies with the same bytes count
    /// once.
    ///
    /// A shared library without a manifest is not a plugin, and is left out.
    ///
    /// # Errors
    ///
    /// If a folder cannot be read; if a file in a folder that the user named is damaged or for
    /// another ABI.
    pub(super) fn plugin_files(&self) -> Result<Found, PluginError> {
        let mut found = Found::default();
        let mut known = HashSet::new();
        for folder in self.folders() {
            let named = self.named.iter().any(|other| other == folder);
            for path in libraries(folder)? {
                match PluginFile::open(&path) {
                    Ok(file) => {
                        if known.insert(file.hash().to_owned()) {
                            found.files.push(file);
                        }
                    }
                    Err(PluginError::File {
                        fault: PluginFault::NoPlugin,
                        ..
                    }) => {}
                    Err(error) if named => return Err(error),
                    Err(error) => found.passed_over.push(error),
                }
            }
        }
        Ok(found)
    }
}

fn libraries(folder: &Path) -> Result<Vec<PathBuf>, PluginError> {
    let unreadable = |source| PluginError::Folder {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension() == Some(OsStr::new("so")) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
