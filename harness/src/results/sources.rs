//! The sources of strategies that are scripts, as they were when a run was planned.
//!
//! ```text
//! sources/<12 hex>/sources.json   their modules, paths and hashes
//! sources/<12 hex>/<sha256>.py    each of them
//! ```
//!
//! All cells of a run read these copies, so a file can be edited while the run goes on, and a
//! cluster's nodes need not see the files. The hash in the name covers the modules and their
//! content, not where they were.

use super::{Cell, ResultsError, RunFolder};
use crate::regular_file;
use harness_abi::SourceFile;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The largest source file.
const LARGEST: u64 = 64 << 20;

/// The SHA-256 of every module, by name: what a cell says of its strategy's sources.
pub fn by_module(sources: &[SourceFile]) -> BTreeMap<String, String> {
    let hashes = sources.iter();
    hashes
        .map(|source| (source.module.clone(), source.sha256.clone()))
        .collect()
}

impl RunFolder {
    /// Keeps a copy of a cell's sources, unless it is there already. Returns its folder, as an
    /// absolute path; none if the cell's strategy has no sources.
    ///
    /// # Errors
    ///
    /// If a file is not what the run was planned with, or the copy cannot be written.
    pub fn keep_sources(
        &self,
        cell: &Cell,
        sources: &[SourceFile],
    ) -> Result<Option<PathBuf>, ResultsError> {
        if cell.strategy.sources.is_empty() {
            return Ok(None);
        }
        let folder = self.sources_of(cell);
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        if folder.join("sources.json").is_file() {
            return Ok(Some(folder));
        }
        let parent = folder.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(ResultsError::unwritten(parent))?;
        let copy = tempfile::Builder::new().prefix("copy").tempdir_in(parent);
        let copy = copy.map_err(ResultsError::unwritten(parent))?;
        for source in sources {
            write_copy(copy.path(), source)?;
        }
        let list = copy.path().join("sources.json");
        let json = serde_json::to_string_pretty(sources).expect("plain data") + "\n";
        fs::write(&list, json).map_err(ResultsError::unwritten(&list))?;
        match fs::rename(copy.path(), &folder) {
            Ok(()) => drop(copy.keep()),
            // Another process was faster; its copy is the same.
            Err(_) if folder.join("sources.json").is_file() => {}
            Err(error) => return Err(ResultsError::unwritten(&folder)(error)),
        }
        Ok(Some(folder))
    }

    /// Takes over the sources of a cell that another folder has, if it has them.
    pub fn take_sources(&self, other: &RunFolder, cell: &Cell) {
        let (from, to) = (other.sources_of(cell), self.sources_of(cell));
        let Ok(entries) = fs::read_dir(&from) else {
            return;
        };
        // If something is missing then, running the cell says so.
        let _ = fs::create_dir_all(&to);
        for entry in entries.flatten() {
            let _ = fs::copy(entry.path(), to.join(entry.file_name()));
        }
    }

    fn sources_of(&self, cell: &Cell) -> PathBuf {
        self.path()
            .join("sources")
            .join(cell.strategy.sources_digest())
    }
}

fn write_copy(folder: &Path, source: &SourceFile) -> Result<(), ResultsError> {
    let bytes = regular_file::read(&source.path, LARGEST);
    let bytes = bytes.ok().filter(|bytes| hex(bytes) == source.sha256);
    let bytes = bytes.ok_or_else(|| ResultsError::SourceChanged {
        path: source.path.clone(),
    })?;
    let path = folder.join(format!("{}.py", source.sha256));
    fs::write(&path, bytes).map_err(ResultsError::unwritten(&path))
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::record;
    use super::*;

    #[test]
    fn sources_are_kept_as_they_were_and_changed_ones_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("method.py");
        fs::write(&path, "one").unwrap();
        let source = SourceFile {
            module: "method".into(),
            path: path.clone(),
            sha256: hex(b"one"),
        };
        let mut cell = record("digits", "mine", 1, [90, 70]).cell;
        let folder = RunFolder::new(dir.path().join("run"));
        assert_eq!(folder.keep_sources(&cell, &[]).unwrap(), None);
        cell.strategy.sources = by_module(std::slice::from_ref(&source));
        let kept = folder
            .keep_sources(&cell, std::slice::from_ref(&source))
            .unwrap()
            .unwrap();
        let copy = kept.join(format!("{}.py", source.sha256));
        fs::write(&path, "two").unwrap();
        assert_eq!(folder.keep_sources(&cell, &[]).unwrap(), Some(kept));
        assert_eq!(fs::read_to_string(copy).unwrap(), "one");

        let other = RunFolder::new(dir.path().join("other"));
        let error = other
            .keep_sources(&cell, std::slice::from_ref(&source))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} has changed since the run was planned; run it again",
                path.display()
            )
        );
        assert_eq!(
            fs::read_dir(dir.path().join("other/sources"))
                .unwrap()
                .count(),
            0
        );
        other.take_sources(&folder, &cell);
        other.keep_sources(&cell, &[]).unwrap();
    }
}
