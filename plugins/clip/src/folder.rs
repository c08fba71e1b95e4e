//! A CLIP's folder: files that belong together, laid out by Hugging Face's transformers or by OpenCLIP.
//!
//! | | transformers | OpenCLIP |
//! |---|---|---|
//! | shape | `config.json` | `open_clip_config.json` |
//! | pictures | `preprocessor_config.json` | the same file |
//! | tensors | `model.safetensors`, or `model.safetensors.index.json` and the files that it names | `open_clip_model.safetensors` |
//! | texts | `tokenizer.json`, or `vocab.json` and `merges.txt` | the same |
//!
//! A folder that has both is read as transformers reads it.

use clbench_torch::tch::{Device, Kind};
use clbench_transformer::folder::{Folder, named};
use clbench_transformer::weights::Weights;
use harness_abi::{Error, Result};
use std::path::{Path, PathBuf};

/// The shape of the model, as transformers writes it.
pub const CONFIG: &str = "config.json";
/// Its tensors.
pub const WEIGHTS: &str = "model.safetensors";
/// Which file has which of its tensors, where there are several.
pub const WEIGHTS_INDEX: &str = "model.safetensors.index.json";
/// How a text becomes token ids.
pub const TOKENIZER: &str = "tokenizer.json";
/// The same in two files: which id a token has, …
pub const VOCABULARY: &str = "vocab.json";
/// … and which tokens are joined, in order.
pub const MERGES: &str = "merges.txt";
/// How a picture becomes pixel values.
pub const PREPROCESSOR: &str = "preprocessor_config.json";
/// The shape of the model and how a picture becomes pixel values, as OpenCLIP writes it.
pub const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";
/// OpenCLIP's tensors.
pub const OPEN_CLIP_WEIGHTS: &str = "open_clip_model.safetensors";

/// Weights in a form that runs code when it is opened.
const PICKLED: [&str; 3] = [
    "pytorch_model.bin",
    "open_clip_pytorch_model.bin",
    "open_clip_model.bin",
];

/// How a folder is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As transformers does it.
    Transformers,
    /// As OpenCLIP does it.
    OpenClip,
}

/// A folder that has all its files.
#[derive(Debug, Clone)]
pub struct ClipFolder {
    /// The folder.
    pub folder: Folder,
    /// How it is laid out.
    pub layout: Layout,
    /// The name of its weights, or of their index.
    weights: &'static str,
    /// Whether its tokenizer is one file, or two.
    one_tokenizer: bool,
}

impl ClipFolder {
    /// Looks for the files.
    ///
    /// # Errors
    ///
    /// If there is no such folder, or it lacks files; all that are missing are named at once.
    pub fn open(path: impl Into<PathBuf>) -> Result<ClipFolder> {
        let path = path.into();
        let has = |name: &str| path.join(name).is_file();
        let layout = match !has(CONFIG) && has(OPEN_CLIP_CONFIG) {
            true => Layout::OpenClip,
            false => Layout::Transformers,
        };
        let weights = match layout {
            Layout::OpenClip => OPEN_CLIP_WEIGHTS,
            Layout::Transformers if !has(WEIGHTS) && has(WEIGHTS_INDEX) => WEIGHTS_INDEX,
            Layout::Transformers => WEIGHTS,
        };
        let one_tokenizer = has(TOKENIZER) || !has(VOCABULARY) && !has(MERGES);
        let pickled = PICKLED.into_iter().find(|name| has(name));
        if let Some(pickled) = pickled.filter(|_| path.is_dir() && !has(weights)) {
            return Err(Error::data(format!(
                "the folder has {pickled} and no {weights}; pickled weights run code when they are opened and are not read: take \
                 a revision with safetensors, or save the model again with `safe_serialization=True`"
            ))
            .context(named(&path)));
        }
        let tokenizer: &[&str] = match one_tokenizer {
            true => &[TOKENIZER],
            false => &[VOCABULARY, MERGES],
        };
        let (what, mut files) = match layout {
            Layout::Transformers => (
                "a CLIP in the Hugging Face layout",
                vec![CONFIG, weights, PREPROCESSOR],
            ),
            Layout::OpenClip => (
                "a CLIP in OpenCLIP's layout",
                vec![OPEN_CLIP_CONFIG, weights],
            ),
        };
        files.splice(2..2, tokenizer.iter().copied());
        Ok(ClipFolder {
            folder: Folder::open(path, what, &files)?,
            layout,
            weights,
            one_tokenizer,
        })
    }

    /// The path of one of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// The file that says the model's shape.
    pub fn config(&self) -> PathBuf {
        self.file(match self.layout {
            Layout::Transformers => CONFIG,
            Layout::OpenClip => OPEN_CLIP_CONFIG,
        })
    }

    /// The file of the tokenizer, or the two.
    pub fn tokenizer(&self) -> TokenizerFiles {
        match self.one_tokenizer {
            true => TokenizerFiles::One(self.file(TOKENIZER)),
            false => TokenizerFiles::Two {
                vocabulary: self.file(VOCABULARY),
                merges: self.file(MERGES),
            },
        }
    }

    /// Maps the weights.
    ///
    /// # Errors
    ///
    /// As [`Weights::open`].
    pub fn weights(&self, kind: Kind, device: Device) -> Result<Weights> {
        let file = self.file(self.weights);
        match self.weights {
            WEIGHTS_INDEX => Weights::open_sharded(&file, kind, device),
            _ => Weights::open(&file, kind, device),
        }
    }

    /// The files beside the weights, in the order in which a fingerprint takes them.
    pub fn others(&self) -> Vec<&'static str> {
        let tokenizer: &[&str] = match self.one_tokenizer {
            true => &[TOKENIZER],
            false => &[VOCABULARY, MERGES],
        };
        let (first, last): (&[&str], &[&str]) = match self.layout {
            Layout::Transformers => (&[CONFIG], &[PREPROCESSOR]),
            Layout::OpenClip => (&[OPEN_CLIP_CONFIG], &[]),
        };
        [first, tokenizer, last].concat()
    }
}

/// The files that a tokenizer is read from.
#[derive(Debug, Clone)]
pub enum TokenizerFiles {
    /// `tokenizer.json`.
    One(PathBuf),
    /// The two that it was made of.
    Two {
        /// `vocab.json`.
        vocabulary: PathBuf,
        /// `merges.txt`.
        merges: PathBuf,
    },
}

impl TokenizerFiles {
    /// The file that says which id a token has.
    pub fn vocabulary(&self) -> &Path {
        match self {
            TokenizerFiles::One(path) => path,
            TokenizerFiles::Two { vocabulary, .. } => vocabulary,
        }
    }
}
