//! The stand-alone plugins: those that are workspaces of their own, like a third party's. Each
//! compiles harness-abi and its dependencies again, so a run builds only those that it may use.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// A stand-alone plugin.
pub struct StandAlone {
    /// The folder of its manifest.
    project: PathBuf,
}

impl StandAlone {
    /// The projects in a folder, sorted by name; none if the folder is missing.
    pub fn all(folder: &Path) -> Result<Vec<Self>> {
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let unreadable = || format!("cannot read the folder {}", folder.display());
        let mut plugins = Vec::new();
        for entry in folder.read_dir().with_context(unreadable)? {
            let project = entry.with_context(unreadable)?.path();
            if project.join("Cargo.toml").is_file() {
                plugins.push(Self { project });
            }
        }
        plugins.sort_by(|one, other| one.project.cmp(&other.project));
        Ok(plugins)
    }

    /// The name of its folder.
    pub fn name(&self) -> String {
        let name = self.project.file_name().unwrap_or_default();
        name.display().to_string()
    }

    pub fn manifest(&self) -> PathBuf {
        self.project.join("Cargo.toml")
    }

    /// Where it is built. Scenarios name the plugin's file by its path, so a target folder that the
    /// user has set does not apply.
    pub fn target(&self) -> PathBuf {
        self.project.join("target")
    }

    /// Whether `clbench run` with these arguments may load it: one of them names its target folder,
    /// or one is a file, or the name of one in `scenarios`, that does or that extends another file.
    pub fn may_be_used(&self, arguments: &[OsString]) -> bool {
        let path = format!("{}/target/", self.name());
        let repository = self.project.ancestors().nth(4).unwrap_or(Path::new(""));
        arguments.iter().any(|argument| {
            let argument = argument.to_string_lossy();
            // `--with=FILE` is an argument too.
            let file = argument.rsplit('=').next().unwrap_or_default();
            let named = repository.join("scenarios").join(format!("{file}.yaml"));
            let mut texts = [PathBuf::from(file), named]
                .into_iter()
                .filter_map(|file| fs::read_to_string(file).ok());
            argument.contains(&path)
                || texts.any(|text| text.contains(&path) || text.contains("extends:"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_builds_only_plugins_that_its_scenario_may_use() {
        let folder = tempfile::tempdir().unwrap();
        let used = |argument: &str, text: &str| {
            let file = folder.path().join("scenario.yaml");
            fs::write(&file, text).unwrap();
            let project = "repository/tests/fixtures/plugins/nearest-class-mean";
            let plugin = StandAlone {
                project: folder.path().join(project),
            };
            let argument = argument.replace("FILE", file.to_str().unwrap());
            plugin.may_be_used(&[argument.into()])
        };
        let named = "plugin: ../nearest-class-mean/target/release/libnearest_class_mean.so";
        assert!(used("FILE", named));
        assert!(used("--with=FILE", named));
        assert!(used("FILE", "extends: digits.yaml"));
        assert!(used(
            "strategies.ncm.plugin=nearest-class-mean/target/debug/lib.so",
            ""
        ));
        let scenarios = folder.path().join("repository/scenarios");
        fs::create_dir_all(&scenarios).unwrap();
        fs::write(scenarios.join("digits.yaml"), named).unwrap();
        assert!(used("digits", ""));
        // A strategy of clbench's own plugins has the same name.
        assert!(!used("FILE", "use: nearest-class-mean"));
        assert!(!used("--seed", "extends: digits.yaml"));
    }
}
