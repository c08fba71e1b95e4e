//! The toy's image encoder: one layer on a picture's colours on a 4 × 4 grid, plus prompt tokens.
//!
//! ```text
//! x      colours of the grid, in −1..1                                    [48]
//! t    = tanh(W x + 1/n Σₖ (1 + k/2) U pₖ)    p: visual.prompt [n, 8]     [16]
//! c    = t + s                                s: visual.shift  [16]       [16]  class_token
//! e    = V c                                                              [16]  embedding
//! ```
//!
//! The factor 1 + k/2 distinguishes prompt tokens, so that swapping two of them changes the output.

use super::matrix::{Matrix, add_scaled, before_tanh};
use super::{EMBEDDING, Gradients, SIZE, TOKEN};
use crate::testkit::random::Random;

const GRID: usize = 4;
const CELLS: usize = 3 * GRID * GRID;

/// The weights.
pub(super) struct ImageEncoder {
    colours: Matrix,
    prompt: Matrix,
    projection: Matrix,
}

/// One picture's forward pass, kept for the pullback.
pub(super) struct ImagePass {
    tanh: Vec<f64>,
    prompts: usize,
    pub(super) class_token: Vec<f64>,
    pub(super) embedding: Vec<f64>,
}

impl ImageEncoder {
    pub(super) fn new(random: &mut Random) -> ImageEncoder {
        ImageEncoder {
            colours: Matrix::random(EMBEDDING, CELLS, random),
            prompt: Matrix::random(EMBEDDING, TOKEN, random),
            projection: Matrix::random(EMBEDDING, EMBEDDING, random),
        }
    }

    /// Encodes one picture `[3, size, size]` with its prompt `[n, token]` and shift `[embedding]`;
    /// either may be empty.
    pub(super) fn pass(&self, pixels: &[u8], prompt: &[f64], shift: &[f64]) -> ImagePass {
        let mut before = self.colours.times(&grid(pixels));
        let prompts = prompt.len() / TOKEN;
        for (k, token) in prompt.chunks_exact(TOKEN).enumerate() {
            let added = self.prompt.times(token);
            add_scaled(&mut before, &added, weight(k, prompts));
        }
        let tanh: Vec<f64> = before.iter().map(|x| x.tanh()).collect();
        let mut class_token = tanh.clone();
        add_scaled(&mut class_token, shift, 1.0);
        let embedding = self.projection.times(&class_token);
        ImagePass {
            tanh,
            prompts,
            class_token,
            embedding,
        }
    }

    /// The gradients of the prompt `[n, token]` and the shift `[embedding]`.
    pub(super) fn pull(&self, pass: &ImagePass, outputs: &Gradients) -> (Vec<f64>, Vec<f64>) {
        let mut class_token = self.projection.transposed_times(&outputs.embedding);
        add_scaled(&mut class_token, &outputs.class_token, 1.0);
        let before = before_tanh(&class_token, &pass.tanh);
        let token = self.prompt.transposed_times(&before);
        let prompt = (0..pass.prompts)
            .flat_map(|k| {
                let weight = weight(k, pass.prompts);
                token.iter().map(move |value| value * weight)
            })
            .collect();
        (prompt, class_token)
    }
}

fn weight(k: usize, prompts: usize) -> f64 {
    (1.0 + k as f64 / 2.0) / prompts as f64
}

/// The mean colour of every cell, channel by channel.
fn grid(pixels: &[u8]) -> Vec<f64> {
    let cell = SIZE / GRID;
    let mut cells = vec![0.0; CELLS];
    for (position, &value) in pixels.iter().enumerate() {
        let (channel, y, x) = (
            position / (SIZE * SIZE),
            position / SIZE % SIZE,
            position % SIZE,
        );
        let value = f64::from(value) / 127.5 - 1.0;
        cells[(channel * GRID + y / cell) * GRID + x / cell] += value / (cell * cell) as f64;
    }
    cells
}
