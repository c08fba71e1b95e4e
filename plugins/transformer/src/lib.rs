//! What backbones that are transformers on libtorch share: an ordinary library that each of them
//! links in, no plugin of its own.
//!
//! A model is read from a [`folder`], given by its [`location`] as a path or as a name on the hub,
//! and whose [`weights`] answer, as a [`source`] does, for the tensors that it asks for. It is made
//! of [`layer`]s; its image encoder begins with an [`embedding`] of patches, of pixels that were
//! [normalised](normalisation). Prompts enter at the [`visual`] sites, and [`recording`] keeps the
//! way back to them. [`compute`] is what a model computes in and on, [`work`] what messages call
//! it, and what they say where memory runs out.
//!
//! What a file calls a tensor, and what only one family of models has, is that family's plugin's
//! own.

pub mod compute;
pub mod embedding;
pub mod folder;
pub mod layer;
pub mod location;
pub mod normalisation;
pub mod recording;
pub mod source;
pub mod visual;
pub mod weights;
pub mod work;
