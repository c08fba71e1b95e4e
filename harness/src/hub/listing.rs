//! The files of a model on the hub, and those that a backbone reads.

use harness_hub::{Commit, ContentId, FileName, Quoted, escaped};
use serde::Deserialize;
use std::collections::HashSet;

/// A revision of a model: the hub's `/api/models/NAME/revision/REVISION?blobs=true`. What the hub
/// sends is checked before any of it is used.
#[derive(Debug)]
pub(super) struct Listing {
    /// The commit that the revision names.
    pub(super) commit: Commit,
    /// The files in the top folder with plain names; no others are read.
    files: Vec<(FileName, ListedFile)>,
}

/// A file of a model.
#[derive(Debug, Clone)]
pub struct RepoFile {
    /// Its name.
    pub name: FileName,
    /// Its size in bytes; a mirror may not report it.
    pub size: Option<u64>,
    /// The id of its content; a mirror may not report it.
    pub id: Option<ContentId>,
}

impl RepoFile {
    /// Whether it holds weights. All other files are small.
    pub(super) fn is_weights(&self) -> bool {
        self.name.as_str().ends_with(".safetensors")
    }
}

#[derive(Debug, Deserialize)]
struct Answer {
    sha: String,
    siblings: Vec<ListedFile>,
}

/// A file as the hub lists it.
#[derive(Debug, Deserialize)]
struct ListedFile {
    rfilename: String,
    size: Option<u64>,
    /// Its id in git: of the content, or, for a large file, of a pointer to it.
    #[serde(rename = "blobId")]
    id: Option<String>,
    /// Only for a large file.
    lfs: Option<Lfs>,
}

#[derive(Debug, Deserialize)]
struct Lfs {
    sha256: String,
}

/// The largest file that is read besides weights; tokenizers have up to 35 MB.
pub(super) const SMALL: u64 = 64 << 20;

/// Why a list of files cannot be used.
#[derive(Debug)]
pub(super) enum ListingError {
    /// It lacks files that a backbone needs.
    Lacks(String),
    /// A sound hub does not send it.
    Refused(String),
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
    /// Reads the hub's answer.
    ///
    /// # Errors
    ///
    /// What no sound hub sends: anything but a list of files, a commit that is none, and names that
    /// lead out of the model's folder or occur twice.
    pub(super) fn read(text: &[u8]) -> Result<Listing, String> {
        let answer: Answer = serde_json::from_slice(text).map_err(|error| {
            format!(
                "its answer is not a list of files: {}",
                escaped(&error.to_string())
            )
        })?;
        let commit = Commit::new(&answer.sha)
            .map_err(|error| format!("lists an invalid commit: {error}"))?;
        let mut files: Vec<(FileName, ListedFile)> = Vec::new();
        let mut names = HashSet::new();
        for file in answer.siblings {
            let name = &file.rfilename;
            // git cannot store such a name.
            if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return Err(format!(
                    "lists a file {}, which leads out of the model's folder",
                    Quoted(name)
                ));
            }
            if !names.insert(name.clone()) {
                return Err(format!("lists the file {} twice", Quoted(name)));
            }
            // Files in folders and with unusual names are valid, and nothing reads them.
            if let Ok(name) = FileName::new(name) {
                files.push((name, file));
            }
        }
        Ok(Listing { commit, files })
    }

    /// The files that the backbones `clip` and `vit` read: configuration, tokenizer, preprocessing,
    /// and weights as safetensors; small files first. If a model has weights in both transformers'
    /// and OpenCLIP's layout, transformers' is used.
    ///
    /// # Errors
    ///
    /// If files are missing, or one that is needed has an id that is none, or is too large.
    pub(super) fn wanted(&self) -> Result<Vec<RepoFile>, ListingError> {
        let has = |name: &str| self.names().any(|listed| listed == name);
        let shard = |name: &str| name.starts_with("model-") && name.ends_with(".safetensors");
        let (beside, weights): (&[&str], fn(&str) -> bool) = if has(CONFIG) && has(WEIGHTS) {
            (&[CONFIG, PREPROCESSOR, PROCESSOR], |name| name == WEIGHTS)
        } else if has(CONFIG) && has(WEIGHTS_INDEX) && self.names().any(shard) {
            (&[CONFIG, PREPROCESSOR, PROCESSOR, WEIGHTS_INDEX], shard)
        } else if has(OPEN_CLIP_CONFIG) && has(OPEN_CLIP_WEIGHTS) {
            (&[OPEN_CLIP_CONFIG], |name| name == OPEN_CLIP_WEIGHTS)
        } else {
            return Err(ListingError::Lacks(self.lacks()));
        };
        let tokenizer: &[&str] = match has(TOKENIZER) {
            true => &[TOKENIZER],
            false => &TOKENIZER_PARTS,
        };
        let beside = [beside, tokenizer].concat();
        let find = |wanted: &str| {
            self.files
                .iter()
                .find(move |(name, _)| name.as_str() == wanted)
        };
        let small = beside.iter().filter_map(|name| find(name));
        let large = self.files.iter().filter(|(name, _)| weights(name.as_str()));
        let checked = small.chain(large).map(|(name, file)| file.check(name));
        checked
            .collect::<Result<_, _>>()
            .map_err(ListingError::Refused)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    fn lacks(&self) -> String {
        match self.names().find(|name| name.ends_with(".bin")) {
            Some(pickled) => format!(
                "has only pickled weights ({pickled}), which clbench does not read because opening them runs code; use a \
                 conversion to safetensors from the model's discussions (`--revision refs/pr/N`), or save it as safetensors \
                 yourself and set `path` to the folder",
            ),
            None => format!(
                "is not a supported model: it has neither `{CONFIG}` with `{WEIGHTS}` nor `{OPEN_CLIP_CONFIG}` with `{OPEN_CLIP_WEIGHTS}`"
            ),
        }
    }
}

