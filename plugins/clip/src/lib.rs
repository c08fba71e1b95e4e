//! The backbone `clip`: CLIP (Radford et al., arXiv 2103.00020) on libtorch, from a folder in the
//! Hugging Face layout or OpenCLIP's.
//!
//! [`folder`] finds a folder's files; the modules named after them read them: [`config`]
//! (`config.json`), [`tokenizer`] and [`preprocessor`], and [`open_clip`] for OpenCLIP's. The
//! [`model`] is transformers' `CLIPModel`, built from any [`source`](clbench_transformer::source)
//! of tensors: [`model.safetensors`](clbench_transformer::weights), or the variables of
//! pre-training. [`backbone`] implements the plugin ABI, with the prompt [`sites`] that strategies
//! train.
//!
//! # Options of a differentiable call
//!
//! For texts:
//!
//! - `suffix`: appended to each text, such as CoOp's full stop; empty by default.
//! - `precision`: `f32` or `bf16`, the type in which to compute these texts, by default the
//!   backbone's `dtype`. The first call in the other type converts a copy of the loaded weights.
//!   Prompts, outputs and gradients are always f32.
//!
//! For images:
//!
//! - `prompt_position`: the position embedding added to each token of `visual.prompt`: `class`, the
//!   default, or `none`.
//! - `prompt_entry`: where these tokens are inserted: `before-pre-norm`, the default, or
//!   `after-pre-norm`.

pub mod backbone;
pub mod config;
pub mod folder;
mod forward;
pub mod model;
pub mod open_clip;
pub mod packing;
pub mod preprocessor;
mod recent;
mod rows;
pub mod sites;
mod text_encoder;
pub mod tokenizer;

pub use backbone::{Clip, Parameters};
pub use clbench_transformer::compute::ComputeType;

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {
        "clip": Clip => "CLIP in the Hugging Face or OpenCLIP layout: images and texts, prompts at every layer",
    },
    strategies: {},
    metrics: {},
}
