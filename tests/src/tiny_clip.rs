//! A CLIP that is small enough to be a fixture, in a folder like those of users.
//!
//! The weights are random, so its outputs mean nothing, but the reference implementation's outputs
//! for the same weights are known. Its tokenizer knows only the few words of one fixture.

use crate::{Dir, root};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::PathBuf;

const START: (&str, u64) = ("<|startoftext|>", 598);
const END: (&str, u64) = ("<|endoftext|>", 599);
/// The token for every word that is not in the vocabulary.
const UNKNOWN: (&str, u64) = ("<|unknown|>", 4);

/// Makes the folder `tiny-clip` in `dir`: `config.json` and `model.safetensors` of
/// `tests/fixtures/tiny_clip`, a `tokenizer.json` with the words of
/// `tests/fixtures/<fixture>/meta.json`, and a matching `preprocessor_config.json`.
///
/// # Panics
///
/// If a file cannot be read or written.
pub fn tiny_clip_folder(dir: &Dir, fixture: &str) -> PathBuf {
    let fixtures = root().join("tests/fixtures");
    for name in ["config.json", "model.safetensors"] {
        let file = fs::read(fixtures.join("tiny_clip").join(name)).expect("a fixture");
        dir.write(&format!("tiny-clip/{name}"), file);
    }
    let meta = fs::read(fixtures.join(fixture).join("meta.json")).expect("a fixture");
    let meta: Value = serde_json::from_slice(&meta).expect("JSON");
    let words = meta["toy_vocab"].as_object().expect("words and their ids");
    for (name, content) in [
        ("tokenizer.json", tokenizer(words)),
        ("preprocessor_config.json", preprocessor()),
    ] {
        dir.write(&format!("tiny-clip/{name}"), content.to_string());
    }
    dir.path("tiny-clip")
}

/// A token for every word and every run of punctuation.
fn tokenizer(words: &Map<String, Value>) -> Value {
    let special = [START, END, UNKNOWN];
    let mut vocabulary = words.clone();
    vocabulary.extend(special.map(|(token, id)| (token.into(), id.into())));
    let added = special.map(|(token, id)| {
        json!({
            "id": id, "content": token, "special": true,
            "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        })
    });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": { "type": "Lowercase" },
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": null,
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": UNKNOWN.0 },
    })
}

/// CLIP's own preprocessing, at 32 pixels.
fn preprocessor() -> Value {
    json!({
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": true,
        "do_resize": true, "size": { "shortest_edge": 32 }, "resample": 3,
        "do_center_crop": true, "crop_size": { "height": 32, "width": 32 },
        "do_rescale": true, "rescale_factor": 1.0 / 255.0,
        "do_normalize": true,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    })
}
