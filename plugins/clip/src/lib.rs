//! The backbone `clip`: CLIP (Radford et al., arXiv 2103.00020) on libtorch, from a folder in the Hugging Face layout or OpenCLIP's.
//!
//! A folder is read by the modules that are named after its files: [`config`] (`config.json`), [`tokenizer`] and
//! [`preprocessor`]; [`folder`] finds them, and [`open_clip`] reads those of OpenCLIP. The [`model`] is transformers' `CLIPModel`, made of whatever a
//! [`source`](clbench_transformer::source) gives it: [`model.safetensors`](clbench_transformer::weights), or variables, so that
//! pre-training builds the very same one. [`backbone`] puts it behind the plugin boundary, with the prompt [`sites`] through which strategies train.
//!
//! # Options of a differentiable call
//!
//! | of | option | value |
//! |---|---|---|
//! | texts | `suffix` | what stands behind each text, such as CoOp's full stop; nothing by default |
//! | texts | `precision` | `f32` or `bf16`: the type that these texts are computed in, by default the backbone's `dtype`. The first call in the other type copies the text encoder's weights into it, as they were loaded. Prompts, outputs and gradients are f32 in any case |
//! | images | `prompt_position` | the position embedding that is added to each token of `visual.prompt`: `class`, the default, or `none` |
//! | images | `prompt_entry` | where those tokens enter: `before-pre-norm`, the default, or `after-pre-norm` |

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
        "clip": Clip => "CLIP from a folder in the Hugging Face layout or OpenCLIP's: two encoders, one embedding space, prompts at every layer",
    },
    strategies: {},
    metrics: {},
}
