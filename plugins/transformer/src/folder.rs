//! A model's folder: files that belong together, by fixed names.

use crate::weights::Weights;
use harness_abi::{Error, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A folder that has all its files.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Looks for the files that make up `what`, "a CLIP in the Hugging Face layout" for one.
    ///
    /// # Errors
    ///
    /// If there is no such folder, or it lacks files; all that are missing are named at once.
    pub fn open(path: impl Into<PathBuf>, what: &str, files: &[&str]) -> Result<Folder> {
        let path = path.into();
        if !path.is_dir() {
            return Err(Error::data("there is no such folder").context(named(&path)));
        }
        let missing: Vec<&str> = files
            .iter()
            .copied()
            .filter(|file| !path.join(file).is_file())
            .collect();
        if !missing.is_empty() {
            return Err(Error::data(format!(
                "the folder has no {}; {what} is {}",
                missing.join(" and no "),
                all(files)
            ))
            .context(named(&path)));
        }
        Ok(Folder(path))
    }

    /// The path of one of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What the model is called: the folder's own name, whatever the path by which it was reached.
    pub fn name(&self) -> String {
        let whole = self.0.canonicalize();
        let whole = whole.as_deref().unwrap_or(&self.0);
        let name = whole.file_name().unwrap_or(whole.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// A digest of some of its files and of the weights, each with its length before it. `kind` stands before it: the
    /// backbone's name and version, which moves when the same folder gives other numbers.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub fn fingerprint(&self, kind: &str, files: &[&str], weights: &Weights) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for file in files {
            add(&read(&self.file(file))?);
        }
        for file in weights.files() {
            add(file);
        }
        Ok(format!("{kind}-{}", hasher.finalize().to_hex()))
    }
}

/// Names in a row: "a, b and c".
fn all(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).into(),
        [names @ .., last] => format!("{} and {last}", names.join(", ")),
    }
}

/// The bytes of a file.
///
/// # Errors
///
/// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

/// The error for a file that cannot be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let message = match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        _ => format!("the file cannot be read: {error}"),
    };
    Error::data(message).context(named(path))
}

/// A path, as the beginning of a message.
pub fn named(path: &Path) -> String {
    path.display().to_string()
}
