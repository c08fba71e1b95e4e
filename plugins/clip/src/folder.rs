//! A folder in the Hugging Face CLIP layout: four files that belong together.

use clbench_transformer::folder::Folder;
use harness_abi::Result;
use std::path::PathBuf;

/// The shape of the model.
pub const CONFIG: &str = "config.json";
/// Its tensors.
pub const WEIGHTS: &str = "model.safetensors";
/// How a text becomes token ids.
pub const TOKENIZER: &str = "tokenizer.json";
/// How a picture becomes pixel values.
pub const PREPROCESSOR: &str = "preprocessor_config.json";

/// Looks for the four files.
///
/// # Errors
///
/// If there is no such folder, or it lacks files; all that are missing are named at once.
pub fn open(path: impl Into<PathBuf>) -> Result<Folder> {
    Folder::open(
        path,
        "a CLIP in the Hugging Face layout",
        &[CONFIG, WEIGHTS, TOKENIZER, PREPROCESSOR],
    )
}
