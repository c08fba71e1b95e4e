//! The backbone `clip`: CLIP (Radford et al., arXiv 2103.00020) on libtorch, from a folder in the Hugging Face layout.
//!
//! A folder is read by the modules that are named after its files: [`config`] (`config.json`), [`weights`]
//! (`model.safetensors`), [`tokenizer`] and [`preprocessor`]; [`folder`] finds them. The [`model`] is transformers'
//! `CLIPModel`, made of whatever a [`source`] gives it, so that pre-training builds the very same one. [`backbone`] puts it
//! behind the plugin boundary, with the prompt [`sites`] through which strategies train.

pub mod backbone;
pub mod config;
pub mod folder;
mod forward;
pub mod model;
pub mod preprocessor;
mod recording;
mod rows;
pub mod sites;
pub mod source;
pub mod tokenizer;
pub mod weights;

pub use backbone::{Clip, ComputeType, Parameters};

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {
        "clip": Clip => "CLIP from a folder in the Hugging Face layout: two encoders, one embedding space, prompts at every layer",
    },
    strategies: {},
    metrics: {},
}
