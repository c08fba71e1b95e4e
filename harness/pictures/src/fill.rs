//! The patterns inside a shape's outline.

/// The pattern inside a shape's outline. Gaps in the pattern show the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fill {
    /// Paint everywhere.
    Solid,
    /// Parallel bars.
    Striped,
    /// Round dots on a square grid.
    Dotted,
    /// The squares of a chessboard.
    Checkered,
}

impl Fill {
    /// All fills.
    pub const ALL: [Self; 4] = [Self::Solid, Self::Striped, Self::Dotted, Self::Checkered];

    /// The name in English.
    pub fn name(self) -> &'static str {
        match self {
            Self::Solid => "solid",
            Self::Striped => "striped",
            Self::Dotted => "dotted",
            Self::Checkered => "checkered",
        }
    }

    /// The smallest and the largest period of the pattern, in pixels: small enough that even an arm
    /// of a plus shows more than one period, large enough to be visible in a picture of 32 pixels.
    pub(crate) fn periods(self) -> (f32, f32) {
        match self {
            Self::Solid => (1.0, 1.0),
            Self::Striped => (4.5, 6.0),
            Self::Dotted => (4.6, 5.4),
            Self::Checkered => (8.0, 9.5),
        }
    }

    /// Whether a point, given in periods, is painted.
    pub(crate) fn paints(self, x: f32, y: f32) -> bool {
        let (x, y) = (x - x.floor(), y - y.floor());
        match self {
            Self::Solid => true,
            Self::Striped => y < 0.5,
            Self::Dotted => {
                let (x, y) = (x - 0.5, y - 0.5);
                x * x + y * y < DOT_RADIUS * DOT_RADIUS
            }
            Self::Checkered => (x < 0.5) == (y < 0.5),
        }
    }
}

/// The radius of a dot in periods.
const DOT_RADIUS: f32 = 0.31;
