//! What can go wrong with the files of a run folder.

use std::path::{Path, PathBuf};

/// An error while results are read or written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum ResultsError {
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "cell record `{}` is damaged: {reason}\ndelete the file and run the scenario again; only this cell is recomputed",
        path.display()
    )]
    Damaged { path: PathBuf, reason: String },
    #[error(
        "cell record `{}` has format {found}, but this clbench reads format {supported}; run the scenario again to replace it, or \
         read it with the clbench that wrote it",
        path.display()
    )]
    Format {
        path: PathBuf,
        found: u64,
        supported: u32,
    },
    #[error(
        "line {line} of `{}` cannot be read: {reason}\nget the file again, pack its run folder again, or read it with the clbench that \
         wrote it",
        path.display()
    )]
    PackedLine {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    #[error(
        "`{}` is neither a run folder nor packed results; name a folder that `clbench run` wrote, such as \
         `results/runs/<scenario>`, or a file that `clbench results pack` wrote",
        path.display()
    )]
    NoResults { path: PathBuf },
    #[error(
        "the records in `{}` cannot be packed: one is not a line of JSON as clbench writes it, or has a key `$`",
        dir.display()
    )]
    NotPacked { dir: PathBuf },
    #[error(
        "`{}` exists and is not a file of packed results; choose another with `--out`",
        path.display()
    )]
    Occupied { path: PathBuf },
    #[error(
        "`{}` cannot be read: {reason}\ndelete it and run the scenario again; records are kept",
        path.display()
    )]
    RunFile { path: PathBuf, reason: String },
    #[error(
        "`{}` holds the runs of scenario `{theirs}`, but this scenario is `{ours}`; choose another folder with `--out`",
        dir.display()
    )]
    OtherScenario {
        dir: PathBuf,
        theirs: String,
        ours: String,
    },
    #[error(
        "no cell records found in `{}` (expected `cells/<id>.json`)\nname a folder that `clbench run` wrote, such as \
         `results/runs/<scenario>`",
        dir.display()
    )]
    NoCells { dir: PathBuf },
    #[error(
        "`{}` has no results of its current plan yet, but {others} of earlier plans; `--all` shows them",
        dir.display()
    )]
    NoneCurrent { dir: PathBuf, others: usize },
    #[error("{} has changed since the run was planned; run it again", path.display())]
    SourceChanged { path: PathBuf },
}

impl ResultsError {
    /// For `map_err`: the error that `path` cannot be written.
    pub(super) fn unwritten(path: &Path) -> impl FnOnce(std::io::Error) -> ResultsError {
        let path = path.to_owned();
        move |source| ResultsError::Io {
            action: "write",
            path,
            source,
        }
    }
}
