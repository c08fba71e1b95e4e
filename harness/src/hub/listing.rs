//! The files of a model on the hub, and those that a backbone reads.

use serde::Deserialize;

/// A revision of a model: the hub's `/api/models/NAME/revision/REVISION?blobs=true`.
#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    /// The commit that the revision names.
    #[serde(rename = "sha")]
    pub(super) commit: String,
    #[serde(rename = "siblings")]
    files: Vec<RepoFile>,
}

/// A file of a model.
#[derive(Debug, Clone, Deserialize)]
pub struct RepoFile {
    /// Its path in the model's repository.
    #[serde(rename = "rfilename")]
    pub name: String,
    /// Its size in bytes; a mirror may not report it.
    pub size: Option<u64>,
    /// Its git blob id.
    #[serde(rename = "blobId")]
    id: Option<String>,
    /// Only for a large file.
    lfs: Option<Lfs>,
}

#[derive(Debug, Clone, Deserialize)]
struct Lfs {
    sha256: String,
}

impl RepoFile {
    /// The name of its content in the cache.
    pub(super) fn blob(&self) -> Option<&str> {
        let name = self.sha256().or(self.id.as_deref())?;
        let plain = name.chars().all(|c| c.is_ascii_hexdigit());
        (plain && !name.is_empty()).then_some(name)
    }

    /// The SHA-256 of its content, in hexadecimal digits, for a large file.
    pub(super) fn sha256(&self) -> Option<&str> {
        self.lfs.as_ref().map(|lfs| lfs.sha256.as_str())
    }
}

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const WEIGHTS_INDEX: &str = "model.safetensors.index.json";
const PREPROCESSOR: &str = "preprocessor_config.json";
/// The file that transformers 5 writes instead.
const PROCESSOR: &str = "processor_config.json";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_PARTS: [&str; 2] = ["vocab.json", "merges.txt"];
const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";
const OPEN_CLIP_WEIGHTS: &str = "open_clip_model.safetensors";

impl Listing {
    /// The files that the backbones `clip` and `vit` read: configuration, tokenizer, preprocessing,
    /// and weights as safetensors; small files first. If a model has weights in both transformers'
    /// and OpenCLIP's layout, transformers' is used.
    ///
    /// # Errors
    ///
    /// What is missing.
    pub(super) fn wanted(&self) -> Result<Vec<RepoFile>, String> {
        let has = |name: &str| self.files.iter().any(|file| file.name == name);
        let shard = |name: &str| name.starts_with("model-") && name.ends_with(".safetensors");
        let (beside, weights): (&[&str], fn(&str) -> bool) = if has(CONFIG) && has(WEIGHTS) {
            (&[CONFIG, PREPROCESSOR, PROCESSOR], |name| name == WEIGHTS)
        } else if has(CONFIG) && has(WEIGHTS_INDEX) {
            (&[CONFIG, PREPROCESSOR, PROCESSOR, WEIGHTS_INDEX], shard)
        } else if has(OPEN_CLIP_CONFIG) && has(OPEN_CLIP_WEIGHTS) {
            (&[OPEN_CLIP_CONFIG], |name| name == OPEN_CLIP_WEIGHTS)
        } else {
            return Err(self.lacks());
        };
        let tokenizer: &[&str] = match has(TOKENIZER) {
            true => &[TOKENIZER],
            false => &TOKENIZER_PARTS,
        };
        let mut wanted: Vec<_> = [beside, tokenizer]
            .concat()
            .iter()
            .filter_map(|name| self.files.iter().find(|file| file.name == *name))
            .collect();
        wanted.extend(self.files.iter().filter(|file| weights(&file.name)));
        Ok(wanted.into_iter().cloned().collect())
    }

    fn lacks(&self) -> String {
        let pickled = self
            .files
            .iter()
            .find(|file| !file.name.contains('/') && file.name.ends_with(".bin"));
        match pickled {
            Some(pickled) => format!(
                "has only pickled weights ({}), which clbench does not read because opening them runs code; use a conversion to \
                 safetensors from the model's discussions (`--revision refs/pr/N`), or save it as safetensors yourself and set \
                 `path` to the folder",
                pickled.name
            ),
            None => format!(
                "is not a supported model: it has neither `{CONFIG}` with `{WEIGHTS}` nor `{OPEN_CLIP_CONFIG}` with `{OPEN_CLIP_WEIGHTS}`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listing(names: &[&str]) -> Listing {
        let files: Vec<_> = names
            .iter()
            .map(|name| json!({ "rfilename": name }))
            .collect();
        serde_json::from_value(json!({ "sha": "c0ffee", "siblings": files })).unwrap()
    }

    fn wanted(names: &[&str]) -> Vec<String> {
        let wanted = listing(names).wanted().unwrap();
        wanted.into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn only_the_files_that_are_read_are_fetched() {
        let openai = [
            ".gitattributes",
            "README.md",
            "config.json",
            "flax_model.msgpack",
            "merges.txt",
            "model.safetensors",
            "onnx/model.safetensors",
            "preprocessor_config.json",
            "pytorch_model.bin",
            "tokenizer.json",
            "vocab.json",
        ];
        assert_eq!(
            wanted(&openai),
            [
                "config.json",
                "preprocessor_config.json",
                "tokenizer.json",
                "model.safetensors"
            ]
        );
        assert_eq!(
            wanted(&[
                "config.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "model.fp16-00001-of-00001.safetensors",
                "model.safetensors.index.json",
                "vocab.json",
                "merges.txt",
            ]),
            [
                "config.json",
                "model.safetensors.index.json",
                "vocab.json",
                "merges.txt",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors"
            ]
        );
        // A configuration without its weights would make the folder look like transformers'.
        assert_eq!(
            wanted(&[
                "config.json",
                "open_clip_config.json",
                "open_clip_model.safetensors",
                "open_clip_pytorch_model.bin",
                "tokenizer.json",
            ]),
            [
                "open_clip_config.json",
                "tokenizer.json",
                "open_clip_model.safetensors"
            ]
        );
    }

    #[test]
    fn a_model_without_safetensors_is_refused() {
        let lacks = |names: &[&str]| listing(names).wanted().unwrap_err();
        assert!(
            lacks(&["config.json", "pytorch_model.bin"])
                .contains("only pickled weights (pytorch_model.bin)")
        );
        assert!(lacks(&["README.md"]).contains("neither `config.json`"));
    }
}
