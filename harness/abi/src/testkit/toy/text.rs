//! The toy's text encoder: a recurrence over words and context vectors, so that their order
//! matters.
//!
//! ```text
//! hₜ = tanh(A hₜ₋₁ + B xₜ),  h₀ = 0     x: a word's vector, or one of text.context [n, 8]
//! class_token = h of the last token     embedding = C class_token
//! ```
//!
//! A word's vector comes from a generator seeded with the word itself, so every word is known.

use super::matrix::{Matrix, add_scaled, before_tanh};
use super::{EMBEDDING, Gradients, TOKEN};
use crate::backbone::Place;
use crate::testkit::random::Random;

/// The weights.
pub(super) struct TextEncoder {
    recurrence: Matrix,
    input: Matrix,
    projection: Matrix,
}

/// One row's forward pass, kept for the pullback.
pub(super) struct TextPass {
    /// h₀ … h of the last token.
    hidden: Vec<Vec<f64>>,
    /// The positions of context tokens in the sequence.
    context: Vec<usize>,
    pub(super) embedding: Vec<f64>,
}

impl TextPass {
    pub(super) fn class_token(&self) -> &[f64] {
        self.hidden.last().expect("h₀ is always there")
    }
}

/// The words' vectors.
pub(super) fn tokens(text: &str) -> Vec<Vec<f64>> {
    text.split_whitespace()
        .map(|word| {
            // FNV-1a.
            let seed = word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
            });
            Random::new(seed).normals(TOKEN)
        })
        .collect()
}

impl TextEncoder {
    pub(super) fn new(random: &mut Random) -> TextEncoder {
        TextEncoder {
            recurrence: Matrix::random(EMBEDDING, EMBEDDING, random),
            input: Matrix::random(EMBEDDING, TOKEN, random),
            projection: Matrix::random(EMBEDDING, EMBEDDING, random),
        }
    }

    /// Encodes one row: the words' vectors, and its context `[n, token]`, which may be empty.
    pub(super) fn pass(&self, words: &[Vec<f64>], context: &[f64], place: Place) -> TextPass {
        let context: Vec<&[f64]> = context.chunks_exact(TOKEN).collect();
        let before = match place {
            Place::Front => context.len(),
            Place::Middle => context.len() / 2,
            Place::End => 0,
        };
        let (front, behind) = context.split_at(before);
        let words = words.iter().map(Vec::as_slice);
        let sequence = front.iter().copied().chain(words.clone());
        let sequence = sequence.chain(behind.iter().copied());

        let mut hidden = vec![vec![0.0; EMBEDDING]];
        for token in sequence {
            let mut sum = self.recurrence.times(&hidden[hidden.len() - 1]);
            add_scaled(&mut sum, &self.input.times(token), 1.0);
            hidden.push(sum.iter().map(|x| x.tanh()).collect());
        }
        let embedding = self.projection.times(&hidden[hidden.len() - 1]);
        let behind_from = before + words.len();
        TextPass {
            hidden,
            context: (0..before)
                .chain(behind_from..behind_from + behind.len())
                .collect(),
            embedding,
        }
    }

    /// The gradient of the context `[n, token]`.
    pub(super) fn pull(&self, pass: &TextPass, outputs: &Gradients) -> Vec<f64> {
        let mut gradient = self.projection.transposed_times(&outputs.embedding);
        add_scaled(&mut gradient, &outputs.class_token, 1.0);
        let mut inputs = vec![Vec::new(); pass.hidden.len() - 1];
        for (position, input) in inputs.iter_mut().enumerate().rev() {
            let before = before_tanh(&gradient, &pass.hidden[position + 1]);
            *input = self.input.transposed_times(&before);
            gradient = self.recurrence.transposed_times(&before);
        }
        pass.context
            .iter()
            .flat_map(|&position| std::mem::take(&mut inputs[position]))
            .collect()
    }
}
