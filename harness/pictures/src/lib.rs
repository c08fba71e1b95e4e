//! Procedural pictures: what the small CLIP is trained on, and domains that step away from it.
//!
//! A picture shows one [`Combination`] of a [`Shape`], a [`Colour`] and a [`Fill`], such as a red striped star, and each
//! [`picture`] of it is another one: elsewhere, of another size, slightly turned, on another paper. A quarter of the
//! combinations is [held out](Combination::held_out): no model is trained on them, though it may have seen each of their
//! parts and each pair of these, so a model that names them has learned what the words mean and not what the captions
//! were. A [`Style`] then takes the picture away from how it was drawn, as a photograph, a print and a pencil sketch of
//! one thing are far from each other. Each style with forty of the held out combinations makes a [`Domain`] for continual
//! learning; the others, in sentences made with [`TEMPLATES`], are there to train on.
//!
//! Every picture is a pure function of its key, the same to the last bit on every machine: the random numbers come from
//! this crate's own generator, and mathematics beyond the four operations and the square root from `libm`, never from the
//! system. [`VERSION`] moves whenever a pixel does.

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

/// The version of the generator. It moves when any pixel of any picture moves, so that results on pictures of
/// different versions are never taken for results on the same ones: it is part of every sample's name, and so of every
/// hash of samples, and of every picture's key. A test that pins pictures of every style says when it has to.
pub const VERSION: u32 = 1;
