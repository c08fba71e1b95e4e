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
//!
//! If all rows have the same context, the tokens before the first difference are the same in every
//! layer. They are packed once, and the grid has only the rest:
//!
//! ```text
//! packed    c0 c1   red apple . end   zebra . end
//! grid      red apple . end
//!           zebra . end ·
//! ```

use crate::rows::{Row, Slot};

/// The packed tokens of some rows. Indices are i64, as in libtorch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// The number of rows.
    pub(crate) rows: i64,
    /// The farthest pooled position plus 1.
    pub(crate) length: i64,
    /// The number of tokens after the start token that are packed once for all rows, before the
    /// rest of any row. If there are any, the grid begins after them; otherwise it has all
    /// positions.
    pub(crate) shared: i64,
    /// The id of each packed token; 0 for context vectors.
    pub(crate) ids: Vec<i64>,
    /// The position of each packed token in its row.
    pub(crate) positions: Vec<i64>,
    /// The place of each packed token after the shared ones in the grid, in row-major order.
    pub(crate) places: Vec<i64>,
    /// The index of the packed token at which each row is pooled.
    pub(crate) pooled: Vec<i64>,
    /// The indices of the context vectors that matter, counted over all contexts.
    pub(crate) vectors: Vec<i64>,
    /// The index of the packed token of each of these vectors.
    pub(crate) at: Vec<i64>,
    /// The number of vectors of all contexts, including those that do not matter.
    pub(crate) all_vectors: i64,
}

/// Whose contexts the rows have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contexts {
    /// Each row has its own.
    PerRow,
    /// All rows have the same.
    Shared,
}

impl Packing {
    /// Packs rows with contexts of `n` vectors.
    pub(crate) fn new(rows: &[Row], n: usize, contexts: Contexts) -> Packing {
        let length = rows.iter().map(|row| row.pooled + 1).max().unwrap_or(0);
        let (shared, all_vectors) = match contexts {
            Contexts::PerRow => (0, rows.len() * n),
            Contexts::Shared => (shared_tokens(rows), n),
        };
        let mut packing = Packing {
            rows: rows.len() as i64,
            length: length as i64,
            shared: shared as i64,
            all_vectors: all_vectors as i64,
            ..Packing::default()
        };
        for position in 1..=shared {
            packing.push(rows[0].slots[position], position, 0);
        }
        let outside = match shared {
            0 => 0,
            shared => 1 + shared,
        };
        for (number, row) in rows.iter().enumerate() {
            let first_vector = match contexts {
                Contexts::PerRow => number * n,
                Contexts::Shared => 0,
            };
            // The start token is packed only if the row is pooled there.
            for position in row.pooled.min(1 + shared)..=row.pooled {
                packing.push(row.slots[position], position, first_vector);
                let place = number * (length - outside) + position - outside;
                packing.places.push(place as i64);
            }
            packing.pooled.push(packing.ids.len() as i64 - 1);
        }
        packing
    }

    /// The number of positions per row of the grid.
    pub(crate) fn grid_length(&self) -> i64 {
        match self.shared {
            0 => self.length,
            shared => self.length - 1 - shared,
        }
    }

    /// Appends a token. The row's context begins at `first_vector` among all contexts.
    fn push(&mut self, slot: Slot, position: usize, first_vector: usize) {
        let id = match slot {
            Slot::Token(id) => id,
            Slot::Context(k) => {
                self.vectors.push((first_vector + k) as i64);
                self.at.push(self.ids.len() as i64);
                0
            }
        };
        self.ids.push(id);
        self.positions.push(position as i64);
    }
}

/// The number of tokens after the start token with which all rows begin. The token at which a row
/// is pooled is not among them.
fn shared_tokens(rows: &[Row]) -> usize {
    let Some((first, others)) = rows.split_first() else {
        return 0;
    };
    let same = |&position: &usize| {
        let slot = first.slots[position];
        position < first.pooled
            && others
                .iter()
                .all(|row| position < row.pooled && row.slots[position] == slot)
    };
    (1..first.slots.len()).take_while(same).count()
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
        let packing = Packing::new(&rows, 2, Contexts::PerRow);
        let expected = Packing {
            rows: 3,
            length: 5,
            shared: 0,
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

    #[test]
    fn what_rows_with_the_same_context_begin_with_is_packed_once() {
        let row = |slots: &[Slot]| Row {
            slots: slots.to_vec(),
            pooled: slots.len() - 1,
        };
        let (t, c) = (Slot::Token, Slot::Context);
        let rows = [
            row(&[t(8), c(0), t(5), c(1), t(9)]),
            row(&[t(8), c(0), t(5), t(6), c(1), t(9)]),
        ];
        let packing = Packing::new(&rows, 2, Contexts::Shared);
        let expected = Packing {
            rows: 2,
            length: 6,
            shared: 2,
            ids: vec![0, 5, 0, 9, 6, 0, 9],
            positions: vec![1, 2, 3, 4, 3, 4, 5],
            places: vec![0, 1, 3, 4, 5],
            pooled: vec![3, 6],
            vectors: vec![0, 1, 1],
            at: vec![0, 2, 5],
            all_vectors: 2,
        };
        assert_eq!(packing, expected);
        assert_eq!(packing.grid_length(), 3);

        // A row that is pooled right after its start shares nothing.
        let at_start = Row {
            slots: rows[0].slots.clone(),
            pooled: 1,
        };
        let rows = [at_start, row(&[t(8), c(0), t(5), c(1), t(9)])];
        assert_eq!(Packing::new(&rows, 2, Contexts::Shared).shared, 0);
    }
}
