//! Attention of packed tokens: each token has its own span of keys.

use clbench_torch::cpu::{exp, sum};
use clbench_torch::vectorised;

/// Keys and values, or their gradients: `[tokens, width]` each.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
}

/// The keys that a token attends to: all those before the part or none, then its part's own ones in
/// a range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) sees_before: bool,
    pub(super) first: usize,
    pub(super) end: usize,
}

impl Known {
    pub(super) fn zeros_like(&self) -> Known {
        Known {
            keys: vec![0.0; self.keys.len()],
            values: vec![0.0; self.values.len()],
        }
    }

    /// Appends the tokens of another.
    pub(super) fn extend(&mut self, other: &Known) {
        self.keys.extend(&other.keys);
        self.values.extend(&other.values);
    }

    /// Adds another of the same size.
    pub(super) fn add(&mut self, other: &Known) {
        add(&mut self.keys, &other.keys);
        add(&mut self.values, &other.values);
    }

    /// The tokens after the first `row` ones.
    pub(super) fn after(&self, row: usize, width: usize) -> Known {
        Known {
            keys: self.keys[row * width..].to_vec(),
            values: self.values[row * width..].to_vec(),
        }
    }
}

/// The attention of queries, `[queries, width]`, each over its span of the keys and values before
/// the part and of its own. Returns the mixed values and the weights: of each query and head, one
/// for each key.
pub(super) fn mix(
    queries: &[f32],
    spans: &[Span],
    [before, own]: [&Known; 2],
    heads: usize,
) -> (Vec<f32>, Vec<f32>) {
    let width = queries.len() / spans.len();
    let seen = before.keys.len() / width;
    let keys: usize = spans.iter().map(|span| span.keys(seen)).sum();
    let mut mixed = vec![0.0; queries.len()];
    let mut weights = vec![0.0; heads * keys];
    forward(
        &mut mixed,
        &mut weights,
        queries,
        spans,
        (&before.keys, &own.keys),
        (&before.values, &own.values),
        heads,
    );
    (mixed, weights)
}

/// Returns the gradient of the queries, and adds those of the keys and values before the part and
/// of its own, from that of [`mix`]'s result.
pub(super) fn mix_backward(
    of_mixed: &[f32],
    (queries, weights): (&[f32], &[f32]),
    spans: &[Span],
    [before, own]: [&Known; 2],
    [of_before, of_own]: [&mut Known; 2],
    heads: usize,
) -> Vec<f32> {
    let mut of_queries = vec![0.0; queries.len()];
    backward(
        &mut of_queries,
        (&mut of_before.keys, &mut of_own.keys),
        (&mut of_before.values, &mut of_own.values),
        of_mixed,
        (queries, weights),
        spans,
        (&before.keys, &own.keys),
        (&before.values, &own.values),
        heads,
    );
    of_queries
}

impl Span {
    /// The number of keys, if there are `seen` before the part.
    fn keys(&self, seen: usize) -> usize {
        self.end - self.first + if self.sees_before { seen } else { 0 }
    }

    /// The rows of the keys, or values, in order.
    #[inline(always)]
    fn rows<'a>(
        &self,
        (before, own): (&'a [f32], &'a [f32]),
        width: usize,
    ) -> impl Iterator<Item = &'a [f32]> {
        let before = if self.sees_before { before } else { &[] };
        let own = &own[self.first * width..self.end * width];
        before.chunks_exact(width).chain(own.chunks_exact(width))
    }

    #[inline(always)]
    fn rows_mut<'a>(
        &self,
        before: &'a mut [f32],
        own: &'a mut [f32],
        width: usize,
    ) -> impl Iterator<Item = &'a mut [f32]> {
        let before = if self.sees_before { before } else { &mut [] };
        let own = &mut own[self.first * width..self.end * width];
        before
            .chunks_exact_mut(width)
            .chain(own.chunks_exact_mut(width))
    }
}

