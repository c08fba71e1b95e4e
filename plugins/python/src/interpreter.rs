//! Which Python runs a strategy.

use harness_abi::{Error, Result};
use std::env;
use std::path::{Path, PathBuf};

/// The interpreter that the scenario names, relative to its folder; else that of the active virtual
/// environment; else `python3`.
///
/// # Errors
///
/// If the named one does not exist, or there is no `python3`.
pub fn find(named: Option<&Path>, folder: &Path) -> Result<PathBuf> {
    if let Some(named) = named {
        return find_named(named, folder);
    }
    if let Some(environment) = env::var_os("VIRTUAL_ENV") {
        let python = Path::new(&environment).join("bin/python");
        if python.is_file() {
            return Ok(python);
        }
    }
    on_path("python3").ok_or_else(|| {
        Error::missing(
            "there is no `python3`; install Python 3.9 or later, or name an interpreter with \
             `interpreter:`",
        )
    })
}

fn find_named(named: &Path, folder: &Path) -> Result<PathBuf> {
    let text = named.to_string_lossy();
    if !text.contains('/') {
        return on_path(&text).ok_or_else(|| {
            let message = format!("there is no program `{text}` on the PATH");
            Error::parameter("interpreter", message)
        });
    }
    let path = match (text.strip_prefix("~/"), env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => folder.join(named),
    };
    match path.is_file() {
        true => Ok(path),
        false => {
            let message = format!("{} does not exist", path.display());
            Err(Error::parameter("interpreter", message))
        }
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut found = env::split_paths(&path).map(|folder| folder.join(name));
    found.find(|file| file.is_file())
}
