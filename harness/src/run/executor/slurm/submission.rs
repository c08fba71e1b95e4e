//! A submission: array jobs that one run has submitted together, in a folder of their own.
//!
//! ```text
//! slurm/submit.claim       the claim of a run that is submitting
//! slurm/<n>/jobs.json      the arrays, what each task computes, and the ids of the jobs
//! slurm/<n>/cells-1.sh     the script of an array; features-1.sh is that of an array of features
//! slurm/<n>/cells-1.jsonl  the lines of its tasks, as `clbench plan --json` prints them
//! slurm/<n>/cells-1-7.log  what its task 7 has printed; what plugins print is in the cell's own log
//! ```
//!
//! As long as a job is queued or running, the file is a claim on its cells.

use super::array::{Array, Kind};
use super::client::Client;
use super::error::SlurmError;
use crate::atomic;
use crate::regular_file::{self, LARGEST_LIST};
use crate::results::RunFolder;
use crate::run::Interrupt;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;

/// The jobs of one submission.
pub(super) struct Submission {
    /// Its folder, an absolute path.
    folder: PathBuf,
    /// Those of features, then those of cells.
    pub(super) arrays: Vec<Array>,
}

/// `jobs.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobsFile {
    format: u32,
    arrays: Vec<Array>,
}

impl Submission {
    /// The folder of all submissions.
    pub(super) fn home(folder: &RunFolder) -> PathBuf {
        folder.path().join("slurm")
    }

    /// All submissions in a run folder, the latest last.
    pub(super) fn all(folder: &RunFolder) -> Result<Vec<Submission>, SlurmError> {
        numbered(folder)?.into_iter().filter_map(read).collect()
    }

    /// The folder of the next submission.
    pub(super) fn next(folder: &RunFolder) -> Result<PathBuf, SlurmError> {
        let last = numbered(folder)?
            .into_iter()
            .map(|(number, _)| number)
            .max();
        let number = last.unwrap_or(0) + 1;
        Ok(Submission::home(folder).join(number.to_string()))
    }

    /// Creates the folder with the files of the arrays. The caller has claimed it.
    pub(super) fn create(
        folder: &RunFolder,
        mut arrays: Vec<Array>,
    ) -> Result<Submission, SlurmError> {
        let folder = Submission::next(folder)?;
        let folder = std::path::absolute(&folder).map_err(SlurmError::file(&folder))?;
        fs::create_dir(&folder).map_err(SlurmError::file(&folder))?;
        for array in &mut arrays {
            for (path, text) in array.take_files() {
                atomic::write(&path, text.as_bytes()).map_err(SlurmError::file(&path))?;
            }
        }
        let submission = Submission { folder, arrays };
        submission.write()?;
        Ok(submission)
    }

    /// Submits the arrays one after the other, and notes their ids. What could be submitted before
    /// an error stays submitted.
    pub(super) fn submit(
        &mut self,
        client: &Client,
        interrupt: &Interrupt,
    ) -> Result<(), SlurmError> {
        for index in 0..self.arrays.len() {
            if interrupt.requested() {
                return Err(SlurmError::Stopped);
            }
            let array = &self.arrays[index];
            let after = match array.kind {
                Kind::Features => Vec::new(),
                Kind::Cells => self.jobs(Kind::Features),
            };
            let job = client.submit(&array.script(), &after)?;
            self.arrays[index].job = Some(job);
            self.write()?;
        }
        Ok(())
    }

    /// Deletes the files, unless some array was submitted.
    pub(super) fn discard_unless_submitted(&self) {
        if self.arrays.iter().all(|array| array.job.is_none()) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    /// Finds the ids of jobs that the process that submitted them could not note, because it was
    /// killed.
    pub(super) fn recover(&mut self, client: &Client) -> Result<(), SlurmError> {
        let unnoted = (0..self.arrays.len()).filter(|&index| self.arrays[index].job.is_none());
        let unnoted: Vec<usize> = unnoted.collect();
        let arrays: Vec<&Array> = unnoted.iter().map(|&index| &self.arrays[index]).collect();
        let alive = client.alive(&arrays)?;
        if alive.is_empty() {
            return Ok(());
        }
        for task in alive {
            self.arrays[unnoted[task.array]].job = Some(task.job);
        }
        self.write()
    }

    /// The ids of the jobs of this kind that were submitted.
    pub(super) fn jobs(&self, kind: Kind) -> Vec<String> {
        let arrays = self.arrays.iter().filter(|array| array.kind == kind);
        arrays.filter_map(|array| array.job.clone()).collect()
    }

    /// For people: what was submitted.
    pub(super) fn summary(&self) -> Option<String> {
        let part = |kind: Kind, one: &str, several: &str| {
            let arrays = self.arrays.iter().filter(|array| array.kind == kind);
            let submitted = arrays.filter(|array| array.job.is_some());
            let number: usize = submitted.map(|array| array.tasks.len()).sum();
            let jobs = self.jobs(kind);
            let what = if number == 1 { one } else { several };
            let job = if jobs.len() == 1 { "job" } else { "jobs" };
            (number > 0).then(|| format!("{number} {what} ({job} {})", jobs.join(", ")))
        };
        let parts = [
            part(Kind::Features, "set of features", "sets of features"),
            part(Kind::Cells, "cell", "cells"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("submitted {}", parts.join(", then ")))
    }

    fn write(&self) -> Result<(), SlurmError> {
        let file = JobsFile {
            format: FORMAT,
            arrays: self.arrays.clone(),
        };
        let path = self.folder.join("jobs.json");
        let json = serde_json::to_string_pretty(&file).expect("plain data") + "\n";
        atomic::write(&path, json.as_bytes()).map_err(SlurmError::file(&path))
    }
}

/// The folders of submissions with their numbers, in order.
fn numbered(folder: &RunFolder) -> Result<Vec<(u32, PathBuf)>, SlurmError> {
    let home = Submission::home(folder);
    let entries = match fs::read_dir(&home) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(SlurmError::file(&home))?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(SlurmError::file(&home))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(number) = name.and_then(|name| name.parse().ok()) {
            folders.push((number, path));
        }
    }
    folders.sort();
    Ok(folders)
}

/// Reads a submission; `None` if it was interrupted before anything was submitted.
fn read((_, folder): (u32, PathBuf)) -> Option<Result<Submission, SlurmError>> {
    let path = folder.join("jobs.json");
    let bytes = match regular_file::read(&path, LARGEST_LIST) {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(SlurmError::file(&path)(error))),
        Ok(bytes) => bytes,
    };
    Some(parsed(&folder, &bytes).map_err(SlurmError::file(&path)))
}

fn parsed(folder: &Path, bytes: &[u8]) -> io::Result<Submission> {
    let file: JobsFile = serde_json::from_slice(bytes)?;
    if file.format != FORMAT {
        let found = file.format;
        let why = format!("it has format {found}, but this clbench reads format {FORMAT}");
        return Err(io::Error::other(why));
    }
    let folder = std::path::absolute(folder)?;
    let arrays = file.arrays.into_iter();
    Ok(Submission {
        arrays: arrays.map(|array| array.in_folder(&folder)).collect(),
        folder,
    })
}
