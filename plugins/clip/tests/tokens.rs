//! Compares the tokenizer of OpenAI's models with transformers' `CLIPTokenizerFast` on the 49
//! strings of `tokens.json`, which also has the ids of OpenAI's own tokenizer. The vocabulary is
//! not part of this repository: set `CLBENCH_CLIP_VOCABULARY` to a folder with its `tokenizer.json`
//! and `merges.txt`, or fetch `openai/clip-vit-base-patch32`.

use clbench_clip::folder::TokenizerFiles;
use clbench_clip::tokenizer::{END, START, Tokenizer};
use clbench_transformer::location::ModelLocation;
use serde::Deserialize;
use serde_json::{Map, json};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Row {
    text: String,
    transformers: Vec<i64>,
}

fn rows() -> Vec<Row> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokens.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// The folder of the vocabulary, if there is one.
fn vocabulary() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("CLBENCH_CLIP_VOCABULARY") {
        return Some(folder.into());
    }
    let location = ModelLocation {
        path: None,
        model: Some("openai/clip-vit-base-patch32"),
        revision: None,
    };
    let folder = location.folder(Path::new(".")).ok();
    folder.filter(|folder| folder.join("merges.txt").is_file())
}

/// Builds `vocab.json` from the merges as OpenAI's code does: bytes, bytes that end a word, merged
/// pairs, the two special tokens.
fn vocab(merges: &str) -> Map<String, serde_json::Value> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let shown = (0..=255).filter(printable).map(char::from);
    let hidden = (0..=255).filter(|byte| !printable(byte)).enumerate();
    let hidden = hidden.map(|(at, _)| char::from_u32(256 + at as u32).unwrap());
    let bytes: Vec<char> = shown.chain(hidden).collect();
    let merged = merges.lines().skip(1).filter(|line| !line.is_empty());
    let tokens = (bytes.iter().map(char::to_string))
        .chain(bytes.iter().map(|byte| format!("{byte}</w>")))
        .chain(merged.map(|line| line.replace(' ', "")))
        .chain([START.to_owned(), END.to_owned()]);
    tokens
        .zip(0..)
        .map(|(token, id)| (token, json!(id)))
        .collect()
}

#[test]
#[ignore = "needs CLIP's vocabulary; set CLBENCH_CLIP_VOCABULARY to its folder"]
fn ids_match_transformers_from_one_file_and_from_two() {
    let folder =
        vocabulary().expect("CLBENCH_CLIP_VOCABULARY must be the folder of the vocabulary");
    let two = tempfile::tempdir().unwrap();
    let merges = two.path().join("merges.txt");
    fs::copy(folder.join("merges.txt"), &merges).unwrap();
    let vocab = vocab(&fs::read_to_string(&merges).unwrap());
    assert_eq!(vocab.len(), 49408);
    let vocabulary = two.path().join("vocab.json");
    fs::write(&vocabulary, serde_json::to_vec(&vocab).unwrap()).unwrap();
    for files in [
        TokenizerFiles::One(folder.join("tokenizer.json")),
        TokenizerFiles::Two { vocabulary, merges },
    ] {
        let tokenizer = Tokenizer::open(&files).unwrap();
        assert_eq!((tokenizer.start(), tokenizer.end()), (49406, 49407));
        for row in rows() {
            assert_eq!(
                tokenizer.ids(&row.text).unwrap(),
                row.transformers,
                "{:?} from {files:?}",
                row.text
            );
        }
    }
}
