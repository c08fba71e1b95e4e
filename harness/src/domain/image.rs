//! Encoded image files: `decode` makes pixels of one as Pillow does, and `prefetch` does this and
//! what follows, such as [`harness_images::prepare`], for many images at once, on all cores.

pub(crate) mod decode;
pub mod prefetch;
