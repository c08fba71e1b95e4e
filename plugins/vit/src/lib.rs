//! The backbone `vit`: plain ImageNet vision transformers (Dosovitskiy et al., arXiv 2010.11929) on
//! libtorch, from a folder in timm's layout. L2P, DualPrompt and CODA-Prompt were published on such
//! a model. It has no text encoder.
//!
//! [`config`] reads `config.json`, [`shape`] derives the sizes from the tensors of
//! `model.safetensors`, and [`model`] is the network. [`backbone`] implements the plugin ABI, with
//! the same [prompt sites](clbench_transformer::visual) as CLIP's image encoder.
//!
//! # Weights
//!
//! A folder has the two files of a timm model on the Hugging Face hub, such as
//! `timm/vit_base_patch16_224.augreg_in21k_ft_in1k`: `config.json` and `model.safetensors`.
//! Supported are models with just a class token, a learned position embedding, and layers of
//! attention and MLP: `vit_tiny` to `vit_huge` and `deit_tiny` to `deit_base` without layer scale,
//! registers or distillation token. Any other tensor is an error that names it; only a
//! classification head is ignored.
//!
//! # Preprocessing
//!
//! Images are preprocessed by `pretrained_cfg`, as in timm's evaluation: the shortest edge is
//! resized to `input_size` / `crop_pct`, rounded down, and the centre is cropped
//! (`crop_mode: center`), or both sides are resized to `input_size` (`squash`). The methods'
//! published code preprocesses images differently than in pre-training: pixels stay in 0…1. To
//! reproduce it, a scenario sets the parameter
//! [`preprocessing`](clbench_transformer::preprocessing::Changes):
//!
//! | code | `preprocessing` |
//! |---|---|
//! | l2p-pytorch | `{ normalisation: zero-to-one, resize: 256 }` |
//! | CODA-Prompt | `{ normalisation: zero-to-one, fit: stretch }` |
//!
//! l2p-pytorch uses `Resize(256)` and `CenterCrop(224)`; CODA-Prompt uses `Resize((224, 224))` on
//! CIFAR-100 and ImageNet-R.
//!
//! # Options of a differentiable call
//!
//! - `prompt_position`: the position embedding added to each token of `visual.prompt`: `class`, the
//!   default, or `none`.
//!
//! There is no normalisation before the layers, so unlike CLIP there is only one place to insert
//! prompt tokens: beside the embedded patches.

pub mod backbone;
pub mod config;
pub mod model;
pub mod shape;

pub use backbone::{Parameters, Vit};

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {
        "vit": Vit => "a plain vision transformer in timm's layout: images only, prompts at every layer",
    },
    strategies: {},
    metrics: {},
}
