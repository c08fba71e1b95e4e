//! `config.json`: the shape of a CLIP, in the format of transformers.
//!
//! Missing fields have transformers' defaults; fields that do not affect results are ignored. Two
//! peculiarities of old files are supported: `text_config_dict` and `vision_config_dict`, if
//! present, replace `text_config` and `vision_config` as a whole; and `eos_token_id: 2`, which was
//! never the id of an end token, means [`EndOfText::LargestId`].

use clbench_transformer::folder::read;
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
    /// The width of the shared embedding space.
    pub projection_dim: i64,
}

/// The shape of the text encoder, with the file's field names and the defaults of transformers'
/// `CLIPTextConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    /// The number of tokens in the vocabulary.
    pub vocab_size: i64,
    /// The width of a token.
    pub hidden_size: i64,
    /// The hidden width of a layer's MLP.
    pub intermediate_size: i64,
    /// The number of layers.
    pub num_hidden_layers: i64,
    /// The number of attention heads per layer.
    pub num_attention_heads: i64,
    /// The maximum number of tokens of a text, start and end included.
    pub max_position_embeddings: i64,
    /// The activation of the MLP.
    pub hidden_act: Activation,
    /// The ε of every layer norm.
    pub layer_norm_eps: f64,
    /// The id of the end token, or 2; see [`EndOfText`].
    pub eos_token_id: i64,
}

/// The shape of the image encoder, with the file's field names and the defaults of transformers'
/// `CLIPVisionConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    /// The width of a token.
    pub hidden_size: i64,
    /// The hidden width of a layer's MLP.
    pub intermediate_size: i64,
    /// The number of layers.
    pub num_hidden_layers: i64,
    /// The number of attention heads per layer.
    pub num_attention_heads: i64,
    /// The number of colour channels, which must be 3.
    pub num_channels: i64,
    /// The side of an image, in pixels.
    pub image_size: i64,
    /// The side of a patch, in pixels.
    pub patch_size: i64,
    /// The activation of the MLP.
    pub hidden_act: Activation,
    /// The ε of every layer norm.
    pub layer_norm_eps: f64,
}

/// The rule that selects the token at which a text is pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfText {
    /// The token with the largest id, the first one if it is repeated: OpenAI's rule, for which the
    /// end token is the last of the vocabulary.
    LargestId,
    /// The first token with this id, or position 0 if there is none.
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
    /// The rule that selects the token at which a text is pooled.
    pub fn end_of_text(&self) -> EndOfText {
        match self.eos_token_id {
            2 => EndOfText::LargestId,
            id => EndOfText::Token(id),
        }
    }
}

impl EndOfText {
    /// The position at which a text with these ids is pooled.
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
    /// The number of patches of an image.
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
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name, if the file
    /// cannot be read, is not JSON, or describes an impossible model.
    pub fn open(file: &Path) -> Result<Config> {
        let named = |problem: String| Error::data(format!("{}: {problem}", file.display()));
        Config::parse(&read(file)?).map_err(named)
    }

    /// Parses the content of a `config.json`; errors do not include the file's name.
    fn parse(json: &[u8]) -> Result<Config, String> {
        let written: Written = serde_json::from_slice(json)
            .map_err(|error| format!("not the configuration of a CLIP: {error}"))?;
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

    /// Checks that such a model is possible.
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
            return Err(format!("`{key}` must be from 1 to {LARGEST}, got {value}"));
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
                    "`{side}.hidden_size` must be a multiple of the {heads} attention heads, got {width}"
                ));
            }
        }
        if vision.num_channels != 3 {
            return Err(format!(
                "`vision_config.num_channels` must be 3, got {}",
                vision.num_channels
            ));
        }
        if vision.patch_size > vision.image_size {
            return Err(format!(
                "`vision_config.patch_size` must be at most the image size {1}, got {0}",
                vision.patch_size, vision.image_size
            ));
        }
        Ok(())
    }
}

/// Parses one encoder's fields. Null fields have their defaults, like missing ones.
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
