//! `open_clip_config.json`.

use crate::config::{Activation, Config, TextConfig, VisionConfig};
use crate::preprocessor;
use clbench_transformer::folder::{named, read_text};
use clbench_transformer::preprocessing::Preprocessing;
use harness_abi::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::Path;

/// The content of the file.
#[derive(Debug)]
pub struct OpenClipConfig {
    /// The model's shape.
    pub config: Config,
    /// The image preprocessing.
    pub preprocessing: Preprocessing,
}

#[derive(Deserialize)]
struct Written {
    model_cfg: ModelConfig,
    #[serde(default)]
    preprocess_cfg: PreprocessConfig,
}

#[derive(Deserialize)]
struct ModelConfig {
    embed_dim: i64,
    vision_cfg: Vision,
    text_cfg: Text,
    #[serde(default)]
    quick_gelu: bool,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Vision {
    image_size: i64,
    layers: Value,
    width: i64,
    patch_size: Option<i64>,
    #[serde(default = "head_width")]
    head_width: i64,
    #[serde(default = "mlp_ratio")]
    mlp_ratio: f64,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default = "context_length")]
    context_length: i64,
    #[serde(default = "vocab_size")]
    vocab_size: i64,
    width: i64,
    heads: i64,
    layers: i64,
    #[serde(default = "mlp_ratio")]
    mlp_ratio: f64,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Default, Deserialize)]
struct PreprocessConfig {
    size: Option<Value>,
    mean: Option<Value>,
    std: Option<Value>,
    interpolation: Option<String>,
    resize_mode: Option<String>,
}

fn head_width() -> i64 {
    64
}

fn mlp_ratio() -> f64 {
    4.0
}

fn context_length() -> i64 {
    77
}

fn vocab_size() -> i64 {
    49408
}

/// Keys that can be ignored, with the values at which they do not affect a plain CLIP; `None` for
/// any value.
const HARMLESS: [(&str, &[Option<&str>]); 24] = [
    ("custom_text", &[None]),
    ("output_dict", &[None]),
    ("output_tokens", &[None]),
    ("patch_dropout", &[None]),
    ("hf_tokenizer_name", &[None]),
    ("no_ln_pre", &[Some("false")]),
    ("attentional_pool", &[Some("false")]),
    ("global_average_pool", &[Some("false")]),
    ("final_ln_after_pool", &[Some("false")]),
    ("input_patchnorm", &[Some("false")]),
    ("ls_init_value", &[Some("null")]),
    ("pool_type", &[Some("\"tok\""), Some("\"argmax\"")]),
    ("pos_embed_type", &[Some("\"learnable\"")]),
    ("no_causal_mask", &[Some("false")]),
    ("embed_cls", &[Some("false")]),
    ("proj_bias", &[Some("false")]),
    ("proj_type", &[Some("\"linear\"")]),
    ("pad_id", &[Some("0")]),
    ("timm_model_name", &[Some("null")]),
    ("hf_model_name", &[Some("null")]),
    ("norm_kwargs", &[Some("null"), Some("{}")]),
    ("act_kwargs", &[Some("null"), Some("{}")]),
    ("init_logit_scale", &[None]),
    ("init_logit_bias", &[Some("null")]),
];

/// An error for the first key that is not supported, with its value.
fn unread(path: &str, more: &Map<String, Value>) -> Result<(), String> {
    let harmless = |key: &str, value: &Value| {
        let known = HARMLESS.iter().find(|(name, _)| *name == key);
        known.is_some_and(|(_, values)| {
            let value = value.to_string();
            values.iter().any(|one| one.is_none_or(|one| one == value))
        })
    };
    match more.iter().find(|(key, value)| !harmless(key, value)) {
        None => Ok(()),
        Some((key, value)) => Err(format!(
            "`{path}.{key}` is {value}, which is not supported; this backbone reads CLIPs with plain transformer encoders"
        )),
    }
}

impl OpenClipConfig {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name, if the file is
    /// incomplete or describes an unsupported model.
    pub fn open(file: &Path) -> Result<OpenClipConfig> {
        let wrong = |problem: String| Error::data(problem).context(named(file));
        OpenClipConfig::parse(&read_text(file)?).map_err(wrong)
    }

