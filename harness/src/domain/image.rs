//! From an encoded image file to what a backbone reads: decoded and resized as Pillow does it, and
//! augmented if the stream asks for it. `prefetch` does this for many images at once, on all cores.

pub mod augment;
pub(crate) mod decode;
pub mod prefetch;
pub mod prepare;
mod resample;
