//! A class order that is written out.

use serde::{Deserialize, Serialize};

/// The numbers 0 to N − 1 of a domain's classes, each once, in the order in which they arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct WrittenOrder(Vec<u32>);

/// Why a list is no class order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrittenOrderError {
    /// It has no entries.
    #[error(
        "must not be empty; list every class of the domain by its number, as in `[3, 0, 2, 1]`"
    )]
    Empty,
    /// It has a class twice.
    #[error("class {class} is listed twice, first at index {first}; list each class once")]
    Twice {
        /// The class.
        class: u32,
        /// Where it is listed first, counted from 0.
        first: usize,
        /// Where it is listed again, counted from 0.
        place: usize,
    },
    /// It has a number that is too large for the length of the list.
    #[error(
        "there is no class {class}, since the list has {classes} classes, 0 to {}; list every class \
         of the domain once",
        classes - 1
    )]
    TooLarge {
        /// The number.
        class: u32,
        /// Where it is listed, counted from 0.
        place: usize,
        /// How many classes are listed.
        classes: usize,
    },
}

impl WrittenOrderError {
    /// The place of the mistake in the list, counted from 0.
    pub fn place(&self) -> Option<usize> {
        match *self {
            Self::Empty => None,
            Self::Twice { place, .. } | Self::TooLarge { place, .. } => Some(place),
        }
    }
}

impl WrittenOrder {
    /// The order that this list gives.
    ///
    /// # Errors
    ///
    /// If the list does not have each of the numbers 0 to N − 1 once, where N is its length.
    pub fn new(classes: Vec<u32>) -> Result<Self, WrittenOrderError> {
        let mut places = vec![None; classes.len()];
        for (place, &class) in classes.iter().enumerate() {
            let Some(known) = places.get_mut(class as usize) else {
                let classes = classes.len();
                return Err(WrittenOrderError::TooLarge {
                    class,
                    place,
                    classes,
                });
            };
            if let Some(first) = known.replace(place) {
                return Err(WrittenOrderError::Twice {
                    class,
                    first,
                    place,
                });
            }
        }
        match classes.is_empty() {
            true => Err(WrittenOrderError::Empty),
            false => Ok(Self(classes)),
        }
    }

    /// The classes' numbers, in the order in which they arrive.
    pub fn classes(&self) -> &[u32] {
        &self.0
    }
}

impl TryFrom<Vec<u32>> for WrittenOrder {
    type Error = WrittenOrderError;

    fn try_from(classes: Vec<u32>) -> Result<Self, WrittenOrderError> {
        Self::new(classes)
    }
}

impl From<WrittenOrder> for Vec<u32> {
    fn from(order: WrittenOrder) -> Self {
        order.0
    }
}
