//! A folder in the Hugging Face CLIP layout: four files that belong together.

use harness_abi::{Error, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The shape of the model.
pub const CONFIG: &str = "config.json";
/// Its tensors.
pub const WEIGHTS: &str = "model.safetensors";
/// How a text becomes token ids.
pub const TOKENIZER: &str = "tokenizer.json";
/// How a picture becomes pixel values.
pub const PREPROCESSOR: &str = "preprocessor_config.json";

/// A folder that has all four files.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Looks for the four files.
    ///
    /// # Errors
    ///
    /// If there is no such folder, or it lacks files; all that are missing are named at once.
    pub fn open(path: impl Into<PathBuf>) -> Result<Folder> {
        let path = path.into();
        if !path.is_dir() {
            return Err(Error::data("there is no such folder").context(named(&path)));
        }
        let missing: Vec<&str> = [CONFIG, WEIGHTS, TOKENIZER, PREPROCESSOR]
            .into_iter()
            .filter(|file| !path.join(file).is_file())
            .collect();
        if !missing.is_empty() {
            return Err(Error::data(format!(
                "the folder has no {}; a CLIP in the Hugging Face layout is {CONFIG}, {WEIGHTS}, {TOKENIZER} and \
                 {PREPROCESSOR}",
                missing.join(" and no ")
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
        let name = whole.as_deref().unwrap_or(&self.0).file_name();
        name.map_or_else(|| "clip".into(), |name| name.to_string_lossy().into_owned())
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
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let message = match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        _ => format!("the file cannot be read: {error}"),
    };
    Error::data(message).context(named(path))
}

/// A path, as the beginning of a message.
pub(crate) fn named(path: &Path) -> String {
    path.display().to_string()
}
