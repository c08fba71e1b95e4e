//! Writes the folder: a CLIP in the Hugging Face layout, with f16 weights.

use crate::captions::CONTEXT_LENGTH;
use anyhow::{Context, Result, anyhow};
use clbench_clip::config::{Activation, Config, TextConfig, VisionConfig};
use clbench_torch::tch::{Kind, TchError, Tensor};
use half::f16;
use harness_pictures::SIDE;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tokenizers::Tokenizer;

/// Mean and standard deviation of every channel, after division by 255.
const MEAN: f64 = 0.5;
const STD: f64 = 0.5;

/// The shape of the small CLIP.
pub fn config(vocabulary: i64) -> Config {
    Config {
        text: TextConfig {
            vocab_size: vocabulary,
            hidden_size: 128,
            intermediate_size: 512,
            num_hidden_layers: 3,
            num_attention_heads: 4,
            max_position_embeddings: CONTEXT_LENGTH as i64,
            hidden_act: Activation::Gelu,
            eos_token_id: vocabulary - 1,
            ..TextConfig::default()
        },
        vision: VisionConfig {
            hidden_size: 128,
            intermediate_size: 512,
            num_hidden_layers: 4,
            num_attention_heads: 4,
            image_size: SIDE as i64,
            patch_size: 8,
            hidden_act: Activation::Gelu,
            ..VisionConfig::default()
        },
        projection_dim: 128,
    }
}

/// Normalises u8 pictures for the model.
pub fn normalised(pictures: &Tensor) -> Result<Tensor, TchError> {
    pictures
        .f_to_kind(Kind::Float)?
        .f_div_scalar(255.0)?
        .f_sub_scalar(MEAN)?
        .f_div_scalar(STD)
}

/// Writes the four files into an existing folder, each atomically.
pub fn write(
    folder: &Path,
    config: &Config,
    tokenizer: &Tokenizer,
    weights: &BTreeMap<String, Tensor>,
) -> Result<()> {
    let put = |name: &str, bytes: &[u8]| put(folder, name, bytes);
    let json = |value: &Value| -> Result<Vec<u8>> {
        let mut text = serde_json::to_string_pretty(value)?;
        text.push('\n');
        Ok(text.into_bytes())
    };
    put("config.json", &json(&config_json(config))?)?;
    put("preprocessor_config.json", &json(&preprocessor_json())?)?;
    let tokenizer = tokenizer.to_string(true).map_err(|error| anyhow!(error))?;
    put("tokenizer.json", format!("{tokenizer}\n").as_bytes())?;
    put("model.safetensors", &half(weights)?)
}

/// Writes a file of the folder atomically.
pub fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let (target, part) = (folder.join(name), folder.join(format!(".{name}.part")));
    fs::write(&part, bytes)
        .and_then(|()| fs::rename(&part, &target))
        .with_context(|| format!("writing {}", target.display()))
}

fn config_json(config: &Config) -> Value {
    let mut text = json!(config.text);
    text["model_type"] = "clip_text_model".into();
    text["projection_dim"] = config.projection_dim.into();
    text["bos_token_id"] = (config.text.vocab_size - 2).into();
    let mut vision = json!(config.vision);
    vision["model_type"] = "clip_vision_model".into();
    vision["projection_dim"] = config.projection_dim.into();
    json!({
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": config.projection_dim,
        "torch_dtype": "float16",
        "text_config": text,
        "vision_config": vision,
    })
}

fn preprocessor_json() -> Value {
    json!({
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": true,
        "do_resize": true,
        "size": {"shortest_edge": SIDE},
        "resample": 3,
        "do_center_crop": true,
        "crop_size": {"height": SIDE, "width": SIDE},
        "do_rescale": true,
        "rescale_factor": 1.0 / 255.0,
        "do_normalize": true,
        "image_mean": vec![MEAN; 3],
        "image_std": vec![STD; 3],
    })
}

/// Serialises weights as f16, rounded to nearest.
fn half(weights: &BTreeMap<String, Tensor>) -> Result<Vec<u8>> {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = weights
        .iter()
        .map(|(name, tensor)| {
            let values: Vec<f32> = Vec::try_from(tensor.f_reshape([-1])?)?;
            let bytes = values
                .into_iter()
                .flat_map(|value| f16::from_f32(value).to_le_bytes())
                .collect();
            let shape = tensor.size().iter().map(|&n| n as usize).collect();
            Ok((name.clone(), shape, bytes))
        })
        .collect::<Result<_, TchError>>()?;
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| {
            TensorView::new(Dtype::F16, shape.clone(), bytes).map(|view| (name, view))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(serialize(views, None)?)
}

/// The end token is last in the vocabulary, where both pooling rules find it.
#[cfg(test)]
#[test]
fn the_end_token_matches_the_config() {
    let tokenizer = crate::vocabulary::tokenizer().unwrap();
    let config = config(crate::vocabulary::size(&tokenizer));
    assert_eq!(
        tokenizer
            .token_to_id(clbench_clip::tokenizer::END)
            .map(i64::from),
        Some(config.text.eos_token_id)
    );
}