impl ListedFile {
    fn check(&self, name: &FileName) -> Result<RepoFile, String> {
        let id = match (&self.lfs, &self.id) {
            (Some(lfs), _) => Some(ContentId::sha256(&lfs.sha256)),
            (None, Some(id)) => Some(ContentId::git(id)),
            (None, None) => None,
        };
        let file = RepoFile {
            name: name.clone(),
            size: self.size,
            id: id
                .transpose()
                .map_err(|error| format!("lists {name} with an invalid id: {error}"))?,
        };
        match file.size.filter(|size| !file.is_weights() && *size > SMALL) {
            Some(size) => Err(format!(
                "lists {name} with {size} bytes, but only weights may have more than {SMALL}"
            )),
            None => Ok(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn listing(names: &[&str]) -> Listing {
        let files: Vec<_> = names
            .iter()
            .map(|name| json!({ "rfilename": name }))
            .collect();
        read(json!({ "sha": COMMIT, "siblings": files })).unwrap()
    }

    fn read(answer: Value) -> Result<Listing, String> {
        Listing::read(answer.to_string().as_bytes())
    }

    fn wanted(names: &[&str]) -> Vec<String> {
        let wanted = listing(names).wanted().unwrap();
        wanted
            .into_iter()
            .map(|file| file.name.to_string())
            .collect()
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
        let lacks = |names: &[&str]| match listing(names).wanted().unwrap_err() {
            ListingError::Lacks(what) => what,
            ListingError::Refused(what) => panic!("{what}"),
        };
        assert!(
            lacks(&["config.json", "pytorch_model.bin"])
                .contains("only pickled weights (pytorch_model.bin)")
        );
        assert!(lacks(&["README.md"]).contains("neither `config.json`"));
        // Names are printed, so that only plain ones count.
        assert!(lacks(&["config.json", "\u{1b}[31m.bin"]).contains("neither `config.json`"));
        // An index without the weights that it lists.
        assert!(lacks(&["config.json", WEIGHTS_INDEX]).contains("neither `config.json`"));
    }

    #[test]
    fn an_answer_that_no_sound_hub_gives_is_refused() {
        let refused = |answer| read(answer).unwrap_err();
        assert_eq!(
            refused(json!({ "sha": "/etc", "siblings": [] })),
            "lists an invalid commit: `/etc` is not a commit, which has 40 lowercase hexadecimal digits"
        );
        assert_eq!(
            refused(json!({ "sha": 1, "siblings": [] })),
            "its answer is not a list of files: invalid type: integer `1`, expected a string at line 1 column 8"
        );
        let named = |names: &[&str]| {
            let files: Vec<_> = names
                .iter()
                .map(|name| json!({ "rfilename": name }))
                .collect();
            json!({ "sha": COMMIT, "siblings": files })
        };
        for name in [
            "../x",
            "/x",
            "a/../x",
            "a//x",
            "./x",
            "",
            "a/",
            "model-/../x.safetensors",
        ] {
            assert_eq!(
                refused(named(&[name])),
                format!("lists a file `{name}`, which leads out of the model's folder")
            );
        }
        assert_eq!(refused(named(&["a", "b", "a"])), "lists the file `a` twice");
        // Valid for git, and never read.
        assert!(read(named(&["a\\b", "ä/ö.txt", "\u{1b}"])).is_ok());
    }

    #[test]
    fn ids_and_sizes_of_the_files_that_are_read_are_checked() {
        let wanted = |config: Value, weights: Value| {
            let mut files = vec![config, weights];
            for (file, name) in files.iter_mut().zip([CONFIG, WEIGHTS]) {
                file["rfilename"] = name.into();
            }
            let listing = read(json!({ "sha": COMMIT, "siblings": files })).unwrap();
            listing.wanted().map_err(|error| match error {
                ListingError::Refused(what) => what,
                ListingError::Lacks(what) => panic!("{what}"),
            })
        };
        let lfs = |sha256: &str| json!({ "size": 1_u64 << 40, "blobId": "x", "lfs": { "sha256": sha256 } });
        let files = wanted(json!({ "blobId": COMMIT }), lfs(&"a".repeat(64))).unwrap();
        assert_eq!(files[0].id.as_ref().unwrap().as_str(), COMMIT);
        assert_eq!(files[1].id.as_ref().unwrap().as_str(), "a".repeat(64));
        assert_eq!(
            wanted(json!({ "blobId": "../../x" }), json!({})).unwrap_err(),
            "lists config.json with an invalid id: `../../x` is not a content's id, which has 40 lowercase hexadecimal digits"
        );
        assert_eq!(
            wanted(json!({}), lfs("abc")).unwrap_err(),
            "lists model.safetensors with an invalid id: `abc` is not a content's id, which has 64 lowercase hexadecimal digits"
        );
        assert_eq!(
            wanted(json!({ "size": SMALL + 1 }), json!({})).unwrap_err(),
            "lists config.json with 67108865 bytes, but only weights may have more than 67108864"
        );
    }
}
