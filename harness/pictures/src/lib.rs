//! Procedural pictures: the training data of the small CLIP, and domains of increasing difficulty.
//!
//! A picture shows one [`Combination`] of a [`Shape`], a [`Colour`] and a [`Fill`], such as a red
//! striped star. Each [`picture`] of a combination has its own position, size, slight rotation and
//! background. A quarter of the combinations are [held out](Combination::held_out) of training. A
//! model may have seen each of their parts, and each pair of parts, but never all three together,
//! so a model that names them has learned what the words mean and not whole captions. A [`Style`]
//! then changes the picture, as a print and a pencil sketch differ from a photograph. Each style
//! and forty of the held out combinations make a [`Domain`] for continual learning. The
//! combinations that are not held out, with captions made from [`TEMPLATES`], are for training.
//!
//! Every picture is a pure function of its key, to the last bit and on every machine: random
//! numbers come from `harness-random`, and functions other than arithmetic and the square root from
//! `libm`, never from the system. [`VERSION`] changes whenever a pixel does.

mod caption;
mod colour;
mod combination;
mod domain;
mod drawing;
mod fill;
mod outline;
mod random;
mod shape;
mod style;

pub use caption::TEMPLATES;
pub use colour::Colour;
pub use combination::Combination;
pub use domain::{Domain, Sample, Split};
pub use drawing::{SIDE, picture};
pub use fill::Fill;
pub use shape::Shape;
pub use style::{Style, UnknownStyle};

/// The version of the pictures. It changes whenever a pixel of any picture changes, so that results
/// on different pictures are never mistaken for results on the same ones: it is part of every
/// sample's name, hence of every hash of samples, and of every picture's key. A test pins pictures
/// of every style and fails if they change.
pub const VERSION: u32 = 1;
