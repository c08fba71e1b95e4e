//! Why no project was created.

use crate::exit_code::ExitCode;
use std::path::PathBuf;

/// A project that cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A name that is not valid.
    #[error("`{name}` cannot name a crate and a strategy: {problem}; {}", match folder {
        true => format!("name the folder differently, or add `--name {suggestion}`"),
        false => format!("write `--name {suggestion}`, for example"),
    })]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
        /// Whether it is the folder's.
        folder: bool,
        /// A name like it that is valid.
        suggestion: String,
    },
    /// A Python file that cannot be imported under its name.
    #[error("`{}` cannot name a Python file with a strategy: {problem}; write `{}`, for example",
        file.display(), suggestion.display())]
    PythonName {
        /// The file.
        file: PathBuf,
        /// What is wrong with its name.
        problem: &'static str,
        /// A file in the same folder whose name is valid.
        suggestion: PathBuf,
    },
    /// A file in the place of one to write.
    #[error("`{}` already exists; choose another name, or delete it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A folder with files in it.
    #[error("`{}` already exists and is not empty; choose a new folder", dir.display())]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
    },
    /// A file in the folder's place.
    #[error("`{}` is not a folder; choose a new folder", dir.display())]
    NotAFolder {
        /// The path.
        dir: PathBuf,
    },
    /// The source code is gone.
    #[error(
        "the source code of this clbench is no longer in `{}`; pass the folder `harness/abi` of a checkout with `--abi DIR`", dir.display()
    )]
    NoCheckout {
        /// Where it was at build time.
        dir: PathBuf,
    },
    /// An installed program, which never had the source code.
    #[error(
        "a strategy in Rust is built with the crate harness-abi, which is in clbench's source code and not part of what \
         pip installs; clone the repository, and pass its folder `harness/abi` with `--abi DIR`"
    )]
    Installed,
    /// A folder that is not the crate.
    #[error(
        "`{}` is not the crate harness-abi; pass the folder `harness/abi` of a clbench checkout with `--abi DIR`", dir.display()
    )]
    NotAbi {
        /// The folder.
        dir: PathBuf,
    },
    /// A path that a manifest cannot hold.
    #[error("{}: the path is not valid UTF-8, so a manifest cannot name it; rename it", path.display())]
    PathNotUnicode {
        /// The path.
        path: PathBuf,
    },
    /// The disk.
    #[error("cannot write `{}`: {source}", path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl ProjectError {
    /// The exit code that goes with it.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::Usage
    }
}
