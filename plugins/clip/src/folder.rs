//! A CLIP's folder, in the layout of Hugging Face's transformers or of OpenCLIP.
//!
//! | | transformers | OpenCLIP |
//! |---|---|---|
//! | shape | `config.json` | `open_clip_config.json` |
//! | images | `processor_config.json` or `preprocessor_config.json` | the same file |
//! | tensors | `model.safetensors`, or an index | `open_clip_model.safetensors` |
//! | texts | `tokenizer.json`, or `vocab.json` and `merges.txt` | the same |
//!
//! The index of sharded tensors is `model.safetensors.index.json`.
//!
//! A folder with both layouts is read as transformers does. Transformers 5 writes the image
//! preprocessing into `processor_config.json`, transformers 4 into `preprocessor_config.json`. In a
//! folder with both, transformers 5 reads the former, and so does this backbone; but transformers 4
//! reads the latter, so there is a warning if the two differ.

use crate::preprocessor;
use clbench_torch::tch::{Device, Kind};
use clbench_transformer::folder::{Folder, named, read_text};
use clbench_transformer::model_type::Reads;
use clbench_transformer::weights::Weights;
use harness_abi::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The shape of the model, in transformers' layout.
pub const CONFIG: &str = "config.json";
/// The tensors.
pub const WEIGHTS: &str = "model.safetensors";
/// The index that names the file of each tensor, if there are several files.
pub const WEIGHTS_INDEX: &str = "model.safetensors.index.json";
/// The tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";
/// The tokenizer in two files: the vocabulary with token ids, …
pub const VOCABULARY: &str = "vocab.json";
/// … and the merges, in order.
pub const MERGES: &str = "merges.txt";
/// The image preprocessing, among other things: transformers 5.
pub const PROCESSOR: &str = "processor_config.json";
/// The image preprocessing alone: transformers 4.
pub const PREPROCESSOR: &str = "preprocessor_config.json";
/// The shape of the model and the image preprocessing, in OpenCLIP's layout.
pub const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";
/// OpenCLIP's tensors.
pub const OPEN_CLIP_WEIGHTS: &str = "open_clip_model.safetensors";

/// Pickled weights, which can run code when opened.
const PICKLED: [&str; 3] = [
    "pytorch_model.bin",
    "open_clip_pytorch_model.bin",
    "open_clip_model.bin",
];

/// The models that `config.json` may describe.
const READS: Reads = Reads {
    backbone: "clip",
    models: "CLIP, such as `openai/clip-vit-base-patch32`",
    types: &["clip"],
};

/// The layout of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The layout of transformers.
    Transformers,
    /// The layout of OpenCLIP.
    OpenClip,
}

/// A folder in which all required files exist.
#[derive(Debug, Clone)]
pub struct ClipFolder {
    /// The folder.
    pub folder: Folder,
    /// The layout.
    pub layout: Layout,
    /// The name of the weights file or of the index.
    weights: &'static str,
    /// The name of the file with the image preprocessing, in the layout of transformers.
    preprocessor: &'static str,
    /// Whether the tokenizer is one file or two.
    one_tokenizer: bool,
}

impl ClipFolder {
    /// Checks that the folder is that of a CLIP, and has all files.
    ///
    /// # Errors
    ///
    /// If the folder does not exist, holds another model, or lacks files; the error names all
    /// missing files.
    pub fn open(path: impl Into<PathBuf>) -> Result<ClipFolder> {
        let path = path.into();
        let has = |name: &str| path.join(name).is_file();
        if has(CONFIG) {
            // First, since the folder of another model may lack files that a CLIP has.
            expect_clip(&path.join(CONFIG))?;
        }
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
                "the folder has {pickled} but no {weights}; pickled weights can run code when opened, so they are not supported: \
                 use a revision with safetensors, or save the model again with `safe_serialization=True`"
            ))
            .context(named(&path)));
        }
        let tokenizer: &[&str] = match one_tokenizer {
            true => &[TOKENIZER],
            false => &[VOCABULARY, MERGES],
        };
        let processor = path.join(PROCESSOR);
        let preprocessor = match has(PROCESSOR) && preprocessor::is_in(&processor)? {
            true => PROCESSOR,
            false => PREPROCESSOR,
        };
        let (what, mut files) = match layout {
            Layout::Transformers => (
                "a CLIP in the Hugging Face layout",
                vec![CONFIG, weights, preprocessor],
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
            preprocessor,
            one_tokenizer,
        })
    }

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// The file with the model's shape.
    pub fn config(&self) -> PathBuf {
        self.file(match self.layout {
            Layout::Transformers => CONFIG,
            Layout::OpenClip => OPEN_CLIP_CONFIG,
        })
    }

    /// The file with the image preprocessing, in the layout of transformers.
    pub fn preprocessor(&self) -> PathBuf {
        self.file(self.preprocessor)
    }

    /// The file with image preprocessing that is not read, because [`preprocessor`] has it too.
    ///
    /// [`preprocessor`]: Self::preprocessor
    pub fn other_preprocessor(&self) -> Option<PathBuf> {
        let other = self.file(PREPROCESSOR);
        (self.preprocessor == PROCESSOR && other.is_file()).then_some(other)
    }

    /// The tokenizer's file or files.
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
    /// As for [`Weights::open`].
    pub fn weights(&self, kind: Kind, device: Device) -> Result<Weights> {
        let file = self.file(self.weights);
        match self.weights {
            WEIGHTS_INDEX => Weights::open_sharded(&file, kind, device),
            _ => Weights::open(&file, kind, device),
        }
    }

    /// The files other than the weights, in the order used by fingerprints.
    pub fn others(&self) -> Vec<&'static str> {
        let tokenizer: &[&str] = match self.one_tokenizer {
            true => &[TOKENIZER],
            false => &[VOCABULARY, MERGES],
        };
        let (first, last): (&[&str], &[&str]) = match self.layout {
            Layout::Transformers => (&[CONFIG], std::slice::from_ref(&self.preprocessor)),
            Layout::OpenClip => (&[OPEN_CLIP_CONFIG], &[]),
        };
        [first, tokenizer, last].concat()
    }
}

/// Checks that a `config.json` is that of a CLIP.
fn expect_clip(config: &Path) -> Result<()> {
    // If it is not JSON, the error comes when it is read as a whole.
    let Ok(json) = serde_json::from_str::<Value>(&read_text(config)?) else {
        return Ok(());
    };
    let wrong = |problem: String| Error::data(problem).context(named(config));
    READS.check(&json).map_err(wrong)?;
    match json["architecture"].as_str() {
        Some(architecture) if json["model_type"].is_null() => Err(wrong(format!(
            "this is a model of timm (`architecture: {architecture}`); `clip` reads {}; for a plain vision transformer, use the \
             backbone `vit`",
            READS.models
        ))),
        _ => Ok(()),
    }
}

/// The files of a tokenizer.
#[derive(Debug, Clone)]
pub enum TokenizerFiles {
    /// `tokenizer.json`.
    One(PathBuf),
    /// The two files that it is made from.
    Two {
        /// `vocab.json`.
        vocabulary: PathBuf,
        /// `merges.txt`.
        merges: PathBuf,
    },
}

impl TokenizerFiles {
    /// The file with the token ids.
    pub fn vocabulary(&self) -> &Path {
        match self {
            TokenizerFiles::One(path) => path,
            TokenizerFiles::Two { vocabulary, .. } => vocabulary,
        }
    }
}
