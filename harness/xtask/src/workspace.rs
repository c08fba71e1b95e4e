//! Paths of the repository and of the folder that cargo builds into.

use crate::stand_alone::StandAlone;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The folders that the steps use.
pub struct Workspace {
    /// The root of the repository.
    pub root: PathBuf,
    /// Cargo's release folder, which the user's settings may have moved.
    release: PathBuf,
}

impl Workspace {
    /// Finds the folders. Call it before anything is built: a build may replace this program's
    /// file, and then the system no longer knows its path.
    pub fn locate() -> Result<Self> {
        // `cargo run` sets the package's folder. Without cargo, the folder at compile time is used.
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package
            .ancestors()
            .nth(2)
            .context("xtask is not in the repository")?;
        let program = std::env::current_exe().context("cannot find the path of xtask itself")?;
        let release = program
            .parent()
            .context("the path of xtask has no folder")?;
        Ok(Self {
            root: root.to_owned(),
            release: release.to_owned(),
        })
    }

    /// Cargo's release folder.
    pub fn release(&self) -> &Path {
        &self.release
    }

    /// A program of the workspace, in the same folder as this one.
    pub fn program(&self, name: &str) -> PathBuf {
        self.release.join(name)
    }

    /// Where the built manual goes: `book` in cargo's target folder.
    pub fn book(&self) -> PathBuf {
        self.release.with_file_name("book")
    }

    /// The link through which every cargo finds libtorch; `.cargo/config.toml` names it.
    pub fn libtorch_link(&self) -> PathBuf {
        self.root.join(".cargo/libtorch")
    }

    /// The stand-alone plugins, sorted by name.
    pub fn stand_alone_plugins(&self) -> Result<Vec<StandAlone>> {
        StandAlone::all(&self.root.join("tests/fixtures/plugins"))
    }
}
