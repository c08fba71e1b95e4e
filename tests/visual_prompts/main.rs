//! L2P, DualPrompt and CODA-Prompt on backbones behind the plugin boundary: the reference's
//! numbers, and the properties that make each method what it is. Apart from the other tests,
//! because two plugins' libraries cannot be linked into one binary.

mod fixture_vit;
#[path = "../golden.rs"]
#[allow(dead_code)]
mod golden;
mod kits;
mod l2p_parity;
mod properties;
mod recorder;
