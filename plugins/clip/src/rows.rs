//! Rows of text: which token or vector of a learned context is at which position.
//!
//! | place | row |
//! |---|---|
//! | front | start · context · text and suffix · end |
//! | middle | start · first half of the context · text · second half · suffix · end |
//! | end | start · text · context · suffix · end |
//!
//! The layouts are CoOp's (Zhou et al., arXiv 2109.01134), where the text is a class name and the
//! suffix a full stop: at the front, text and suffix are tokenised as one string, otherwise
//! separately.
//!
//! A text that is too long for the model is truncated; the end token, the context and a separately
//! tokenised suffix are kept. The host is warned once, whatever the number of texts.

use crate::config::EndOfText;
use crate::recent::Request;
use crate::tokenizer::Tokenizer;
use harness_abi::{Error, Host, Level, Place, Result};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The maximum number of cached texts, far more than the classes of any public benchmark.
const REMEMBERED: usize = 1 << 16;
/// The number of characters of a text that a message shows.
const SHOWN: usize = 60;

/// Builds rows. Each text is tokenised once and cached.
#[derive(Debug)]
pub(crate) struct Rows {
    tokenizer: Tokenizer,
    end_of_text: EndOfText,
    context_length: usize,
    remembered: Mutex<HashMap<String, Arc<[i64]>>>,
    host: Host,
    /// Whether the host was warned of a truncated text.
    warned: AtomicBool,
}

/// The content of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A token with this id.
    Token(i64),
    /// The context vector with this index.
    Context(usize),
}

/// A row and the position at which it is pooled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) slots: Vec<Slot>,
    pub(crate) pooled: usize,
}

impl Rows {
    pub(crate) fn new(
        tokenizer: Tokenizer,
        end_of_text: EndOfText,
        context_length: usize,
        host: Host,
    ) -> Rows {
        Rows {
            tokenizer,
            end_of_text,
            context_length,
            remembered: Mutex::default(),
            host,
            warned: AtomicBool::new(false),
        }
    }

    /// Builds the rows of a request.
    pub(crate) fn all(&self, request: &Request<'_>) -> Result<Vec<Row>> {
        let &Request {
            texts,
            place,
            n,
            suffix,
            ..
        } = request;
        let row = |&named: &i64| {
            let text = usize::try_from(named).ok().and_then(|text| texts.get(text));
            match text {
                Some(text) => self.row(text, place, n, suffix),
                None => Err(Error::failed(format!(
                    "text index {named} is out of range: there are {} texts",
                    texts.len()
                ))),
            }
        };
        request.row_text.iter().map(row).collect()
    }

    /// Builds the row of a text with a context of `n` vectors.
    pub(crate) fn row(&self, text: &str, place: Place, n: usize, suffix: &str) -> Result<Row> {
        let (before, mut ids, after) = match place {
            Place::Front if suffix.is_empty() => (n, self.ids(text)?, None),
            Place::Front => (n, self.ids(&format!("{text}{suffix}"))?, None),
            Place::Middle => (n / 2, self.ids(text)?, Some(self.ids(suffix)?)),
            Place::End => (0, self.ids(text)?, Some(self.ids(suffix)?)),
        };
        let after = after.as_deref().unwrap_or_default();
        // The start, the end, and everything else that is not truncated.
        let others = 2 + n + after.len();
        if others + ids.len() > self.context_length {
            let Some(room) = self.context_length.checked_sub(others) else {
                return Err(Error::failed(format!(
                    "a context of {n} tokens, start, end and a suffix of {} tokens leave no room for the text: the model takes {} tokens; use a shorter context",
                    after.len(),
                    self.context_length
                )));
            };
            self.warn_truncated(text, n, others + ids.len());
            ids = ids[..room].into();
        }
        let token = |&id: &i64| Slot::Token(id);
        let slots: Vec<Slot> = [Slot::Token(self.tokenizer.start())]
            .into_iter()
            .chain((0..before).map(Slot::Context))
            .chain(ids.iter().map(token))
            .chain((before..n).map(Slot::Context))
            .chain(after.iter().map(token))
            .chain([Slot::Token(self.tokenizer.end())])
            .collect();
        // Context vectors have no id; −1 is never the end token and never the largest.
        let ids: Vec<i64> = slots
            .iter()
            .map(|slot| match slot {
                Slot::Token(id) => *id,
                Slot::Context(_) => -1,
            })
            .collect();
        Ok(Row {
            pooled: self.end_of_text.position(&ids),
            slots,
        })
    }

