//! OpenCLIP's layout: converts its configuration to ours and its tensor names to transformers'.
//!
//! Only a CLIP with plain transformers as both encoders is supported. Anything else in the
//! configuration that affects results (ResNets, timm or transformers encoders, other poolings,
//! CoCa, SigLIP) is an error that names the key.

mod config;
mod names;

pub use config::OpenClipConfig;
pub use names::Renamed;
