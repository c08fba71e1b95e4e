//! The colours of the shapes.

/// The colour of a shape: eight colours that a person can easily tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Colour {
    /// Red.
    Red,
    /// Orange.
    Orange,
    /// Yellow.
    Yellow,
    /// Green.
    Green,
    /// Cyan.
    Cyan,
    /// Blue.
    Blue,
    /// Purple.
    Purple,
    /// White.
    White,
}

impl Colour {
    /// All colours, in the order of the rainbow, white last.
    pub const ALL: [Self; 8] = [
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Cyan,
        Self::Blue,
        Self::Purple,
        Self::White,
    ];

    /// The name in English.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Cyan => "cyan",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::White => "white",
        }
    }

    /// Red, green and blue from 0 to 1, before the random shift of a picture.
    pub(crate) fn paint(self) -> [f32; 3] {
        match self {
            Self::Red => [0.86, 0.12, 0.12],
            Self::Orange => [0.98, 0.52, 0.05],
            Self::Yellow => [0.96, 0.90, 0.16],
            Self::Green => [0.13, 0.64, 0.20],
            Self::Cyan => [0.15, 0.82, 0.86],
            Self::Blue => [0.13, 0.24, 0.88],
            Self::Purple => [0.58, 0.18, 0.74],
            Self::White => [0.98, 0.98, 0.98],
        }
    }
}

/// The perceived brightness of a colour, from 0 to 1 (the luma of ITU-R BT.601).
pub(crate) fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}
