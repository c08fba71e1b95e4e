//! Where things lie: the repository, and the folder that cargo builds into.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The folders that the steps work in.
pub struct Workspace {
    /// The repository.
    pub root: PathBuf,
    /// Cargo's release folder, wherever the user's settings have put it.
    release: PathBuf,
}

impl Workspace {
    /// Must run before anything is built: building may replace this program's file, and with it what the system calls it.
    pub fn locate() -> Result<Self> {
        // `cargo run` says where the package is now; the folder at compile time serves whoever starts the binary by hand.
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package
            .ancestors()
            .nth(2)
            .context("xtask lies outside the repository")?;
        let program = std::env::current_exe().context("cannot tell where xtask itself lies")?;
        let release = program.parent().context("xtask lies in no folder")?;
        Ok(Self {
            root: root.to_owned(),
            release: release.to_owned(),
        })
    }

    /// A program of the workspace, beside this one.
    pub fn program(&self, name: &str) -> PathBuf {
        self.release.join(name)
    }

    /// The link by which every cargo finds libtorch; `.cargo/config.toml` names it.
    pub fn libtorch_link(&self) -> PathBuf {
        self.root.join(".cargo/libtorch")
    }

    /// The manifests of the plugins that have a workspace of their own, in order of name.
    pub fn stand_alone_plugins(&self) -> Result<Vec<PathBuf>> {
        manifests_below(&self.root.join("tests/fixtures/plugins"))
    }
}

/// `FOLDER/*/Cargo.toml`, in order; none where the folder is missing.
fn manifests_below(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("cannot read the folder {}", folder.display());
    let mut manifests = Vec::new();
    for entry in folder.read_dir().with_context(unreadable)? {
        let manifest = entry.with_context(unreadable)?.path().join("Cargo.toml");
        if manifest.is_file() {
            manifests.push(manifest);
        }
    }
    manifests.sort();
    Ok(manifests)
}
