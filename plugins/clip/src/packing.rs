//! Rows of text without their waste: which tokens have to be encoded, and where each stands.
//!
//! Attention is causal, and a row's embedding is read at one token. So nothing behind that token matters, and nothing can
//! change the start token, which [`PooledModel`](crate::model::PooledModel) has encoded beforehand. What is left of all rows
//! is packed one behind the other: a list of tokens, from which each layer's attention takes its keys and values to their
//! places in a grid of rows and positions.
//!
//! ```text
//! rows            start c0 c1 red apple . end          packed   c0 c1 red apple . end   c0 c1 zebra . end
//!                 start c0 c1 zebra     . end          grid     · c0 c1 red apple . end
//!                                                               · c0 c1 zebra . end ·
//! ```

use crate::rows::{Row, Slot};

/// The tokens of some rows, packed. Numbers are i64, as libtorch takes an index.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// How many rows.
    pub(crate) rows: i64,
    /// How many positions a row of the grid has: as many as the row that is pooled farthest back.
    pub(crate) length: i64,
    /// For each packed token its id; 0 for a vector of a context.
    pub(crate) ids: Vec<i64>,
    /// For each packed token its position in its row.
    pub(crate) positions: Vec<i64>,
    /// For each packed token its place in the grid, counted row by row.
    pub(crate) places: Vec<i64>,
    /// For each row the packed token at which it is pooled.
    pub(crate) pooled: Vec<i64>,
    /// For each vector of a context that matters which it is, counted over all rows' contexts.
    pub(crate) vectors: Vec<i64>,
    /// For each of these the packed token that it is.
    pub(crate) at: Vec<i64>,
    /// How many vectors all rows' contexts have, those that do not matter among them.
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
            // The start token is encoded with the others only where it is what the row is pooled at.
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
    fn what_cannot_matter_is_not_packed() {
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
