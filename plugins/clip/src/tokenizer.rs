//! Tokenises texts with the folder's `tokenizer.json`, or with the `vocab.json` and `merges.txt`
//! that it is made from.
//!
//! `tokenizer.json` defines every step from a text to its ids (normalisation, splitting, byte-level
//! BPE); from the other two, the equivalent of transformers' `CLIPTokenizer` is built. OpenAI's own
//! tokenizer differs in that it first repairs a text: it fixes mojibake (`ftfy`) and unescapes
//! HTML, so `caf&eacute;` gets other ids. Class names rarely contain either.
//!
//! The text encoder adds the start and end tokens, because a learned context goes between them. So
//! texts are tokenised here without them, and without truncation or padding, whatever the file
//! says.

use crate::folder::TokenizerFiles;
use clbench_transformer::folder::{named, read_text};
use harness_abi::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The start token of a text.
pub const START: &str = "<|startoftext|>";
/// The end token of a text, where its embedding is read.
pub const END: &str = "<|endoftext|>";

/// OpenAI's pattern for splitting a text before byte-pair encoding.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// The longest text, in bytes; a model reads some hundred tokens of a text and truncates the rest.
const LONGEST_TEXT: usize = 16 << 10;

/// The most bytes that a text may become before it is split into tokens.
const MOST_NORMALISED: usize = 64 << 20;

/// A tokenizer with CLIP's special tokens.
#[derive(Debug)]
pub struct Tokenizer {
    path: PathBuf,
    tokenizer: tokenizers::Tokenizer,
    start: i64,
    end: i64,
}

impl Tokenizer {
    /// Reads the tokenizer from its file or files.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name, if it is not a
    /// tokenizer or lacks one of the two special tokens.
    pub fn open(files: &TokenizerFiles) -> Result<Tokenizer> {
        let path = files.vocabulary();
        let data = |message: String| Error::data(message).context(named(path));
        let json = match files {
            TokenizerFiles::One(path) => read_text(path)?,
            TokenizerFiles::Two { vocabulary, merges } => joined(vocabulary, merges)?,
        };
        expect_bounded(json.as_bytes()).map_err(data)?;
        let mut tokenizer = json
            .parse::<tokenizers::Tokenizer>()
            .map_err(|error| data(format!("not a Hugging Face tokenizer: {error}")))?;
        tokenizer
            .with_truncation(None)
            .map_err(|error| data(error.to_string()))?
            .with_padding(None);
        let special = |token| {
            tokenizer.token_to_id(token).map(i64::from).ok_or_else(|| {
                data(format!(
                    "the token `{token}` is missing; a CLIP tokenizer has `{START}` and `{END}`"
                ))
            })
        };
        let (start, end) = (special(START)?, special(END)?);
        Ok(Tokenizer {
            path: path.into(),
            tokenizer,
            start,
            end,
        })
    }

    /// Checks that the model has an embedding for every id.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA), naming both files, if an id is
    /// outside the vocabulary of `config`.
    pub fn expect_within(&self, vocab_size: i64, config: &Path) -> Result<()> {
        let last = self
            .tokenizer
            .get_vocab(true)
            .into_iter()
            .max_by_key(|(_, id)| *id);
        match last {
            Some((token, id)) if i64::from(id) >= vocab_size => Err(Error::data(format!(
                "the token `{token}` has id {id}, but the vocabulary of {} ends at {} (`text_config.vocab_size`: \
                 {vocab_size}); take both files from one folder",
                named(config),
                vocab_size - 1
            ))
            .context(named(&self.path))),
            _ => Ok(()),
        }
    }

    /// The id of [`START`].
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The id of [`END`].
    pub fn end(&self) -> i64 {
        self.end
    }

    /// The ids of a text, without [`START`] and [`END`]; none for an empty text.
    ///
    /// # Errors
    ///
    /// If the tokenizer has neither a token for a part of the text nor an unknown token.
    pub fn ids(&self, text: &str) -> Result<Vec<i64>> {
        if text.len() > LONGEST_TEXT {
            let begin: String = text.chars().take(40).collect();
            return Err(Error::data(format!(
                "the text {begin:?}… has {} bytes, and at most {LONGEST_TEXT} are tokenised; shorten the class name or \
                 the template",
                text.len()
            )));
        }
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|error| {
            Error::failed(format!("cannot tokenise the text {text:?}: {error}"))
                .context(named(&self.path))
        })?;
        Ok(encoding.get_ids().iter().copied().map(i64::from).collect())
    }
}