vectorised! {
    fn forward(
        mixed: &mut [f32],
        weights: &mut [f32],
        queries: &[f32],
        spans: &[Span],
        keys: (&[f32], &[f32]),
        values: (&[f32], &[f32]),
        heads: usize,
    ) {
        let width = queries.len() / spans.len();
        let size = width / heads;
        let scale = 1.0 / (size as f32).sqrt();
        let mut weights = weights;
        let of_token = mixed.chunks_exact_mut(width).zip(queries.chunks_exact(width));
        for ((mixed, query), span) in of_token.zip(spans) {
            let count = span.keys(keys.0.len() / width);
            let of_head = mixed.chunks_exact_mut(size).zip(query.chunks_exact(size));
            for (head, (mixed, query)) in of_head.enumerate() {
                let (own, rest) = weights.split_at_mut(count);
                weights = rest;
                let part = head * size..(head + 1) * size;
                for (weight, key) in own.iter_mut().zip(span.rows(keys, width)) {
                    *weight = scale * sum(query, &key[part.clone()], |a, b| a * b);
                }
                softmax(own);
                for (weight, value) in own.iter().zip(span.rows(values, width)) {
                    for (mixed, value) in mixed.iter_mut().zip(&value[part.clone()]) {
                        *mixed += weight * value;
                    }
                }
            }
        }
    }

    fn backward(
        of_queries: &mut [f32],
        of_keys: (&mut [f32], &mut [f32]),
        of_values: (&mut [f32], &mut [f32]),
        of_mixed: &[f32],
        kept: (&[f32], &[f32]),
        spans: &[Span],
        keys: (&[f32], &[f32]),
        values: (&[f32], &[f32]),
        heads: usize,
    ) {
        let (queries, mut weights) = kept;
        let width = queries.len() / spans.len();
        let size = width / heads;
        let scale = 1.0 / (size as f32).sqrt();
        let mut of_scores = Vec::new();
        for (token, span) in spans.iter().enumerate() {
            let count = span.keys(keys.0.len() / width);
            for head in 0..heads {
                let (own, rest) = weights.split_at(count);
                weights = rest;
                let part = head * size..(head + 1) * size;
                let place = token * width + part.start..token * width + part.end;
                let (query, of_mixed) = (&queries[place.clone()], &of_mixed[place.clone()]);
                of_scores.clear();
                for value in span.rows(values, width) {
                    of_scores.push(sum(of_mixed, &value[part.clone()], |a, b| a * b));
                }
                let along = sum(&of_scores, own, |a, b| a * b);
                for (of_score, weight) in of_scores.iter_mut().zip(own) {
                    *of_score = scale * weight * (*of_score - along);
                }
                let of_query = &mut of_queries[place];
                for (of_score, key) in of_scores.iter().zip(span.rows(keys, width)) {
                    add_scaled(of_query, &key[part.clone()], *of_score);
                }
                let of_keys = span.rows_mut(of_keys.0, of_keys.1, width);
                for (of_score, of_key) in of_scores.iter().zip(of_keys) {
                    add_scaled(&mut of_key[part.clone()], query, *of_score);
                }
                let of_values = span.rows_mut(of_values.0, of_values.1, width);
                for (weight, of_value) in own.iter().zip(of_values) {
                    add_scaled(&mut of_value[part.clone()], of_mixed, *weight);
                }
            }
        }
    }

    fn add(numbers: &mut [f32], more: &[f32]) {
        add_scaled(numbers, more, 1.0);
    }
}

#[inline(always)]
fn softmax(scores: &mut [f32]) {
    let most = scores.iter().fold(
        f32::NEG_INFINITY,
        |most, &score| {
            if score > most { score } else { most }
        },
    );
    let mut total = 0.0;
    for score in scores.iter_mut() {
        *score = exp(*score - most);
        total += *score;
    }
    let inverse = 1.0 / total;
    for score in scores {
        *score *= inverse;
    }
}

#[inline(always)]
fn add_scaled(numbers: &mut [f32], more: &[f32], factor: f32) {
    for (number, more) in numbers.iter_mut().zip(more) {
        *number += factor * more;
    }
}
