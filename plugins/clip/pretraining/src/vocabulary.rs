//! The vocabulary: a byte-level BPE in the format of CLIP's `tokenizer.json`, trained on the words
//! of the captions.
//!
//! Every byte is a token, both inside a word and at its end, so any text can be encoded. Merges are
//! trained until every word of the captions is one token; other words take more tokens.

use anyhow::{Context, Result, anyhow};
use clbench_clip::tokenizer::{END, START};
use harness_pictures::{Combination, TEMPLATES};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::BpeTrainer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

/// The suffix of a word's last token.
const END_OF_WORD: &str = "</w>";

/// The words of all captions, sorted.
fn words() -> BTreeSet<String> {
    let names = Combination::all().map(|combination| combination.name());
    let templates = TEMPLATES.iter().map(|template| template.replace("{}", " "));
    names
        .chain(templates)
        .flat_map(|text| {
            text.split(|c: char| !c.is_alphanumeric())
                .map(str::to_lowercase)
                .collect::<Vec<_>>()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Trains the tokenizer.
pub fn tokenizer() -> Result<Tokenizer> {
    let bytes: BTreeSet<char> = ByteLevel::alphabet().into_iter().collect();
    let alone = || bytes.iter().map(char::to_string);
    let ending = || bytes.iter().map(|byte| format!("{byte}{END_OF_WORD}"));
    // The trainer breaks ties between equally frequent pairs by id, and assigns ids in the order of
    // a hash map. To make that deterministic, it gets all possible tokens in a fixed order.
    let numbered = alone().chain(ending());
    let mut learner = load(&json!({}), &json!([]))?;
    let mut trainer = TrainerWrapper::BpeTrainer(
        BpeTrainer::builder()
            .show_progress(false)
            .special_tokens(
                numbered
                    .map(|token| AddedToken::from(token, true))
                    .collect(),
            )
            .end_of_word_suffix(END_OF_WORD.into())
            .build(),
    );
    learner
        .train(&mut trainer, words().into_iter())
        .map_err(|error| anyhow!("training the vocabulary: {error}"))?;
    let learned: Value = serde_json::from_str(&learner.to_string(false).map_err(|e| anyhow!(e))?)?;
    let merges = learned["model"]["merges"]
        .as_array()
        .context("a BPE has merges")?;

    let merged = merges
        .iter()
        .map(|pair| pair.as_array().into_iter().flatten())
        .map(|pair| pair.filter_map(Value::as_str).collect::<String>());
    let special = [START, END].map(String::from);
    let mut vocabulary = Map::new();
    for token in alone().chain(ending()).chain(merged).chain(special) {
        let id = vocabulary.len();
        vocabulary.entry(token).or_insert(id.into());
    }
    load(&Value::Object(vocabulary), &learned["model"]["merges"])
}

/// The number of tokens.
pub fn size(tokenizer: &Tokenizer) -> i64 {
    tokenizer.get_vocab_size(true) as i64
}

/// Creates a tokenizer like CLIP's with the given vocabulary.
fn load(vocabulary: &Value, merges: &Value) -> Result<Tokenizer> {
    let special = |content: &str| {
        json!({
            "id": vocabulary.get(content).cloned().unwrap_or(0.into()), "content": content, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": true,
        })
    };
    let added = match vocabulary.get(START) {
        Some(_) => json!([special(START), special(END)]),
        None => json!([]),
    };
    let id = |content: &str| vocabulary.get(content).cloned().unwrap_or(0.into());
    let json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {
                "type": "Split",
                "pattern": {"Regex": "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"},
                "behavior": "Removed",
                "invert": true,
            },
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        ]},
        "post_processor": {
            "type": "RobertaProcessing", "sep": [END, id(END)], "cls": [START, id(START)],
            "trim_offsets": false, "add_prefix_space": false,
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
            "end_of_word_suffix": END_OF_WORD, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocabulary, "merges": merges,
        },
    });
    Tokenizer::from_bytes(serde_json::to_vec(&json)?).map_err(|error| anyhow!("tokenizer: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_is_deterministic() {
        let once = tokenizer().unwrap().to_string(false).unwrap();
        for _ in 0..5 {
            assert_eq!(tokenizer().unwrap().to_string(false).unwrap(), once);
        }
    }

    #[test]
    fn every_caption_word_is_one_token_and_any_text_can_be_encoded() {
        let tokenizer = tokenizer().unwrap();
        for word in words() {
            assert_eq!(
                tokenizer.encode(word.as_str(), false).unwrap().len(),
                1,
                "{word}"
            );
        }
        for text in [
            "zebra",
            "a 7-legged Ångström's \u{1F980} \t\u{0}!",
            "日本語",
            "<|endoftext",
        ] {
            let ids = tokenizer.encode(text, false).unwrap();
            assert!(ids.len() > 1);
            // Nothing was dropped.
            let lowered: String = text.to_lowercase();
            let bytes = lowered.split_whitespace().map(str::len).sum::<usize>();
            let written: usize = ids
                .get_tokens()
                .iter()
                .map(|token| token.trim_end_matches(END_OF_WORD).chars().count())
                .sum();
            assert_eq!(written, bytes, "{text:?}: {:?}", ids.get_tokens());
        }
        let ends = tokenizer.encode("red", true).unwrap();
        assert_eq!(ends.get_tokens()[0], START);
        assert_eq!(
            i64::from(*ends.get_ids().last().unwrap()),
            size(&tokenizer) - 1
        );
    }
}