/// Checks that the normalizer, a list of steps, does not expand texts without bound: forty steps
/// that each replace `a` by `aa` would make a terabyte of one letter.
fn expect_bounded(json: &[u8]) -> Result<(), String> {
    // The library would panic if a decoder is not JSON.
    let file: Value = serde_json::from_slice(json)
        .map_err(|error| format!("not a Hugging Face tokenizer: {error}"))?;
    let growth = growth(&file["normalizer"]);
    let added = file["added_tokens"].as_array().into_iter().flatten();
    let added = added.filter_map(|token| Some(token["content"].as_str()?.len()));
    let longest = added.sum::<usize>().max(LONGEST_TEXT);
    match longest.saturating_mul(growth) > MOST_NORMALISED {
        true => Err(format!(
            "its normalizer may make {growth} bytes of one, or {MOST_NORMALISED} of a text, and that is too much; take \
             the tokenizer that the model was trained with"
        )),
        false => Ok(()),
    }
}

/// How many bytes a normalizer may make of one.
fn growth(normalizer: &Value) -> usize {
    let content = |key: &str| normalizer[key].as_str().map_or(0, str::len);
    match normalizer["type"].as_str() {
        None => 1,
        Some("Sequence") => {
            let steps = normalizer["normalizers"].as_array().into_iter().flatten();
            steps.map(growth).fold(1, usize::saturating_mul)
        }
        // A regular expression may match between any two letters.
        Some("Replace") => 1 + content("content"),
        Some("Prepend") => 1 + content("prepend"),
        Some("Precompiled") => 1 + content("precompiled_charsmap"),
        Some("NFKC" | "NFKD" | "Nmt") => 18,
        Some(_) => 4,
    }
}

