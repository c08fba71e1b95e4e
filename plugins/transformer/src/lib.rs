//! Shared code of the transformer backbones on libtorch: an ordinary library that each of them
//! links, not a plugin.
//!
//! A model's [`location`] is a path or a name on the hub; either leads to a [`folder`], whose
//! [`model_type`] must be one that the backbone reads. The model
//! reads its tensors from a [`source`], usually the folder's [`weights`], and builds its [`layer`]s
//! from them; [`fused`] computes these faster on the CPU where only prompts are trained. Images are prepared as the folder says, with the scenario's changes
//! ([`preprocessing`]); their pixels are [normalised](normalisation) and [embedded](embedding) as
//! patches. Prompts enter at the [`visual`] sites, and [`recording`] keeps what their backward pass
//! needs.
//! [`compute`] names types and devices; [`work`] describes a batch in messages, including advice
//! for out-of-memory errors.
//!
//! Tensor names and everything specific to one family of models belong in that family's plugin.

pub mod compute;
pub mod embedding;
pub mod folder;
pub mod fused;
pub mod layer;
pub mod location;
pub mod model_type;
pub mod normalisation;
pub mod preprocessing;
pub mod recording;
pub mod source;
pub mod visual;
pub mod weights;
pub mod work;
