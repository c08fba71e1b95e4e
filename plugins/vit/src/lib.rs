//! The backbone `vit`: plain ImageNet vision transformers (Dosovitskiy et al., arXiv 2010.11929) on libtorch, from a folder in
//! timm's layout. It is what the image-side methods (L2P, DualPrompt, CODA-Prompt) were published on; it has no text encoder.
//!
//! [`config`] reads `config.json`, [`shape`] what the tensors of `model.safetensors` say of the model, which the [`model`] is
//! then made of. [`backbone`] puts it behind the plugin boundary, with the same
//! [visual prompt sites](clbench_transformer::visual) as CLIP's image encoder.
//!
//! # Weights
//!
//! A folder is the two files that timm puts on the Hugging Face hub for a model: `config.json` and `model.safetensors` of
//! `timm/vit_base_patch16_224.augreg_in21k_ft_in1k`, for one. Every model there is taken that is no more than a class token, a
//! position embedding that is learned, and layers of attention and perceptron: those of `vit_tiny` to `vit_huge` and `deit_tiny`
//! to `deit_base` without layer scale, registers or a distillation token. What a file holds beyond that is an error that names
//! the tensor; only a classifier's head is passed over.
//!
//! # Preprocessing
//!
//! It is that of `pretrained_cfg`, as timm evaluates: the shortest edge is scaled to `input_size` / `crop_pct`, rounded down, and
//! the middle is cut (`crop_mode: center`), or both sides are scaled to `input_size` (`squash`). The methods' own code
//! prepares images otherwise than their weights were trained with: pixels stay in 0…1. To compute as they do, change a
//! copy of `config.json`:
//!
//! | code | `mean` | `std` | `crop_mode` | `crop_pct` |
//! |---|---|---|---|---|
//! | l2p-pytorch (`Resize(256)`, `CenterCrop(224)`) | `[0, 0, 0]` | `[1, 1, 1]` | `center` | `0.875` |
//! | CODA-Prompt on CIFAR-100 and ImageNet-R (`Resize((224, 224))`) | `[0, 0, 0]` | `[1, 1, 1]` | `squash` | `1` |
//!
//! # Options of a differentiable call
//!
//! | option | value |
//! |---|---|
//! | `prompt_position` | the position embedding that is added to each token of `visual.prompt`: `class`, the default, or `none` |
//!
//! There is no norm before the layers, so tokens of a prompt have one place to enter: beside the embedded patches.

pub mod backbone;
pub mod config;
pub mod model;
pub mod shape;

pub use backbone::{Parameters, Vit};

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {
        "vit": Vit => "A plain vision transformer from a folder in timm's layout: images only, prompts at every layer",
    },
    strategies: {},
    metrics: {},
}
