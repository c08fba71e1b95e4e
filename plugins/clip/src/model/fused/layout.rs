//! Rows of text in parts that are encoded one by one.

use super::FusedText;
use super::attention::Span;
use crate::packing::Packing;

/// A part is closed when it has this many tokens: enough for matrix products to be fast, and few
/// enough for its numbers to stay in a core's cache.
const TOKENS_AT_ONCE: usize = 128;

/// Rows of text, before contexts are inserted.
#[derive(Debug)]
pub struct FusedLayout {
    pub(super) rows: usize,
    /// The number of context vectors, including those that do not matter.
    pub(super) vectors: usize,
    /// The tokens after the start token with which all rows begin; none are pooled.
    pub(super) shared: Part,
    /// The rest of the rows.
    pub(super) parts: Vec<Part>,
}

/// Tokens that are encoded together.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// `[tokens, width]`; of a context vector, its position embedding alone.
    entering: Vec<f32>,
    /// The keys of each token.
    spans: Vec<Span>,
    /// The token at which each row is pooled.
    pub(super) pooled: Vec<usize>,
    /// Token and number of each context vector.
    vectors: Vec<[usize; 2]>,
}

impl FusedLayout {
    /// The layout of packed rows.
    pub fn new(text: &FusedText, packing: &Packing) -> FusedLayout {
        let mut vectors = packing.at.iter().zip(&packing.vectors).peekable();
        let mut push = |part: &mut Part, token: usize, first: usize| {
            let vector = vectors.next_if(|&(&at, _)| at == token as i64);
            let vector = vector.map(|(_, &vector)| vector as usize);
            let [id, position] = [packing.ids[token], packing.positions[token]];
            part.push(text, [id as usize, position as usize], vector, first);
        };
        let shared_tokens = packing.shared as usize;
        let mut shared = Part::default();
        for token in 0..shared_tokens {
            push(&mut shared, token, 0);
        }
        let mut parts = Vec::new();
        let mut part = Part::default();
        let mut token = shared_tokens;
        for &pooled in &packing.pooled {
            let first = part.len();
            for token in token..=pooled as usize {
                push(&mut part, token, first);
            }
            token = pooled as usize + 1;
            part.pooled.push(part.len() - 1);
            if part.len() >= TOKENS_AT_ONCE {
                parts.push(std::mem::take(&mut part));
            }
        }
        if !part.is_empty() {
            parts.push(part);
        }
        FusedLayout {
            rows: packing.pooled.len(),
            vectors: packing.all_vectors as usize,
            shared,
            parts,
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The size in bytes.
    pub fn bytes(&self) -> usize {
        let parts = self.parts.iter().chain([&self.shared]);
        parts.map(Part::bytes).sum()
    }
}

impl Part {
    /// Appends a token of a row that begins at token `first` of the part.
    fn push(
        &mut self,
        text: &FusedText,
        [id, position]: [usize; 2],
        vector: Option<usize>,
        first: usize,
    ) {
        let width = text.width();
        let row = |numbers: &'_ [f32], at: usize| numbers[at * width..(at + 1) * width].to_vec();
        let token = self.len();
        let mut entering = row(&text.positions, position);
        match vector {
            Some(vector) => self.vectors.push([token, vector]),
            None => {
                for (number, of_token) in entering.iter_mut().zip(row(&text.tokens, id)) {
                    *number += of_token;
                }
            }
        }
        self.entering.extend(entering);
        self.spans.push(Span {
            // The start token itself is packed if a row is pooled there.
            sees_before: position > 0,
            first,
            end: token + 1,
        });
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The spans of all tokens, or only of pooled ones.
    pub(super) fn spans(&self, only_pooled: bool) -> Vec<Span> {
        match only_pooled {
            true => self.pooled.iter().map(|&token| self.spans[token]).collect(),
            false => self.spans.clone(),
        }
    }

    /// The input of the first layer, with context vectors, `[vectors, width]`, inserted.
    pub(super) fn entering(&self, context: &[f32], width: usize) -> Vec<f32> {
        let mut entering = self.entering.clone();
        for &[token, vector] in &self.vectors {
            let place = &mut entering[token * width..(token + 1) * width];
            for (number, more) in place.iter_mut().zip(&context[vector * width..]) {
                *number += more;
            }
        }
        entering
    }

    /// Adds the gradients of entering tokens to those of the context vectors.
    pub(super) fn add_of_context(&self, of_context: &mut [f32], gradient: &[f32], width: usize) {
        for &[token, vector] in &self.vectors {
            let sums = &mut of_context[vector * width..(vector + 1) * width];
            for (sum, more) in sums.iter_mut().zip(&gradient[token * width..]) {
                *sum += more;
            }
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.entering[..])
            + size_of_val(&self.spans[..])
            + size_of_val(&self.pooled[..])
            + size_of_val(&self.vectors[..])
    }
}

/// The rows with these numbers.
pub(super) fn gathered(rows: &[f32], numbers: &[usize], width: usize) -> Vec<f32> {
    let mut gathered = Vec::with_capacity(numbers.len() * width);
    for at in numbers {
        gathered.extend(&rows[at * width..(at + 1) * width]);
    }
    gathered
}

/// The reverse of [`gathered`]: `count` rows, those without a number 0.
pub(super) fn scattered(rows: &[f32], numbers: &[usize], count: usize, width: usize) -> Vec<f32> {
    let mut scattered = vec![0.0; count * width];
    for (row, at) in rows.chunks_exact(width).zip(numbers) {
        scattered[at * width..(at + 1) * width].copy_from_slice(row);
    }
    scattered
}