/// Builds the `tokenizer.json` that transformers makes from a vocabulary and its byte-pair merges.
fn joined(vocabulary: &Path, merges: &Path) -> Result<String> {
    let vocab: Map<String, Value> =
        serde_json::from_str(&read_text(vocabulary)?).map_err(|error| {
            Error::data(format!(
                "not a vocabulary, a JSON object of token ids: {error}"
            ))
            .context(named(vocabulary))
        })?;
    let text = read_text(merges)?;
    let pairs = (text.lines().enumerate())
        .filter(|(at, line)| !(line.is_empty() || *at == 0 && line.starts_with("#version")))
        .map(|(at, line)| match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => Ok(json!([left, right])),
            _ => Err(Error::data(format!(
                "line {} must be two tokens separated by a space, got `{line}`",
                at + 1
            ))
            .context(named(merges))),
        });
    let pairs = pairs.collect::<Result<Vec<_>>>()?;
    let special = |token: &str| {
        json!({ "id": vocab.get(token), "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": token == START, "special": true })
    };
    let added: Vec<_> = [START, END]
        .into_iter()
        .filter(|token| vocab.contains_key(*token))
        .map(special)
        .collect();
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": { "type": "Sequence", "normalizers": [
            { "type": "NFC" },
            { "type": "Replace", "pattern": { "Regex": "\\s+" }, "content": " " },
            { "type": "Lowercase" }] },
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
            { "type": "Split", "behavior": "Removed", "invert": true, "pattern": { "Regex": WORDS } },
            { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true }] },
        "post_processor": null, "decoder": null,
        "model": { "type": "BPE", "dropout": null, "unk_token": END, "continuing_subword_prefix": "",
                   "end_of_word_suffix": "</w>", "fuse_unk": false, "vocab": vocab, "merges": pairs },
    });
    Ok(json.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::ErrorCode;

    /// Byte-level BPE as in CLIP's file, with a vocabulary of single bytes and one merge.
    fn byte_level() -> Value {
        let alphabet = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        let mut alphabet: Vec<char> = alphabet.into_iter().collect();
        alphabet.sort_unstable();
        let inner = alphabet.iter().map(|c| c.to_string());
        let last = alphabet.iter().map(|c| format!("{c}</w>"));
        let mut words: Vec<String> = inner.chain(last).collect();
        words.extend(["at</w>", START, END].map(String::from));
        let vocab: serde_json::Map<String, Value> = words
            .iter()
            .enumerate()
            .map(|(id, word)| (word.clone(), json!(id)))
            .collect();
        let special = |token: &str| {
            json!({ "id": vocab[token], "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true })
        };
        json!({
            "version": "1.0",
            "truncation": { "direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0 },
            "padding": { "strategy": { "Fixed": 9 }, "direction": "Right", "pad_to_multiple_of": null,
                         "pad_id": 0, "pad_type_id": 0, "pad_token": "!" },
            "added_tokens": [special(START), special(END)],
            "normalizer": { "type": "Sequence", "normalizers": [
                { "type": "NFC" },
                { "type": "Replace", "pattern": { "Regex": "\\s+" }, "content": " " },
                { "type": "Lowercase" }] },
            "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
                { "type": "Split", "behavior": "Removed", "invert": true, "pattern": { "Regex":
                    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" } },
                { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true }] },
            "post_processor": { "type": "RobertaProcessing", "sep": [END, vocab[END]], "cls": [START, vocab[START]],
                                "trim_offsets": false, "add_prefix_space": false },
            "decoder": null,
            "model": { "type": "BPE", "dropout": null, "unk_token": END, "continuing_subword_prefix": "",
                       "end_of_word_suffix": "</w>", "fuse_unk": false, "vocab": vocab, "merges": ["a t</w>"] },
        })
    }

    fn opened(json: &str) -> (tempfile::TempDir, Result<Tokenizer>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, json).unwrap();
        let tokenizer = Tokenizer::open(&TokenizerFiles::One(path));
        (folder, tokenizer)
    }

    fn message(json: &str) -> String {
        let (folder, tokenizer) = opened(json);
        let error = tokenizer.unwrap_err();
        assert_eq!(error.code(), ErrorCode::DATA);
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "tiny")
    }

    #[test]
    fn any_text_is_tokenised_without_truncation_padding_or_loss() {
        let file = byte_level();
        let id = |token: &str| file["model"]["vocab"][token].as_i64().unwrap();
        let (_folder, tokenizer) = opened(&file.to_string());
        let tokenizer = tokenizer.unwrap();
        let cat = [id("c"), id("at</w>")];
        assert_eq!(tokenizer.ids("cat").unwrap(), cat);
        // Longer than the file's limit of 3, and in upper case.
        assert_eq!(
            tokenizer.ids("  Cat\n\tCAT  cat ").unwrap(),
            [cat, cat, cat].concat()
        );
        assert_eq!(tokenizer.ids("").unwrap(), [] as [i64; 0]);
        assert_eq!(tokenizer.ids(" \n").unwrap(), [] as [i64; 0]);
        assert_eq!(tokenizer.ids(END).unwrap(), [tokenizer.end()]);
        for text in ["naïve café", "東京 🦊", "a\0b", "\u{202e}x\u{301}", "100 %"] {
            let ids = tokenizer.ids(text).unwrap();
            assert!(!ids.is_empty() && !ids.contains(&tokenizer.end()), "{text}");
        }
        assert_eq!((tokenizer.start(), tokenizer.end()), (id(START), id(END)));
    }

    #[test]
    fn nothing_expands_without_bound() {
        let mut file = byte_level();
        let replace = json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "aa" });
        file["normalizer"] = json!({ "type": "Sequence", "normalizers": vec![replace; 40] });
        assert_eq!(
            message(&file.to_string()),
            "tiny/tokenizer.json: its normalizer may make 12157665459056928801 bytes of one, or 67108864 of a text, and \
             that is too much; take the tokenizer that the model was trained with"
        );
        let (_folder, tokenizer) = opened(&byte_level().to_string());
        let tokenizer = tokenizer.unwrap();
        assert_eq!(tokenizer.ids(&"a ".repeat(8192)).unwrap().len(), 8192);
        let error = tokenizer.ids(&"a\u{1b}".repeat(8193)).unwrap_err();
        assert!(
            error.to_string().starts_with("the text \"a\\u{1b}a\\u{1b}")
                && error
                    .to_string()
                    .contains("… has 16386 bytes, and at most 16384 are tokenised")
        );
    }

    #[test]
    fn other_tokenizers_are_errors_that_say_what_is_missing() {
        let words = |vocab: Value| {
            json!({ "version": "1.0", "added_tokens": [],
                    "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "?" } })
            .to_string()
        };
        assert_eq!(
            message(&words(json!({ "?": 0, "<|startoftext|>": 1 }))),
            "tiny/tokenizer.json: the token `<|endoftext|>` is missing; a CLIP tokenizer has `<|startoftext|>` and \
             `<|endoftext|>`"
        );
        assert_eq!(
            message("{\n  \"version\": \"1.0\",\n  \"model\": nul }"),
            "tiny/tokenizer.json: not a Hugging Face tokenizer: expected ident at line 3 column 15"
        );
        assert_eq!(
            message("{ \"version\": \"1.0\", \"decoder\": } "),
            "tiny/tokenizer.json: not a Hugging Face tokenizer: expected value at line 1 column 32"
        );
        let (folder, tokenizer) = opened(&words(json!({ START: 0, END: 1, "cat": 7 })));
        let error = tokenizer
            .unwrap()
            .expect_within(7, Path::new("tiny/config.json"))
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::DATA);
        assert_eq!(
            error
                .to_string()
                .replace(&folder.path().display().to_string(), "tiny"),
            "tiny/tokenizer.json: the token `cat` has id 7, but the vocabulary of tiny/config.json ends at 6 \
             (`text_config.vocab_size`: 7); take both files from one folder"
        );
    }
}
