//! A model's folder: a set of files with fixed names.

use crate::weights::Weights;
use harness_abi::{Error, Result};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A folder in which all required files exist.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Checks that a folder has the files that make up `what`, such as "a CLIP in the Hugging Face
    /// layout".
    ///
    /// # Errors
    ///
    /// If the folder does not exist, or lacks files; the error names all missing files.
    pub fn open(path: impl Into<PathBuf>, what: &str, files: &[&str]) -> Result<Folder> {
        let path = path.into();
        if !path.is_dir() {
            return Err(Error::missing("no such folder").context(named(&path)));
        }
        let missing: Vec<&str> = files
            .iter()
            .copied()
            .filter(|file| !path.join(file).is_file())
            .collect();
        if !missing.is_empty() {
            return Err(Error::data(format!(
                "the folder lacks {}; {what} consists of {}",
                all(&missing),
                all(files)
            ))
            .context(named(&path)));
        }
        Ok(Folder(path))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The model's name: the folder's own name, with links resolved.
    pub fn name(&self) -> String {
        let whole = self.0.canonicalize();
        let whole = whole.as_deref().unwrap_or(&self.0);
        let name = whole.file_name().unwrap_or(whole.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// The prefix `kind` and a digest of the given files and the weights, each preceded by its
    /// length. `kind` is the backbone's name and version; the version changes whenever the same
    /// folder would give other numbers.
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

/// Joins names: "a, b and c".
fn all(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).into(),
        [names @ .., last] => format!("{} and {last}", names.join(", ")),
    }
}

/// The largest configuration, index or vocabulary, in bytes; weights are mapped instead.
const LARGEST: u64 = 64 << 20;

/// The bytes of a file, other than weights.
///
/// # Errors
///
/// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = regular(path).map_err(|error| unreadable(path, &error))?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    match bytes.len() as u64 > LARGEST {
        true => Err(Error::data(format!(
            "the file has more than {LARGEST} bytes, the most that is read; weights are in safetensors files"
        ))
        .context(named(path))),
        false => Ok(bytes),
    }
}

/// Opens a file, unless it is a FIFO, a device or the like: opening one may wait, and reading one
/// may never end.
pub(crate) fn regular(path: &Path) -> std::io::Result<File> {
    let metadata = std::fs::metadata(path)?;
    match metadata.is_file() || metadata.is_dir() {
        true => File::open(path),
        false => Err(std::io::Error::new(
            ErrorKind::InvalidInput,
            "not a regular file",
        )),
    }
}

/// The text of a file, without a byte-order mark, which some editors write first.
///
/// # Errors
///
/// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name, also if the file is
/// not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read(path)?;
    let not_text =
        |what| Error::data(format!("{what}; save the file as UTF-8")).context(named(path));
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(not_text("UTF-16 text"));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(text).map_err(|_| not_text("not UTF-8 text"))?;
    Ok(text.to_owned())
}

/// The error for a file that cannot be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let message = match error.kind() {
        ErrorKind::NotFound => "no such file".into(),
        _ => format!("cannot read the file: {error}"),
    };
    Error::data(message).context(named(path))
}

/// A path as the start of a message.
pub fn named(path: &Path) -> String {
    path.display().to_string()
}
