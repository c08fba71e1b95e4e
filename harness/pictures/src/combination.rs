//! [`Combination`]: what a picture shows, and which combinations are held out of training.

use crate::{Colour, Fill, Shape};

/// A shape, a colour and a fill: what a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Combination {
    /// The outline.
    pub shape: Shape,
    /// The colour inside the outline.
    pub colour: Colour,
    /// The pattern inside the outline.
    pub fill: Fill,
}

impl Combination {
    /// All 512 combinations, ordered by shape, then colour, then fill.
    pub fn all() -> impl Iterator<Item = Self> {
        Shape::ALL.into_iter().flat_map(|shape| {
            Colour::ALL.into_iter().flat_map(move |colour| {
                Fill::ALL.into_iter().map(move |fill| Self {
                    shape,
                    colour,
                    fill,
                })
            })
        })
    }

    /// The name in English, such as `red striped star`.
    pub fn name(self) -> String {
        let Self {
            shape,
            colour,
            fill,
        } = self;
        format!("{} {} {}", colour.name(), fill.name(), shape.name())
    }

    /// Whether it is one of the 128 held out of training: those for which the sum of the positions
    /// of shape, colour and fill in their lists is divisible by four.
    ///
    /// Hence each pair of shape and colour is held out in exactly one fill, each pair of shape and
    /// fill in two colours, and each pair of colour and fill in four shapes. In training every pair
    /// occurs as often as any other of its kind.
    pub fn held_out(self) -> bool {
        (self.shape as usize + self.colour as usize + self.fill as usize).is_multiple_of(4)
    }

    /// The position in [`all`](Self::all).
    pub(crate) fn position(self) -> u64 {
        ((self.shape as u64 * 8) + self.colour as u64) * 4 + self.fill as u64
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::hash::Hash;

    /// The number of distinct values, and how often the rarest and the most frequent ones occur.
    pub(crate) fn spread<C, T: Eq + Hash>(
        combinations: &[C],
        value: impl Fn(&C) -> T,
    ) -> (usize, usize, usize) {
        let mut counts = HashMap::<T, usize>::new();
        for combination in combinations {
            *counts.entry(value(combination)).or_default() += 1;
        }
        let (least, most) = (counts.values().min(), counts.values().max());
        (counts.len(), *least.unwrap(), *most.unwrap())
    }

    #[test]
    fn a_quarter_is_held_out_but_every_part_and_pair_is_seen() {
        let (held_out, seen): (Vec<_>, Vec<_>) =
            Combination::all().partition(|combination| combination.held_out());
        for (combinations, share) in [(held_out, 1), (seen, 3)] {
            let spread_of_shapes = spread(&combinations, |it| it.shape);
            assert_eq!(spread_of_shapes, (16, 8 * share, 8 * share));
            let spread_of_colours = spread(&combinations, |it| it.colour);
            assert_eq!(spread_of_colours, (8, 16 * share, 16 * share));
            let spread_of_fills = spread(&combinations, |it| it.fill);
            assert_eq!(spread_of_fills, (4, 32 * share, 32 * share));
            let pairs = spread(&combinations, |it| (it.shape, it.colour));
            assert_eq!(pairs, (128, share, share));
            let pairs = spread(&combinations, |it| (it.shape, it.fill));
            assert_eq!(pairs, (64, 2 * share, 2 * share));
            let pairs = spread(&combinations, |it| (it.colour, it.fill));
            assert_eq!(pairs, (32, 4 * share, 4 * share));
        }
    }

    #[test]
    fn positions_and_names_are_unique() {
        let all: Vec<_> = Combination::all().collect();
        assert_eq!(spread(&all, |it| it.name()), (512, 1, 1));
        assert!((0..).zip(&all).all(|(at, it)| it.position() == at));
        assert_eq!(all[131].name(), "red checkered star");
    }
}
