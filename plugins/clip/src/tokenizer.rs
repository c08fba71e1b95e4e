//! Texts into token ids, by the `tokenizer.json` that lies beside the weights, or by the `vocab.json` and `merges.txt` that it
//! was made of.
//!
//! `tokenizer.json` decides everything between a text and its ids (normalisation, splitting, byte-level BPE); of the other two
//! transformers' `CLIPTokenizer` is made. OpenAI's own tokenizer differs from transformers' where it repairs a text first: it undoes
//! mojibake (`ftfy`) and unescapes HTML, so that `caf&eacute;` has other ids there. Class names have neither.
//!
//! the two tokens
//! around a text are put there by the text tower, since a learned context stands between them. So a text is encoded here
//! without them, and neither cut nor padded, whatever the file says of that.

use crate::folder::TokenizerFiles;
use clbench_transformer::folder::{named, read};
use harness_abi::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The token that a text begins with.
pub const START: &str = "<|startoftext|>";
/// The token that a text ends with; the text's embedding is read there.
pub const END: &str = "<|endoftext|>";

/// What a text is split into before byte pairs are joined: OpenAI's pattern.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// A tokenizer that fits its model.
#[derive(Debug)]
pub struct Tokenizer {
    path: PathBuf,
    tokenizer: tokenizers::Tokenizer,
    start: i64,
    end: i64,
}

impl Tokenizer {
    /// Reads the file, or the two.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name, if it is no tokenizer or lacks one of
    /// the two special tokens.
    pub fn open(files: &TokenizerFiles) -> Result<Tokenizer> {
        let path = files.vocabulary();
        let data = |message: String| Error::data(message).context(named(path));
        let json = match files {
            TokenizerFiles::One(path) => read(path)?,
            TokenizerFiles::Two { vocabulary, merges } => joined(vocabulary, merges)?,
        };
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|error| data(format!("it is not a tokenizer of Hugging Face's: {error}")))?;
        tokenizer
            .with_truncation(None)
            .map_err(|error| data(error.to_string()))?
            .with_padding(None);
        let special = |token| {
            tokenizer
                .token_to_id(token)
                .map(i64::from)
                .ok_or_else(|| {
                    data(format!(
                        "the token `{token}` is missing; a tokenizer of CLIP's has `{START}` and `{END}`"
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
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA), naming both files, if an id is beyond the vocabulary of
    /// `config`.
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

    /// The ids of a text, [`START`] and [`END`] not among them; none for a text that contains nothing.
    ///
    /// # Errors
    ///
    /// If the tokenizer has no token for a part of the text, and none for what it does not know.
    pub fn ids(&self, text: &str) -> Result<Vec<i64>> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|error| {
            Error::failed(format!("the text {text:?} cannot be tokenised: {error}"))
                .context(named(&self.path))
        })?;
        Ok(encoding.get_ids().iter().copied().map(i64::from).collect())
    }
}

/// The `tokenizer.json` that transformers makes of a vocabulary and the merges of its byte pairs.
fn joined(vocabulary: &Path, merges: &Path) -> Result<Vec<u8>> {
    let vocab: Map<String, Value> =
        serde_json::from_slice(&read(vocabulary)?).map_err(|error| {
            Error::data(format!(
                "it is no vocabulary, a JSON object of ids: {error}"
            ))
            .context(named(vocabulary))
        })?;
    let text = String::from_utf8(read(merges)?)
        .map_err(|_| Error::data("it is no UTF-8 text").context(named(merges)))?;
    let pairs = (text.lines().enumerate())
        .filter(|(at, line)| !(line.is_empty() || *at == 0 && line.starts_with("#version")))
        .map(|(at, line)| match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => Ok(json!([left, right])),
            _ => Err(Error::data(format!(
                "line {} is `{line}`, and not two tokens with a blank between them",
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
    Ok(json.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::ErrorCode;

    /// Byte-level BPE as in CLIP's own file, with a vocabulary of single bytes and one merge.
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
    fn any_text_is_encoded_and_none_is_cut_padded_or_lost() {
        let file = byte_level();
        let id = |token: &str| file["model"]["vocab"][token].as_i64().unwrap();
        let (_folder, tokenizer) = opened(&file.to_string());
        let tokenizer = tokenizer.unwrap();
        let cat = [id("c"), id("at</w>")];
        assert_eq!(tokenizer.ids("cat").unwrap(), cat);
        // Longer than the file's own limit of 3, and in capitals.
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
    fn a_tokenizer_of_another_kind_is_refused_with_what_it_lacks() {
        let words = |vocab: Value| {
            json!({ "version": "1.0", "added_tokens": [],
                    "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "?" } })
            .to_string()
        };
        assert_eq!(
            message(&words(json!({ "?": 0, "<|startoftext|>": 1 }))),
            "tiny/tokenizer.json: the token `<|endoftext|>` is missing; a tokenizer of CLIP's has `<|startoftext|>` and \
             `<|endoftext|>`"
        );
        assert_eq!(
            message("{\n  \"version\": \"1.0\",\n  \"model\": nul }"),
            "tiny/tokenizer.json: it is not a tokenizer of Hugging Face's: expected ident at line 3 column 15"
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
