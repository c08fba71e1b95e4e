//! `config.json`: the shape of a CLIP, as transformers writes and reads it.
//!
//! A field that the file leaves out has the value that transformers gives it, and what does not move a number is not looked
//! at. Two oddities of early files are honoured: `text_config_dict` and `vision_config_dict`, which, where they are there,
//! stand for the whole of `text_config` and `vision_config`; and `eos_token_id: 2`, which was never the id of an end token
//! and stands for [`EndOfText::LargestId`].

pub use clbench_transformer::layer::Activation;
use harness_abi::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// The shape of a CLIP.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The text encoder.
    pub text: TextConfig,
    /// The image encoder.
    pub vision: VisionConfig,
    /// The width of the space that both sides are projected into.
    pub projection_dim: i64,
}

/// The shape of the text encoder; fields are named as in the file, defaults are those of transformers' `CLIPTextConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    /// How many tokens the vocabulary has.
    pub vocab_size: i64,
    /// The width of a token.
    pub hidden_size: i64,
    /// The width inside a layer's multi-layer perceptron.
    pub intermediate_size: i64,
    /// How many layers.
    pub num_hidden_layers: i64,
    /// How many attention heads in each.
    pub num_attention_heads: i64,
    /// How many tokens a text may have, start and end included.
    pub max_position_embeddings: i64,
    /// The activation between the perceptron's two matrices.
    pub hidden_act: Activation,
    /// The ε of every layer norm.
    pub layer_norm_eps: f64,
    /// The id of the end token, or 2; see [`EndOfText`].
    pub eos_token_id: i64,
}

/// The shape of the image encoder; fields are named as in the file, defaults are those of transformers' `CLIPVisionConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    /// The width of a token.
    pub hidden_size: i64,
    /// The width inside a layer's multi-layer perceptron.
    pub intermediate_size: i64,
    /// How many layers.
    pub num_hidden_layers: i64,
    /// How many attention heads in each.
    pub num_attention_heads: i64,
    /// Colour channels; 3 is the only number that is taken.
    pub num_channels: i64,
    /// The side of an image, in pixels.
    pub image_size: i64,
    /// The side of a patch, in pixels.
    pub patch_size: i64,
    /// The activation between the perceptron's two matrices.
    pub hidden_act: Activation,
    /// The ε of every layer norm.
    pub layer_norm_eps: f64,
}

/// Where a text is pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfText {
    /// At the largest id, the first of equal ones: OpenAI's rule, whose end token is the last of the vocabulary.
    LargestId,
    /// At the first token of this id; at position 0 where there is none.
    Token(i64),
}

impl Default for TextConfig {
    fn default() -> Self {
        TextConfig {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            eos_token_id: 49407,
        }
    }
}

impl Default for VisionConfig {
    fn default() -> Self {
        VisionConfig {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

impl TextConfig {
    /// Where a text is pooled.
    pub fn end_of_text(&self) -> EndOfText {
        match self.eos_token_id {
            2 => EndOfText::LargestId,
            id => EndOfText::Token(id),
        }
    }
}

impl EndOfText {
    /// The position at which a text of these ids is pooled.
    pub fn position(self, ids: &[i64]) -> usize {
        match self {
            EndOfText::LargestId => {
                let largest = ids.iter().max();
                ids.iter().position(|id| Some(id) == largest).unwrap_or(0)
            }
            EndOfText::Token(end) => ids.iter().position(|&id| id == end).unwrap_or(0),
        }
    }
}

impl VisionConfig {
    /// How many patches an image has.
    pub fn patches(&self) -> i64 {
        let side = self.image_size / self.patch_size;
        side * side
    }
}

/// The file as written.
#[derive(Deserialize)]
struct Written {
    projection_dim: Option<i64>,
    text_config: Option<Map<String, Value>>,
    text_config_dict: Option<Map<String, Value>>,
    vision_config: Option<Map<String, Value>>,
    vision_config_dict: Option<Map<String, Value>>,
}

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name, if the file cannot be read, is no JSON, or
    /// describes a model that cannot be.
    pub fn open(file: &Path) -> Result<Config> {
        let named = |problem: String| Error::data(format!("{}: {problem}", file.display()));
        let json = std::fs::read(file)
            .map_err(|error| named(format!("cannot be read: {error}; a CLIP folder has one")))?;
        Config::parse(&json).map_err(named)
    }

    /// Reads the text of a `config.json`; an error is a sentence without the file's name.
    fn parse(json: &[u8]) -> Result<Config, String> {
        let written: Written =
            serde_json::from_slice(json).map_err(|error| format!("not a CLIP's: {error}"))?;
        let config = Config {
            text: side(
                "text_config",
                written.text_config_dict.or(written.text_config),
            )?,
            vision: side(
                "vision_config",
                written.vision_config_dict.or(written.vision_config),
            )?,
            projection_dim: written.projection_dim.unwrap_or(512),
        };
        config.check()?;
        Ok(config)
    }

    /// Whether there can be such a model.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (text, vision) = (&self.text, &self.vision);
        let positive = [
            ("projection_dim", self.projection_dim),
            ("text_config.vocab_size", text.vocab_size),
            ("text_config.hidden_size", text.hidden_size),
            ("text_config.intermediate_size", text.intermediate_size),
            ("text_config.num_hidden_layers", text.num_hidden_layers),
            ("text_config.num_attention_heads", text.num_attention_heads),
            (
                "text_config.max_position_embeddings",
                text.max_position_embeddings,
            ),
            ("vision_config.hidden_size", vision.hidden_size),
            ("vision_config.intermediate_size", vision.intermediate_size),
            ("vision_config.num_hidden_layers", vision.num_hidden_layers),
            (
                "vision_config.num_attention_heads",
                vision.num_attention_heads,
            ),
            ("vision_config.image_size", vision.image_size),
            ("vision_config.patch_size", vision.patch_size),
        ];
        // A bound that keeps products of two sizes within 64 bits.
        const LARGEST: i64 = 1 << 24;
        if let Some((key, value)) = positive
            .iter()
            .find(|(_, value)| !(1..=LARGEST).contains(value))
        {
            return Err(format!("`{key}` must be 1 to {LARGEST}, got {value}"));
        }
        for (side, width, heads) in [
            ("text_config", text.hidden_size, text.num_attention_heads),
            (
                "vision_config",
                vision.hidden_size,
                vision.num_attention_heads,
            ),
        ] {
            if width % heads != 0 {
                return Err(format!(
                    "`{side}.hidden_size` {width} cannot be divided among {heads} attention heads"
                ));
            }
        }
        if vision.num_channels != 3 {
            return Err(format!(
                "`vision_config.num_channels` is {}; images have 3",
                vision.num_channels
            ));
        }
        if vision.patch_size > vision.image_size {
            return Err(format!(
                "`vision_config.patch_size` {} is larger than the image, {}",
                vision.patch_size, vision.image_size
            ));
        }
        Ok(())
    }
}

/// One side's fields. A field that is null has its default, as one that is missing.
fn side<T: serde::de::DeserializeOwned>(
    name: &str,
    written: Option<Map<String, Value>>,
) -> Result<T, String> {
    let fields: Map<String, Value> = written
        .unwrap_or_default()
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect();
    T::deserialize(Value::Object(fields)).map_err(|error| format!("`{name}`: {error}"))
}
