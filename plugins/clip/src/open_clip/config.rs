//! `open_clip_config.json`.

use crate::config::{Activation, Config, TextConfig, VisionConfig};
use crate::preprocessor::Preprocessor;
use clbench_transformer::folder::{named, read};
use harness_abi::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What the file says.
#[derive(Debug)]
pub struct OpenClipConfig {
    /// The model's shape.
    pub config: Config,
    /// How pictures are prepared.
    pub preprocessor: Preprocessor,
}

#[derive(Deserialize)]
struct Written {
    model_cfg: ModelConfig,
    #[serde(default)]
    preprocess_cfg: Preprocessing,
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
struct Preprocessing {
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

/// Keys with the values under which they move no number of a plain CLIP; whatever the value, where none is given.
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

/// The first key that says more than is read, with its value.
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
            "`{path}.{key}` is {value}, which this backbone does not compute; it reads CLIPs with plain transformers on both \
             sides"
        )),
    }
}

impl OpenClipConfig {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA) and the file's name, if it is not whole, or asks for another
    /// model.
    pub fn open(file: &Path) -> Result<OpenClipConfig> {
        let wrong = |problem: String| Error::data(problem).context(named(file));
        OpenClipConfig::parse(&read(file)?).map_err(wrong)
    }

    fn parse(json: &[u8]) -> Result<OpenClipConfig, String> {
        let written: Value =
            serde_json::from_slice(json).map_err(|error| format!("it is no JSON: {error}"))?;
        let model = &written["model_cfg"];
        // Towers of others have no width of ours; their own keys are what tells most.
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
        } = serde_json::from_value(written).map_err(|error| format!("not a CLIP's: {error}"))?;
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
                "`model_cfg.vision_cfg.layers` is {} and there {} `patch_size`: a ResNet; this backbone reads vision transformers",
                vision.layers,
                if vision.patch_size.is_some() {
                    "is a"
                } else {
                    "is no"
                },
            ));
        };
        if vision.head_width < 1 || vision.width % vision.head_width != 0 {
            return Err(format!(
                "`model_cfg.vision_cfg.width` {} cannot be divided into heads of {}",
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
                // The rule of the largest id, which is OpenCLIP's `argmax`.
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
            preprocessor: preprocess_cfg.preprocessor(image_size)?,
            config,
        })
    }
}

impl Preprocessing {
    /// The same as `preprocessor_config.json` would say it.
    fn preprocessor(self, image_size: u32) -> Result<Preprocessor, String> {
        let side = match &self.size {
            None | Some(Value::Null) => u64::from(image_size),
            Some(size) => {
                let sides: Vec<_> = match size {
                    Value::Array(sides) => sides.iter().map(Value::as_u64).collect(),
                    side => vec![side.as_u64()],
                };
                match sides[..] {
                    [Some(side)] => side,
                    // Channels first, or the two sides alone.
                    [.., Some(height), Some(width)] if height == width => height,
                    _ => {
                        return Err(format!(
                            "`preprocess_cfg.size` is {size}; CLIP's images are square"
                        ));
                    }
                }
            }
        };
        let resample = match self.interpolation.as_deref() {
            None | Some("bicubic") => 3,
            Some("bilinear") => 2,
            Some(other) => {
                return Err(format!(
                    "`preprocess_cfg.interpolation` is `{other}`; `bicubic` and `bilinear` are known"
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
                    "`preprocess_cfg.resize_mode` is `{other}`; `shortest` and `squash` are known"
                ));
            }
        };
        fields["resample"] = json!(resample);
        for (key, value) in [("image_mean", self.mean), ("image_std", self.std)] {
            fields[key] = value.unwrap_or_default();
        }
        Preprocessor::parse(fields.to_string().as_bytes(), image_size)
            .map_err(|problem| format!("`preprocess_cfg`: {problem}"))
    }
}
