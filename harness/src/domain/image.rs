//! One image, from an encoded file to what a backbone reads: decoded as Pillow does it, resized as
//! Pillow does it, perhaps augmented; and many images at once, on all cores.

pub mod augment;
pub(crate) mod decode;
pub mod prefetch;
pub mod prepare;
mod resample;
