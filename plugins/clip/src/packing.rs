//! Packs rows of text: which tokens must be encoded, and their places.
//!
//! Attention is causal, and a row's embedding is read at one token. So tokens after it do not
//! matter, and nothing affects the start token, which [`PooledModel`](crate::model::PooledModel)
//! encodes in advance. The remaining tokens of all rows are packed into one list. For each layer's
//! attention, keys and values are placed in a grid of rows and positions.
//!
//! ```text
//! rows      start c0 c1 red apple . end
//!           start c0 c1 zebra . end
//! packed    c0 c1 red apple . end   c0 c1 zebra . end
//! grid      · c0 c1 red apple . end
//!           · c0 c1 zebra . end ·
//! ```

use crate::rows::{Row, Slot};

/// The packed tokens of some rows. Indices are i64, as in libtorch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// The number of rows.
    pub(crate) rows: i64,
    /// The number of positions per row of the grid: the farthest pooled position plus 1.
    pub(crate) length: i64,
    /// The id of each packed token; 0 for context vectors.
    pub(crate) ids: Vec<i64>,
    /// The position of each packed token in its row.
    pub(crate) positions: Vec<i64>,
    /// The place of each packed token in the grid, in row-major order.
    pub(crate) places: Vec<i64>,
    /// The index of the packed token at which each row is pooled.
    pub(crate) pooled: Vec<i64>,
    /// The indices of the context vectors that matter, counted over all rows' contexts.
    pub(crate) vectors: Vec<i64>,
    /// The index of the packed token of each of these vectors.
    pub(crate) at: Vec<i64>,
    /// The number of context vectors of all rows, including those that do not matter.
    pub(crate) all_vectors: i64,
}

impl Packing {
    /// Packs rows with contexts of `n` vectors.
    pub(crate) fn new(rows: &[Row], n: usize) -> Packing {
        let length = rows.iter().map(|row| row.pooled + 1).max().unwrap_or(0);
        let mut packing = Packing {
            rows: rows.len() as i64,
            length: length as i64,
            all_vectors: (rows.len() * n) as i64,
            ..Packing::default()
        };
        for (number, row) in rows.iter().enumerate() {
            // The start token is packed only if the row is pooled there.
            for position in row.pooled.min(1)..=row.pooled {
                let token = packing.ids.len() as i64;
                let id = match row.slots[position] {
                    Slot::Token(id) => id,
                    Slot::Context(k) => {
                        packing.vectors.push((number * n + k) as i64);
                        packing.at.push(token);
                        0
                    }
                };
                packing.ids.push(id);
                packing.positions.push(position as i64);
                packing.places.push((number * length + position) as i64);
            }
            packing.pooled.push(packing.ids.len() as i64 - 1);
        }
        packing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_that_matter_are_packed() {
        let row = |slots: &[Slot], pooled| Row {
            slots: slots.to_vec(),
            pooled,
        };
        let (t, c) = (Slot::Token, Slot::Context);
        let rows = [
            row(&[t(8), c(0), c(1), t(5), t(9)], 4),
            // Pooled before its context's second vector, and at its start.
            row(&[t(8), t(6), c(0), t(9), c(1)], 3),
            row(&[t(8), c(0), c(1), t(7)], 0),
        ];
        let packing = Packing::new(&rows, 2);
        let expected = Packing {
            rows: 3,
            length: 5,
            ids: vec![0, 0, 5, 9, 6, 0, 9, 8],
            positions: vec![1, 2, 3, 4, 1, 2, 3, 0],
            places: vec![1, 2, 3, 4, 6, 7, 8, 10],
            pooled: vec![3, 6, 7],
            vectors: vec![0, 1, 2],
            at: vec![0, 1, 5],
            all_vectors: 6,
        };
        assert_eq!(packing, expected);
    }
}
