//! What `clbench new` creates: plugin projects in Rust, and [strategies in Python](python). Their
//! files are real files in the folders `project/strategy` and `project/python` beside this one; the
//! project's names replace `my-strategy` and its like.

mod error;
mod name;
pub mod python;

use crate::atomic::NewFiles;
use crate::template::{filled, quoted, yaml_scalar};
use crate::{init, shipped};
pub use error::ProjectError;
use name::Name;
pub(crate) use python::class_name;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// A project that was created.
#[derive(Debug)]
pub struct Project {
    /// The name of its crate and its strategy.
    pub name: String,
    /// Its files, relative to its folder.
    pub files: Vec<&'static str>,
    /// A model that its scenario needs and that has to be fetched first.
    pub fetch: Option<&'static str>,
}

/// Creates a strategy plugin in `dir`, which is named after its folder unless `name` is given, and
/// which builds on the crate `harness-abi` in `abi`, or on the one of this program's own checkout.
///
/// # Errors
///
/// If the name is not valid, the folder has files, `harness-abi` is not found, or a file cannot be
/// written.
pub fn strategy(
    dir: &Path,
    name: Option<&str>,
    abi: Option<&Path>,
) -> Result<Project, ProjectError> {
    let name = match name {
        Some(name) => Name::new(name, None)?,
        None => Name::new(&last_part(dir)?, Some(dir))?,
    };
    check_folder(dir)?;
    let abi = match (abi, shipped::checkout()) {
        (Some(abi), _) if shipped::is_abi(abi) => abi.to_owned(),
        (Some(abi), _) => return Err(ProjectError::NotAbi { dir: abi.into() }),
        (None, Some(checkout)) => shipped::abi(&checkout),
        (None, None) => {
            return Err(match shipped::python_packages() {
                Some(_) => ProjectError::Installed,
                None => ProjectError::NoCheckout {
                    dir: shipped::at_build_time(),
                },
            });
        }
    };
    let abi = absolute(&abi)?;
    let (clip, fetch) = clip(Path::new(&abi).ancestors().nth(2))?;
    let files = [
        (
            "Cargo.toml",
            filled(
                include_str!("project/strategy/Cargo.toml.template"),
                &[("my-strategy", &name.kebab), ("\"ABI\"", &quoted(&abi))],
            ),
        ),
        (
            "src/lib.rs",
            filled(
                include_str!("project/strategy/lib.rs"),
                &[("my-strategy", &name.kebab), ("MyStrategy", &name.pascal)],
            ),
        ),
        (
            "tests/testkit.rs",
            filled(
                include_str!("project/strategy/testkit.rs"),
                &[("my_strategy", &name.snake), ("MyStrategy", &name.pascal)],
            ),
        ),
        (
            "scenario.yaml",
            filled(
                include_str!("project/strategy/scenario.yaml"),
                &[
                    ("my-strategy", &name.kebab),
                    ("my_strategy", &name.snake),
                    ("path: WEIGHTS", &clip),
                ],
            ),
        ),
        (
            "README.md",
            filled(
                include_str!("project/strategy/README.md"),
                &[("my-strategy", &name.kebab), ("my_strategy", &name.snake)],
            ),
        ),
        (
            ".gitignore",
            include_str!("project/strategy/gitignore").to_owned(),
        ),
    ];
    write(dir, &files)?;
    Ok(Project {
        name: name.kebab,
        files: files.iter().map(|(file, _)| *file).collect(),
        fetch,
    })
}

/// The parameter of the backbone `clip` that names its weights: the small CLIP of a checkout, or
/// else a model on the hub, which has to be fetched.
fn clip(checkout: Option<&Path>) -> Result<(String, Option<&'static str>), ProjectError> {
    let shipped = || shipped::root().as_deref().and_then(shipped::small_clip);
    Ok(
        match checkout.and_then(shipped::small_clip).or_else(shipped) {
            Some(weights) => (format!("path: {}", yaml_scalar(&absolute(&weights)?)), None),
            None => (format!("model: {}", init::HUB_MODEL), Some(init::HUB_MODEL)),
        },
    )
}

/// Writes all files, or none.
fn write(dir: &Path, files: &[(&str, String)]) -> Result<(), ProjectError> {
    let mut written = NewFiles::default();
    for (file, text) in files {
        let path = dir.join(file);
        written
            .write(&path, text.as_bytes())
            .map_err(|source| ProjectError::Unwritten { path, source })?;
    }
    written.keep();
    Ok(())
}

/// Whether the folder is empty or yet to be created.
fn check_folder(dir: &Path) -> Result<(), ProjectError> {
    let dir = dir.to_owned();
    match fs::read_dir(&dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(ProjectError::NotEmpty { dir }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            Err(ProjectError::NotAFolder { dir })
        }
        Err(source) => Err(ProjectError::Unwritten { path: dir, source }),
    }
}

/// The name of a folder, of `.` too.
fn last_part(dir: &Path) -> Result<String, ProjectError> {
    let whole = || dir.canonicalize().ok();
    let part = match dir.file_name() {
        Some(part) => Some(part.to_owned()),
        None => whole().and_then(|dir| dir.file_name().map(ToOwned::to_owned)),
    };
    Ok(part.unwrap_or_default().to_string_lossy().into_owned())
}

/// The whole path, as a manifest or a scenario writes it.
fn absolute(path: &Path) -> Result<String, ProjectError> {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let text = whole.to_str().map(str::to_owned);
    text.ok_or(ProjectError::PathNotUnicode { path: whole })
}

#[cfg(test)]
mod tests;
