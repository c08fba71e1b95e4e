//! Captions: a combination's name in a template, as tokens.
//!
//! In some batches captions are perturbed, so that the text encoder sees more than a dozen
//! sentences: words are spelled byte by byte, and filler words are added before or after a caption.
//! So every position of the context is trained, and the model copes with learned prompt tokens.

use anyhow::{Context, Result, anyhow};
use clbench_clip::tokenizer::{END, START};
use clbench_torch::Generator;
use harness_pictures::{Combination, TEMPLATES};
use std::collections::HashMap;
use tokenizers::Tokenizer;

/// The maximum number of tokens of a text, start and end included.
pub const CONTEXT_LENGTH: usize = 32;

/// The probability that a batch has perturbed captions. Low, because a batch is as long as its
/// longest caption.
pub const PERTURBED: f64 = 0.25;
/// The probability that a word of a perturbed caption is spelled byte by byte.
const SPELLED: f64 = 0.1;
/// The probabilities that a perturbed caption has filler words before and after it.
const BEFORE: f64 = 0.7;
const AFTER: f64 = 0.4;
/// The maximum number of filler words.
const LONGEST: u64 = 10;

/// Draws captions.
pub struct Captions {
    start: i64,
    end: i64,
    /// The tokens of every word, as a whole and by byte.
    words: HashMap<String, Spelling>,
    /// The tokens of words that do not describe a picture.
    fillers: Vec<i64>,
}

struct Spelling {
    whole: Vec<i64>,
    bytes: Vec<i64>,
}

impl Captions {
    /// Prepares captions for a tokenizer.
    pub fn new(tokenizer: &Tokenizer) -> Result<Captions> {
        let id = |token: &str| {
            let id = tokenizer.token_to_id(token);
            id.map(i64::from)
                .with_context(|| format!("the vocabulary lacks the token `{token}`"))
        };
        let spelling = |piece: &str| -> Result<Spelling> {
            let whole = tokenizer.encode(piece, false).map_err(|e| anyhow!(e))?;
            let last = piece.len() - 1;
            let bytes = piece.char_indices().map(|(at, byte)| match at == last {
                true => id(&format!("{byte}</w>")),
                false => id(&byte.to_string()),
            });
            Ok(Spelling {
                whole: whole.get_ids().iter().map(|&id| id.into()).collect(),
                bytes: bytes.collect::<Result<_>>()?,
            })
        };
        let mut words = HashMap::new();
        let mut fillers = Vec::new();
        for template in TEMPLATES {
            for piece in pieces(&template.replace("{}", " ")) {
                let spelling = spelling(piece)?;
                fillers.extend(&spelling.whole);
                words.insert(piece.to_owned(), spelling);
            }
        }
        fillers.sort_unstable();
        fillers.dedup();
        for combination in Combination::all() {
            for piece in pieces(&combination.name()) {
                words.insert(piece.to_owned(), spelling(piece)?);
            }
        }
        Ok(Captions {
            start: id(START)?,
            end: id(END)?,
            words,
            fillers,
        })
    }

    /// Draws a caption's tokens, start and end included, at most [`CONTEXT_LENGTH`].
    pub fn draw(
        &self,
        combination: Combination,
        perturbed: bool,
        generator: &mut Generator,
    ) -> Vec<i64> {
        let template = TEMPLATES[generator.below(TEMPLATES.len() as u64) as usize];
        let caption = template.replace("{}", &combination.name());
        let mut tokens = Vec::new();
        for piece in pieces(&caption) {
            let spelling = &self.words[piece];
            tokens.extend(match perturbed && generator.uniform() < SPELLED {
                true => &spelling.bytes,
                false => &spelling.whole,
            });
        }
        let room = CONTEXT_LENGTH - 2;
        // Only spelled words can make a caption too long.
        if tokens.len() > room {
            tokens = pieces(&caption)
                .flat_map(|piece| self.words[piece].whole.iter().copied())
                .collect();
        }
        let mut fillers = |likely: f64, tokens: &[i64]| -> Vec<i64> {
            let n = match perturbed && generator.uniform() < likely {
                true => 1 + generator.below(LONGEST) as usize,
                false => 0,
            };
            (0..n.min(room - tokens.len()))
                .map(|_| self.fillers[generator.below(self.fillers.len() as u64) as usize])
                .collect()
        };
        let mut before = fillers(BEFORE, &tokens);
        before.extend(tokens);
        let after = fillers(AFTER, &before);
        before.extend(after);
        [&[self.start], &before[..], &[self.end]].concat()
    }
}

/// Words and punctuation, split as by the tokenizer.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().flat_map(|word| {
        let cut = word
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(word.len());
        let (word, rest) = word.split_at(cut);
        [word, rest].into_iter().filter(|piece| !piece.is_empty())
    })
}
