//! [`Domain`]: the pictures of one style as a labelled collection with a train and a test split.
//!
//! Each style has its own forty classes, all of them held out combinations. In their listed order
//! they form five lines of eight. A line has every colour once, every fill twice and eight shapes;
//! together the lines have every colour five times, every fill ten times and every shape two or
//! three times. Hence five tasks of eight classes are about equally hard. No two of the forty
//! classes differ in colour alone, so they can be told apart even in a style without colours.

use crate::{Colour, Combination, Fill, Shape, Style, VERSION, picture};
use std::fmt;

/// The number of lines of eight classes; a line has one class of each colour.
const LINES: usize = 5;

/// The train or the test split of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// Samples for training.
    Train,
    /// Samples for evaluation.
    Test,
}

impl Split {
    /// `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    /// The number of pictures of each class.
    pub fn per_class(self) -> u64 {
        match self {
            Self::Train => 60,
            Self::Test => 25,
        }
    }

    /// The `split_key` of its pictures. Pictures for other purposes need a different key.
    pub fn key(self) -> u64 {
        match self {
            Self::Train => 1,
            Self::Test => 2,
        }
    }
}

/// The pictures of one style: 40 classes, each with 60 training and 25 test pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Domain {
    style: Style,
}

impl Domain {
    /// The domain of a style.
    pub fn new(style: Style) -> Self {
        Self { style }
    }

    /// The classes, in their listed order.
    pub fn classes(self) -> impl Iterator<Item = Combination> {
        // Each style starts its lines at a different one of the sixteen shapes, so that the styles'
        // classes differ.
        let first = self.style as usize * Shape::ALL.len() / Style::ALL.len();
        (0..LINES).flat_map(move |line| {
            Colour::ALL.into_iter().map(move |colour| {
                let shape = (first + line + 2 * colour as usize) % Shape::ALL.len();
                held_out(Shape::ALL[shape], colour)
            })
        })
    }

    /// The samples of a class.
    pub fn samples(self, class: Combination, split: Split) -> impl Iterator<Item = Sample> {
        (0..split.per_class()).map(move |index| Sample {
            class,
            style: self.style,
            split,
            index,
        })
    }
}

/// The only held out combination of a shape and a colour.
fn held_out(shape: Shape, colour: Colour) -> Combination {
    let combinations = Fill::ALL.map(|fill| Combination {
        shape,
        colour,
        fill,
    });
    let mut combinations = combinations.into_iter();
    combinations
        .find(|combination| combination.held_out())
        .expect("every shape and colour is held out in one fill")
}

/// One picture of a [`Domain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sample {
    class: Combination,
    style: Style,
    split: Split,
    index: u64,
}

impl Sample {
    /// Red, green and blue of each pixel, row by row, [`SIDE`](crate::SIDE) pixels square.
    pub fn picture(self) -> Vec<u8> {
        picture(self.class, self.style, self.split.key(), self.index)
    }
}

/// The sample's name, unique across styles, splits and versions, such as
/// `v1/sketch/red-striped-star/train/0007`. Hashes of samples are hashes of names, since the name
/// determines the picture.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (style, class) = (self.style, self.class.name().replace(' ', "-"));
        let (split, index) = (self.split.name(), self.index);
        write!(f, "v{VERSION}/{style}/{class}/{split}/{index:04}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combination::tests::spread;

    #[test]
    fn classes_are_held_out_and_balanced() {
        let mut of_styles = Vec::new();
        for style in Style::ALL {
            let classes: Vec<_> = Domain::new(style).classes().collect();
            assert!(classes.iter().all(|class| class.held_out()));
            assert_eq!(spread(&classes, |class| class.shape), (16, 2, 3));
            assert_eq!(spread(&classes, |class| class.colour), (8, 5, 5));
            assert_eq!(spread(&classes, |class| class.fill), (4, 10, 10));
            let but_colour = spread(&classes, |class| (class.shape, class.fill));
            assert_eq!(but_colour, (40, 1, 1));
            for line in classes.chunks(8) {
                assert_eq!(spread(line, |class| class.shape), (8, 1, 1));
                assert_eq!(spread(line, |class| class.colour), (8, 1, 1));
                assert_eq!(spread(line, |class| class.fill), (4, 2, 2));
            }
            of_styles.extend(classes);
        }
        assert_eq!(spread(&of_styles, |&class| class), (128, 1, 2));
    }

    #[test]
    fn names_are_unique_and_portable() {
        let mut names = Vec::new();
        for domain in Style::ALL.map(Domain::new) {
            for class in domain.classes() {
                for split in [Split::Train, Split::Test] {
                    let samples = domain.samples(class, split);
                    names.extend(samples.map(|sample| sample.to_string()));
                }
            }
        }
        let first = format!("v{VERSION}/plain/red-solid-circle/train/0000");
        assert_eq!(names[0], first);
        let portable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/-".contains(c);
        assert!(names.iter().all(|name| name.chars().all(portable)));
        let n = 5 * 40 * (60 + 25);
        assert_eq!(spread(&names, |name| name.clone()), (n, 1, 1));
    }

    #[test]
    fn a_sample_draws_the_picture_of_its_key() {
        let (domain, split) = (Domain::new(Style::Sketch), Split::Test);
        let class = domain.classes().nth(3).unwrap();
        let sample = domain.samples(class, split).nth(24).unwrap();
        assert_eq!(sample.picture(), picture(class, Style::Sketch, 2, 24));
    }
}
