//! OpenCLIP's layout: its configuration read as ours, its tensors under transformers' names.
//!
//! The model is the same: what OpenCLIP calls a CLIP with plain transformers on both sides. What its configuration can say
//! beyond that (ResNets, towers of timm or transformers, other poolings, CoCa, SigLIP) moves numbers, so it is refused by its key.

mod config;
mod names;

pub use config::OpenClipConfig;
pub use names::Renamed;
