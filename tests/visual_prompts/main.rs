//! L2P, DualPrompt and CODA-Prompt on backbones across the plugin boundary: parity with the
//! reference code, and the defining properties of each method. Separate from the other tests,
//! because the libraries of two plugins cannot be linked into one binary.

mod fixture_vit;
#[path = "../golden.rs"]
#[allow(dead_code)]
mod golden;
mod kits;
mod l2p_parity;
mod properties;
mod recorder;