    /// Warns the host of a truncated text, once.
    fn warn_truncated(&self, text: &str, n: usize, tokens: usize) {
        if self.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        let shown: String = text.chars().take(SHOWN).collect();
        let more = if shown.len() < text.len() { "…" } else { "" };
        let with = match n {
            0 => "start and end".into(),
            n => format!("start, end and a context of {n}"),
        };
        self.host.log(
            Level::Warning,
            &format!(
                "the text {shown:?}{more} has {tokens} tokens including {with}, but the model takes {}; it is truncated, as are all \
                 other texts that are too long",
                self.context_length
            ),
        );
    }

    fn ids(&self, text: &str) -> Result<Arc<[i64]>> {
        // A panic cannot leave the map inconsistent, so poisoning is ignored.
        let lock = || {
            self.remembered
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(ids) = lock().get(text) {
            return Ok(ids.clone());
        }
        let ids: Arc<[i64]> = self.tokenizer.ids(text)?.into();
        let mut remembered = lock();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(text.to_owned(), ids.clone());
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::TokenizerFiles;
    use crate::tokenizer::{END, START};
    use serde_json::json;

    const S: Slot = Slot::Token(8);
    const E: Slot = Slot::Token(9);

    fn rows(end_of_text: EndOfText) -> Rows {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokenizer.json");
        let special = |id: i64, token: &str| {
            json!({ "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true })
        };
        let vocab = json!({ "?": 0, "red": 1, "apple": 2, ".": 3, "apple.": 4, START: 8, END: 9, "last": 10 });
        let tokenizer = json!({
            "version": "1.0", "added_tokens": [special(8, START), special(9, END)],
            "pre_tokenizer": { "type": "WhitespaceSplit" },
            "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "?" },
        });
        std::fs::write(&file, tokenizer.to_string()).unwrap();
        let tokenizer = Tokenizer::open(&TokenizerFiles::One(file)).unwrap();
        Rows::new(tokenizer, end_of_text, 12, Host::silent())
    }

    #[test]
    fn contexts_go_to_their_place_and_an_odd_one_has_its_longer_half_second() {
        let rows = rows(EndOfText::Token(9));
        let slots = |place| rows.row("red apple", place, 3, ".").unwrap().slots;
        let (t, c) = (Slot::Token, Slot::Context);
        // At the front, text and suffix are one string; this vocabulary has a token for `apple.`.
        assert_eq!(slots(Place::Front), [S, c(0), c(1), c(2), t(1), t(4), E]);
        assert_eq!(
            slots(Place::Middle),
            [S, c(0), t(1), t(2), c(1), c(2), t(3), E]
        );
        assert_eq!(
            slots(Place::End),
            [S, t(1), t(2), c(0), c(1), c(2), t(3), E]
        );
        let bare = rows.row("", Place::Front, 0, "").unwrap();
        assert_eq!((bare.slots, bare.pooled), (vec![S, E], 1));
    }

    /// The end, the context and a separate suffix are kept.
    #[test]
    fn a_text_that_is_too_long_is_truncated() {
        let rows = rows(EndOfText::Token(9));
        let (t, c) = (Slot::Token, Slot::Context);
        let long = "red apple ".repeat(9);
        let row = rows.row(&long, Place::Front, 0, "").unwrap();
        let text = |n| [t(1), t(2)].into_iter().cycle().take(n).collect::<Vec<_>>();
        assert_eq!(row.slots, [vec![S], text(10), vec![E]].concat());
        assert_eq!(row.pooled, 11);
        let row = rows.row(&long, Place::Middle, 4, ".").unwrap();
        let whole = [vec![S, c(0), c(1)], text(5), vec![c(2), c(3), t(3), E]];
        assert_eq!(row.slots, whole.concat());
        let error = rows.row("red", Place::End, 10, ".").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a context of 10 tokens, start, end and a suffix of 1 tokens leave no room for the text: the model takes 12 tokens; use a shorter context"
        );
    }

    #[test]
    fn rows_are_pooled_by_the_rule_and_never_in_the_context() {
        let pooled = |rule, text| rows(rule).row(text, Place::Front, 2, "").unwrap().pooled;
        let text = "red <|endoftext|> last apple";
        assert_eq!(pooled(EndOfText::Token(9), text), 4);
        assert_eq!(pooled(EndOfText::LargestId, text), 5);
        // An id that is not in the row, and one that context vectors must not match.
        assert_eq!(pooled(EndOfText::Token(7), "red"), 0);
        assert_eq!(pooled(EndOfText::Token(0), "red"), 0);
    }
}
