//! The vision transformers of L2P's fixture, in folders like those of users, and its images as
//! bytes.
//!
//! The fixture's images are normally distributed numbers, but a backbone takes bytes. So each
//! number is written as four digits to the base 256, with separate digits for positive and negative
//! numbers: a pixel becomes a square of 3×3 bytes, an image of 32×32 one of 96×96, and a patch of
//! 8×8 one of 24×24. The patch embedding, which is linear, reassembles them: its matrix has every
//! weight once per digit, multiplied by the digit's value. The result equals that of the fixture's
//! own embedding, up to rounding in single precision.

use crate::{Dir, root};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;

/// A tensor's name, shape and bytes.
type Stored<'a> = (&'a str, Vec<usize>, Cow<'a, [u8]>);

/// A pixel is a square of bytes with this side.
const BLOCK: usize = 3;
/// The value of the first digit, so that the range is ±8.
const UNIT: f64 = 1.0 / 32.0;
const BASE: f64 = 256.0;
/// The digits of a positive number, followed by those of a negative one. The last byte of the
/// square is always 0.
const DIGITS: usize = 4;
/// The name of the patch embedding's matrix.
const PATCHES: &str = "patch_embed.proj.weight";
/// Prompt tokens of the prompted model, whose positions are between those of the class token and
/// the patches.
const PROMPTED: usize = 12;

/// Makes the folder `l2p-vit` in `dir`: the prompted model without its prompts and their positions,
/// which are added by the caller.
///
/// # Panics
///
/// If a file cannot be read or written.
pub fn l2p_vit_folder(dir: &Dir) -> PathBuf {
    folder(dir, "l2p-vit", "model.")
}

/// Makes the folder `l2p-query-vit` in `dir`: the model that computes the queries.
///
/// # Panics
///
/// If a file cannot be read or written.
pub fn l2p_query_vit_folder(dir: &Dir) -> PathBuf {
    folder(dir, "l2p-query-vit", "query_model.")
}

/// The fixture's images as bytes for these models, `[6, 3, 96, 96]`.
///
/// # Panics
///
/// If the fixture cannot be read.
pub fn l2p_images() -> Vec<u8> {
    let file = fixture("io");
    let file = SafeTensors::deserialize(&file).expect("a fixture");
    let images = file.tensor("images").expect("the images");
    let side = images.shape()[3];
    let pixels = floats(images.data());
    let mut bytes = vec![0; BLOCK * BLOCK * pixels.len()];
    for (at, &pixel) in pixels.iter().enumerate() {
        let first = if pixel < 0.0 { DIGITS } else { 0 };
        for (digit, byte) in (first..).zip(digits(pixel.abs())) {
            bytes[place(at, side, digit)] = byte;
        }
    }
    bytes
}

/// The index of a digit of the pixel with index `at` in an image with rows of `side` pixels.
fn place(at: usize, side: usize, digit: usize) -> usize {
    let (row, column) = (at / side, at % side);
    (BLOCK * row + digit / BLOCK) * BLOCK * side + BLOCK * column + digit % BLOCK
}

/// The digits of a non-negative number.
fn digits(number: f32) -> [u8; DIGITS] {
    let mut rest = f64::from(number) / UNIT;
    [(); DIGITS].map(|()| {
        let digit = rest.floor();
        rest = (rest - digit) * BASE;
        digit as u8
    })
}

fn folder(dir: &Dir, name: &str, prefix: &str) -> PathBuf {
    let file = fixture("weights");
    let file = SafeTensors::deserialize(&file).expect("a fixture");
    let tensors: Vec<Stored<'_>> = file
        .iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)))
        .filter(|(name, _)| !name.starts_with("prompt."))
        .map(|(name, tensor)| {
            let shape = tensor.shape().to_vec();
            let (shape, data) = match name {
                PATCHES => spread(&shape, tensor.data()),
                "pos_embed" if prefix == "model." => without_prompts(&shape, tensor.data()),
                _ => (shape, Cow::Borrowed(tensor.data())),
            };
            (name, shape, data)
        })
        .collect();
    let tensors = tensors.iter().map(|(name, shape, data)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), data).expect("a tensor");
        (*name, view)
    });
    let weights = safetensors::serialize(tensors, None).expect("weights");
    dir.write(&format!("{name}/model.safetensors"), weights);
    let config = json!({
        "architecture": "vit_tiny_patch24_96",
        "num_classes": 10,
        "num_features": 48,
        "global_pool": "token",
        "model_args": { "num_heads": 3 },
        "pretrained_cfg": {
            "input_size": [3, 96, 96], "fixed_input_size": true,
            "interpolation": "bicubic", "crop_pct": 1.0, "crop_mode": "center",
            // So that the model uses the bytes unchanged.
            "mean": [0, 0, 0], "std": [1.0 / 255.0, 1.0 / 255.0, 1.0 / 255.0],
        },
    });
    dir.write(&format!("{name}/config.json"), config.to_string());
    dir.path(name)
}

/// The patch embedding's matrix `[width, 3, patch, patch]` for pixels written as digits.
fn spread(shape: &[usize], data: &[u8]) -> (Vec<usize>, Cow<'static, [u8]>) {
    let side = shape[3];
    let weights = floats(data);
    let mut values = vec![0.0; BLOCK * BLOCK * weights.len()];
    for (at, &weight) in weights.iter().enumerate() {
        let mut counts = UNIT as f32;
        for digit in 0..DIGITS {
            // A factor that is a power of two causes no rounding.
            values[place(at, side, digit)] = weight * counts;
            values[place(at, side, DIGITS + digit)] = -weight * counts;
            counts /= BASE as f32;
        }
    }
    let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
    (
        vec![shape[0], shape[1], BLOCK * shape[2], BLOCK * side],
        Cow::Owned(bytes),
    )
}

/// Positions `[1, tokens, width]` without those of the prompts.
fn without_prompts(shape: &[usize], data: &[u8]) -> (Vec<usize>, Cow<'static, [u8]>) {
    let token = shape[2] * size_of::<f32>();
    let kept = [&data[..token], &data[(1 + PROMPTED) * token..]].concat();
    (vec![1, shape[1] - PROMPTED, shape[2]], Cow::Owned(kept))
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join(format!("tests/fixtures/l2p/{name}.safetensors"))).expect("a fixture")
}

fn floats(data: &[u8]) -> Vec<f32> {
    let (numbers, _) = data.as_chunks();
    numbers.iter().copied().map(f32::from_le_bytes).collect()
}