    fn parse(json: &str) -> Result<OpenClipConfig, String> {
        let written: Value =
            serde_json::from_str(json).map_err(|error| format!("invalid JSON: {error}"))?;
        let model = &written["model_cfg"];
        // Encoders from other libraries lack our required keys; naming their own keys is the most
        // helpful error.
        for (side, key) in [
            ("vision_cfg", "timm_model_name"),
            ("text_cfg", "hf_model_name"),
        ] {
            if let Some(tower @ Value::String(_)) = model[side].get(key) {
                let one = Map::from_iter([(key.to_owned(), tower.clone())]);
                unread(&format!("model_cfg.{side}"), &one)?;
            }
        }
        let Written {
            model_cfg,
            preprocess_cfg,
        } = serde_json::from_value(written)
            .map_err(|error| format!("not the configuration of a CLIP: {error}"))?;
        unread("model_cfg", &model_cfg.more)?;
        unread("model_cfg.vision_cfg", &model_cfg.vision_cfg.more)?;
        unread("model_cfg.text_cfg", &model_cfg.text_cfg.more)?;
        let activation = match model_cfg.quick_gelu {
            true => Activation::QuickGelu,
            false => Activation::Gelu,
        };
        let (vision, text) = (model_cfg.vision_cfg, model_cfg.text_cfg);
        let (Some(layers), Some(patch_size)) = (vision.layers.as_i64(), vision.patch_size) else {
            return Err(format!(
                "`model_cfg.vision_cfg` describes a ResNet (`layers` is {}, `patch_size` is {}); this backbone reads vision \
                 transformers only",
                vision.layers,
                vision
                    .patch_size
                    .map_or("missing".to_owned(), |size| size.to_string()),
            ));
        };
        if vision.head_width < 1 || vision.width % vision.head_width != 0 {
            return Err(format!(
                "`model_cfg.vision_cfg.width` must be a multiple of `head_width` {1}, got {0}",
                vision.width, vision.head_width
            ));
        }
        let config = Config {
            text: TextConfig {
                vocab_size: text.vocab_size,
                hidden_size: text.width,
                intermediate_size: (text.width as f64 * text.mlp_ratio) as i64,
                num_hidden_layers: text.layers,
                num_attention_heads: text.heads,
                max_position_embeddings: text.context_length,
                hidden_act: activation,
                layer_norm_eps: 1e-5,
                // The rule of the largest id, OpenCLIP's `argmax`.
                eos_token_id: 2,
            },
            vision: VisionConfig {
                hidden_size: vision.width,
                intermediate_size: (vision.width as f64 * vision.mlp_ratio) as i64,
                num_hidden_layers: layers,
                num_attention_heads: vision.width / vision.head_width,
                num_channels: 3,
                image_size: vision.image_size,
                patch_size,
                hidden_act: activation,
                layer_norm_eps: 1e-5,
            },
            projection_dim: model_cfg.embed_dim,
        };
        config.check()?;
        let image_size = config.vision.image_size as u32;
        Ok(OpenClipConfig {
            preprocessing: preprocess_cfg.preprocessing(image_size)?,
            config,
        })
    }
}

impl PreprocessConfig {
    /// Converts to the form of `preprocessor_config.json`.
    fn preprocessing(self, image_size: u32) -> Result<Preprocessing, String> {
        let side = match &self.size {
            None | Some(Value::Null) => u64::from(image_size),
            Some(size) => {
                let sides: Vec<_> = match size {
                    Value::Array(sides) => sides.iter().map(Value::as_u64).collect(),
                    side => vec![side.as_u64()],
                };
                match sides[..] {
                    [Some(side)] => side,
                    // Channels first, or only the two sides.
                    [.., Some(height), Some(width)] if height == width => height,
                    _ => {
                        return Err(format!("`preprocess_cfg.size` must be square, got {size}"));
                    }
                }
            }
        };
        let resample = match self.interpolation.as_deref() {
            None | Some("bicubic") => 3,
            Some("bilinear") => 2,
            Some(other) => {
                return Err(format!(
                    "`preprocess_cfg.interpolation` must be `bicubic` or `bilinear`, got `{other}`"
                ));
            }
        };
        let mut fields = match self.resize_mode.as_deref() {
            None | Some("shortest") => json!({ "size": side, "crop_size": side }),
            Some("squash") => {
                json!({ "size": { "height": side, "width": side }, "do_center_crop": false })
            }
            Some(other) => {
                return Err(format!(
                    "`preprocess_cfg.resize_mode` must be `shortest` or `squash`, got `{other}`"
                ));
            }
        };
        fields["resample"] = json!(resample);
        for (key, value) in [("image_mean", self.mean), ("image_std", self.std)] {
            fields[key] = value.unwrap_or_default();
        }
        preprocessor::parse(fields, image_size)
            .map_err(|problem| format!("`preprocess_cfg`: {problem}"))
    }
}
