//! What the tensors of a file say of the model: its sizes, and whether it is a plain vision transformer at all.
//!
//! timm's layout is one for many models. Most that a plain one lacks (layer scale, registers, a norm of queries and keys) is
//! there as tensors of its own, so a file that has any but those of a plain one is refused: to pass over them would be to
//! compute something else.

use clbench_transformer::weights::Weights;
use harness_abi::Result;

/// The sizes of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The width of a token.
    pub width: i64,
    /// The width inside a layer's multi-layer perceptron.
    pub inner: i64,
    /// How many layers.
    pub layers: i64,
    /// The side of a patch, in pixels.
    pub patch: i64,
    /// How many patches an image has on a side.
    pub side: i64,
}

/// Tensors of a plain vision transformer, those of its layers aside.
const OUTSIDE: [&str; 6] = [
    "cls_token",
    "pos_embed",
    "patch_embed.proj.weight",
    "patch_embed.proj.bias",
    "norm.weight",
    "norm.bias",
];

/// Tensors of a layer, each with `weight` and `bias`.
const INSIDE: [&str; 6] = [
    "norm1",
    "attn.qkv",
    "attn.proj",
    "norm2",
    "mlp.fc1",
    "mlp.fc2",
];

/// What stands behind the last norm: a classifier, and before it what was trained with that alone.
const HEAD: [&str; 2] = ["head.", "pre_logits."];

/// Parts of names, and what they tell of a model that is not plain.
const OTHERS: [(&str, &str); 13] = [
    (".ls1.", "layer scale"),
    (".ls2.", "layer scale"),
    (".gamma_", "layer scale"),
    ("reg_token", "register tokens"),
    ("dist_token", "a distillation token"),
    ("head_dist.", "a distillation token"),
    ("fc_norm.", "a norm of pooled patches"),
    ("norm_pre.", "a norm before the first layer"),
    (".q_norm.", "a norm of queries and keys"),
    (".k_norm.", "a norm of queries and keys"),
    ("attn_pool.", "attention pooling"),
    ("rel_pos", "relative positions"),
    ("patch_embed.", "another embedding of patches"),
];

impl Shape {
    /// The sizes of the model whose tensors these are.
    ///
    /// # Errors
    ///
    /// With the tensor that is not a plain vision transformer's, or is missing, or has a shape that none can have.
    pub fn of(weights: &Weights) -> Result<Shape> {
        let mut layers = 0;
        for name in weights.names() {
            match part(&name) {
                Part::Outside => {}
                Part::Layer(at) => layers = layers.max(at + 1),
                Part::Foreign => return Err(weights.wrong(&name, &foreign(&name))),
            }
        }
        // Before all else, since the positions of a model without one have another shape as well.
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

    /// How many patches an image has.
    pub fn patches(self) -> i64 {
        self.side * self.side
    }

    /// The side of an image, in pixels.
    pub fn image(self) -> i64 {
        self.side * self.patch
    }
}

/// What a tensor belongs to, by its name.
enum Part {
    /// The model, outside its layers, or a head.
    Outside,
    /// A layer, counted from 0.
    Layer(i64),
    /// Nothing that a plain vision transformer has.
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

/// What is said of a tensor that a plain vision transformer has not.
fn foreign(name: &str) -> String {
    match OTHERS.iter().find(|(part, _)| name.contains(part)) {
        Some((_, what)) => {
            format!("belongs to {what}, which a plain vision transformer does not have")
        }
        None => "is none of a plain vision transformer's in timm's layout, such as `vit_base_patch16_224`".into(),
    }
}

/// The shape of a tensor of so many dimensions, if it is there and as it must be.
fn dimensions<const N: usize>(
    weights: &Weights,
    name: &str,
    good: impl Fn([i64; N]) -> bool,
) -> Result<[i64; N]> {
    let expected = match name {
        "cls_token" => "a plain vision transformer has a class token, [1, 1, width]",
        "pos_embed" => {
            "a plain vision transformer has [1, 1 + patches, width], a position for the class token and one for each \
             patch of a square"
        }
        "patch_embed.proj.weight" => {
            "a plain vision transformer has [width, 3, patch, patch], square patches of three colours"
        }
        _ => "a plain vision transformer has [inner width, width]",
    };
    let Some(shape) = weights.shape(name) else {
        return Err(weights.wrong(name, &format!("is missing; {expected}")));
    };
    match <[i64; N]>::try_from(&shape[..]) {
        Ok(shape) if good(shape) => Ok(shape),
        _ => Err(weights.wrong(name, &format!("has shape {shape:?}; {expected}"))),
    }
}

/// How many patches there are on a side of a square with so many positions, the class token's among them.
fn side(positions: i64) -> Option<i64> {
    let patches = positions - 1;
    let side = patches.max(0).isqrt();
    (side > 0 && side * side == patches).then_some(side)
}
