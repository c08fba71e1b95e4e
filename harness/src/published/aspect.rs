//! In what a published figure and own cells can differ.

use std::fmt;

/// One part of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Which images are learned, and which are tested.
    Split,
    /// How many images per class are learned.
    Shots,
    /// The order in which the classes, or the data sets, arrive.
    ClassOrder,
    /// How the classes are cut into tasks.
    Tasks,
    /// What the classes are called.
    ClassNames,
    /// Whether classes of several data sets are one if they have the same name.
    ClassIdentity,
    /// The weights of the frozen model.
    Weights,
    /// How its images are prepared.
    Preprocessing,
    /// The output that is an image's feature.
    Output,
    /// The templates that turn class names into text.
    Templates,
    /// The augmentation of training images.
    Augmentation,
    /// Whether a prediction depends on the other images of its batch.
    Batches,
    /// The classes among which an answer is chosen.
    Candidates,
    /// Whether tasks or images count the same.
    Mean,
    /// The strategy, where the own one is an adaptation.
    Method,
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Split => "split",
            Self::Shots => "shots",
            Self::ClassOrder => "class order",
            Self::Tasks => "tasks",
            Self::ClassNames => "class names",
            Self::ClassIdentity => "class identity",
            Self::Weights => "weights",
            Self::Preprocessing => "preprocessing",
            Self::Output => "output",
            Self::Templates => "templates",
            Self::Augmentation => "augmentation",
            Self::Batches => "batches",
            Self::Candidates => "candidates",
            Self::Mean => "mean",
            Self::Method => "method",
        })
    }
}

/// Whether a figure and own cells follow the same protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// In what they differ.
    pub differs: Vec<Aspect>,
    /// What cannot be determined, because the figure's source or the cells' records do not say.
    pub unknown: Vec<Aspect>,
}

/// What is known of one aspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    Same,
    Unknown,
    Differs,
}

impl Finding {
    /// `Same` or `Differs`.
    pub(super) fn of(same: bool) -> Self {
        match same {
            true => Self::Same,
            false => Self::Differs,
        }
    }
}

impl Mark {
    /// Whether the protocol is the same in every aspect.
    pub fn is_same(&self) -> bool {
        self.differs.is_empty() && self.unknown.is_empty()
    }

    /// How far apart: first the number of differences, then that of unknown aspects.
    pub fn distance(&self) -> (usize, usize) {
        (self.differs.len(), self.unknown.len())
    }

    pub(super) fn note(&mut self, aspect: Aspect, finding: Finding) {
        match finding {
            Finding::Same => {}
            Finding::Unknown => self.unknown.push(aspect),
            Finding::Differs => self.differs.push(aspect),
        }
    }
}

/// `same protocol`, `differs in …` or `unknown: …`. Where something differs, what is unknown does
/// not matter any more and is left out.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |aspects: &[Aspect]| {
            let names: Vec<String> = aspects.iter().map(Aspect::to_string).collect();
            names.join(", ")
        };
        match (&self.differs[..], &self.unknown[..]) {
            ([], []) => f.write_str("same protocol"),
            ([], unknown) => write!(f, "unknown: {}", listed(unknown)),
            (differs, _) => write!(f, "differs in {}", listed(differs)),
        }
    }
}
