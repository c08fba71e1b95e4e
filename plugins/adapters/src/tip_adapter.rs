//! The strategies `tip-adapter` and `tip-adapter-f`: Zhang et al., *Tip-Adapter: Training-free
//! Adaption of CLIP for Few-shot Classification*, ECCV 2022 (arXiv 2111.03930).
//!
//! Tip-Adapter adds to CLIP's zero-shot logits the votes of a cache: the features of the training
//! samples are keys, their classes values, and a key votes the more the closer an image is to it;
//! [`cache`] has the formula. Nothing is trained. Tip-Adapter-F then trains the keys ([`keys`]),
//! which start at the features.
//!
//! In a stream, a task appends its keys, and they never change again: those who would hold them in
//! place, the samples of past tasks, are gone. So nothing is forgotten but what new keys and new
//! texts outvote. A class that was not learned has no votes, only its zero-shot logit, so the cache
//! leans towards the classes that were.
//!
//! Both strategies choose without looking at a test image. What Tip-Adapter's code reads from its
//! validation split, and the best epoch, which it reads from the test set, come from a part of the
//! task's own training samples ([`shots`], [`search`]).

pub mod cache;
mod classifier;
mod fine_tuned;
pub mod keys;
pub mod parameters;
mod plain;
pub mod search;
pub mod shots;

pub use fine_tuned::TipAdapterF;
pub use plain::TipAdapter;

/// How both differ from the published method.
const ADAPTATION: &str =
    "keys are features of the plain image, not the mean of ten augmented passes";
