//! Derives a model's sizes from the tensors of its file, and checks that it is a plain vision
//! transformer.
//!
//! Many models share timm's layout. Most features beyond a plain model (layer scale, registers,
//! normalised queries and keys) have tensors of their own, so a file with any other tensors is an
//! error: ignoring them would compute something else.

use clbench_transformer::weights::Weights;
use harness_abi::Result;

/// The sizes of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The width of a token.
    pub width: i64,
    /// The hidden width of a layer's MLP.
    pub inner: i64,
    /// The number of layers.
    pub layers: i64,
    /// The side of a patch, in pixels.
    pub patch: i64,
    /// The number of patches along a side of an image.
    pub side: i64,
}

/// The tensors of a plain vision transformer outside its layers.
const OUTSIDE: [&str; 6] = [
    "cls_token",
    "pos_embed",
    "patch_embed.proj.weight",
    "patch_embed.proj.bias",
    "norm.weight",
    "norm.bias",
];

/// The tensors of a layer, each with `weight` and `bias`.
const INSIDE: [&str; 6] = [
    "norm1",
    "attn.qkv",
    "attn.proj",
    "norm2",
    "mlp.fc1",
    "mlp.fc2",
];

/// Prefixes of the tensors after the final norm, which are ignored: a classifier, and layers
/// trained only with it.
const HEAD: [&str; 2] = ["head.", "pre_logits."];

/// Parts of names, and the feature of non-plain models that they belong to.
const OTHERS: [(&str, &str); 13] = [
    (".ls1.", "layer scale"),
    (".ls2.", "layer scale"),
    (".gamma_", "layer scale"),
    ("reg_token", "register tokens"),
    ("dist_token", "a distillation token"),
    ("head_dist.", "a distillation token"),
    ("fc_norm.", "normalisation of pooled patches"),
    ("norm_pre.", "normalisation before the first layer"),
    (".q_norm.", "normalisation of queries and keys"),
    (".k_norm.", "normalisation of queries and keys"),
    ("attn_pool.", "attention pooling"),
    ("rel_pos", "relative positions"),
    ("patch_embed.", "another patch embedding"),
];

impl Shape {
    /// The sizes of the model with these tensors.
    ///
    /// # Errors
    ///
    /// Names the tensor that does not belong to a plain vision transformer, is missing, or has an
    /// impossible shape.
    pub fn of(weights: &Weights) -> Result<Shape> {
        let mut layers = 0;
        for name in weights.names() {
            match part(&name) {
                Part::Outside => {}
                Part::Layer(at) => layers = layers.max(at + 1),
                Part::Foreign => return Err(weights.wrong(&name, &foreign(&name))),
            }
        }
        // First, because without a class token the positions have another shape too.
        let [_, _, width] = dimensions(weights, "cls_token", |[rows, tokens, width]| {
            (rows, tokens) == (1, 1) && width > 0
        })?;
        let [_, positions, _] = dimensions(weights, "pos_embed", |[rows, positions, of]| {
            rows == 1 && of == width && side(positions).is_some()
        })?;
        let [_, _, patch, _] = dimensions(
            weights,
            "patch_embed.proj.weight",
            |[to, channels, height, of]| (to, channels) == (width, 3) && height == of && of > 0,
        )?;
        let [inner, _] = dimensions(weights, "blocks.0.mlp.fc1.weight", |[inner, from]| {
            inner > 0 && from == width
        })?;
        Ok(Shape {
            width,
            inner,
            layers,
            patch,
            side: side(positions).unwrap_or_default(),
        })
    }

    /// The number of patches of an image.
    pub fn patches(self) -> i64 {
        self.side * self.side
    }

    /// The side of an image, in pixels.
    pub fn image(self) -> i64 {
        self.side * self.patch
    }
}

/// The part of the model that a tensor belongs to, by its name.
enum Part {
    /// Outside the layers, or a head.
    Outside,
    /// A layer, counted from 0.
    Layer(i64),
    /// Not part of a plain vision transformer.
    Foreign,
}

fn part(name: &str) -> Part {
    if OUTSIDE.contains(&name) || HEAD.iter().any(|head| name.starts_with(head)) {
        return Part::Outside;
    }
    let inside = |rest: &str| {
        rest.rsplit_once('.')
            .is_some_and(|(part, end)| INSIDE.contains(&part) && ["weight", "bias"].contains(&end))
    };
    name.strip_prefix("blocks.")
        .and_then(|rest| rest.split_once('.'))
        .filter(|(_, rest)| inside(rest))
        .and_then(|(at, _)| at.parse::<u32>().ok())
        .map_or(Part::Foreign, |at| Part::Layer(at.into()))
}

/// The message for a tensor that does not belong to a plain vision transformer.
fn foreign(name: &str) -> String {
    match OTHERS.iter().find(|(part, _)| name.contains(part)) {
        Some((_, what)) => {
            format!("belongs to {what}, which a plain vision transformer does not have")
        }
        None => "does not belong to a plain vision transformer in timm's layout, such as `vit_base_patch16_224`".into(),
    }
}

/// The shape of a tensor with N dimensions, checked by `good`.
fn dimensions<const N: usize>(
    weights: &Weights,
    name: &str,
    good: impl Fn([i64; N]) -> bool,
) -> Result<[i64; N]> {
    let expected = match name {
        "cls_token" => "expected the class token, [1, 1, width]",
        "pos_embed" => {
            "expected [1, 1 + patches, width], positions of the class token and of the patches of a square"
        }
        "patch_embed.proj.weight" => {
            "expected [width, 3, patch, patch], square patches with three colours"
        }
        _ => "expected [hidden width, width]",
    };
    let Some(shape) = weights.shape(name) else {
        return Err(weights.wrong(name, &format!("is missing; {expected}")));
    };
    match <[i64; N]>::try_from(&shape[..]) {
        Ok(shape) if good(shape) => Ok(shape),
        _ => Err(weights.wrong(name, &format!("has shape {shape:?}; {expected}"))),
    }
}

/// The number of patches along a side of a square image with this many positions, including the
/// class token's.
fn side(positions: i64) -> Option<i64> {
    let patches = positions - 1;
    let side = patches.max(0).isqrt();
    (side > 0 && side * side == patches).then_some(side)
}
