//! The user's cache folder: `CLBENCH_CACHE`, else `XDG_CACHE_HOME/clbench`, else `~/.cache/clbench`.
//! clbench itself uses the same rule.

use crate::environment::Environment;
use anyhow::{Result, bail};
use std::path::PathBuf;

/// The user's cache folder for clbench.
pub fn root(environment: &Environment) -> Result<PathBuf> {
    if let Some(folder) = &environment.clbench_cache {
        if !folder.is_absolute() {
            bail!(
                "CLBENCH_CACHE must be an absolute path, but is \"{}\"",
                folder.display()
            );
        }
        return Ok(folder.clone());
    }
    // The XDG specification says to ignore relative paths.
    let xdg = environment
        .xdg_cache_home
        .as_ref()
        .filter(|folder| folder.is_absolute());
    if let Some(folder) = xdg {
        return Ok(folder.join("clbench"));
    }
    match &environment.home {
        Some(home) => Ok(home.join(".cache/clbench")),
        None => bail!(
            "there is no cache folder for libtorch because HOME is not set: set CLBENCH_CACHE to a \
             folder"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let path = |path: &str| Some(PathBuf::from(path));
        let mut environment = Environment {
            clbench_cache: path("/a"),
            xdg_cache_home: path("/b"),
            home: path("/c"),
            ..Environment::default()
        };
        assert_eq!(root(&environment).unwrap(), Path::new("/a"));
        environment.clbench_cache = None;
        assert_eq!(root(&environment).unwrap(), Path::new("/b/clbench"));
        environment.xdg_cache_home = path("relative");
        assert_eq!(root(&environment).unwrap(), Path::new("/c/.cache/clbench"));
        environment.home = None;
        assert_eq!(
            root(&environment).unwrap_err().to_string(),
            "there is no cache folder for libtorch because HOME is not set: set CLBENCH_CACHE to a \
             folder"
        );
    }
}
