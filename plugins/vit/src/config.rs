//! `config.json` as timm writes it for the Hugging Face hub: the architecture and the
//! preprocessing.
//!
//! Fields that are missing or null have timm's defaults; fields that do not affect results are
//! ignored. The number of heads is read here because tensors do not show it; the model's other
//! sizes come from the tensors (see [`shape`](crate::shape)).

use clbench_transformer::folder::{named, read_text};
use clbench_transformer::model_type::Reads;
use clbench_transformer::normalisation::Normalisation;
use clbench_transformer::preprocessing::{IMAGENET_MEAN, IMAGENET_STD};
use harness_abi::backbone::{Filter, ImageInfo, Resize};
use harness_abi::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// timm's default for `crop_pct`, the fraction of a side that the crop keeps.
const CROP_PCT: f64 = 0.875;

/// The models that `config.json` may describe. One of timm has no type.
const READS: Reads = Reads {
    backbone: "vit",
    models: "vision transformers of timm",
    types: &[],
};

/// timm's named sizes: name, width of a token, number of heads.
const SIZES: [(&str, i64, i64); 5] = [
    ("tiny", 192, 3),
    ("small", 384, 6),
    ("base", 768, 12),
    ("large", 1024, 16),
    ("huge", 1280, 16),
];

/// The content of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// timm's name of the model, without the tag of its weights.
    architecture: String,
    num_heads: Option<i64>,
    preparation: Preparation,
}

/// The file as written. Older files have the fields of `pretrained_cfg` at the top level.
#[derive(Deserialize)]
struct Written {
    architecture: Option<String>,
    global_pool: Option<String>,
    model_args: Option<Map<String, Value>>,
    pretrained_cfg: Option<Value>,
}

/// `pretrained_cfg`, with the file's field names.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Preparation {
    input_size: Option<[i64; 3]>,
    interpolation: Option<String>,
    crop_pct: Option<f64>,
    crop_mode: Option<String>,
    mean: Option<[f64; 3]>,
    std: Option<[f64; 3]>,
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA), the file's name and the key, if the
    /// file cannot be read or does not describe a plain vision transformer.
    pub fn open(path: &Path) -> Result<Config> {
        Config::parse(&read_text(path)?)
            .map_err(|problem| Error::data(problem).context(named(path)))
    }

    fn parse(json: &str) -> Result<Config, String> {
        let whole: Value =
            serde_json::from_str(json).map_err(|error| format!("invalid JSON: {error}"))?;
        let written = Written::deserialize(&whole)
            .map_err(|error| format!("not the configuration of a timm model: {error}"))?;
        let Some(architecture) = written.architecture else {
            READS.check(&whole)?;
            return Err(
                "`architecture` is missing; the `config.json` of a timm model has one, such as \
                 `vit_base_patch16_224`"
                    .into(),
            );
        };
        if let Some(pool) = written.global_pool.filter(|pool| pool != "token") {
            return Err(format!(
                "`global_pool` must be `token`, the class token, got `{pool}`"
            ));
        }
        let arguments = written.model_args.unwrap_or_default();
        let unusual = |(key, value): &(&String, &Value)| {
            (key.ends_with("_layer") || *key == "block_fn") && !value.is_null()
        };
        if let Some((key, value)) = arguments.iter().find(unusual) {
            return Err(format!(
                "`model_args.{key}` is {value}; only plain vision transformers with timm's default layers are supported"
            ));
        }
        let num_heads = match arguments.get("num_heads").filter(|value| !value.is_null()) {
            None => None,
            Some(value) => Some(value.as_i64().filter(|&heads| heads > 0).ok_or_else(|| {
                format!("`model_args.num_heads` must be a positive integer, got {value}")
            })?),
        };
        let preparation =
            Preparation::deserialize(written.pretrained_cfg.as_ref().unwrap_or(&whole))
                .map_err(|error| format!("`pretrained_cfg`: {error}"))?;
        Ok(Config {
            architecture: architecture
                .split_once('.')
                .map_or(architecture.as_str(), |(name, _)| name)
                .into(),
            num_heads,
            preparation,
        })
    }

    /// The number of attention heads for tokens of the given width.
    ///
    /// # Errors
    ///
    /// A message, if it cannot be determined.
    pub fn heads(&self, width: i64) -> Result<i64, String> {
        let heads = match self.num_heads {
            Some(heads) => heads,
            None => self.usual_heads(width)?,
        };
        match width % heads {
            0 => Ok(heads),
            _ => Err(format!(
                "the token width {width} is not a multiple of the {heads} attention heads; correct `model_args.num_heads`"
            )),
        }
    }

    /// The number of heads by the architecture's name.
    fn usual_heads(&self, width: i64) -> Result<i64, String> {
        let name = &self.architecture;
        let rest = ["vit_", "deit_"]
            .iter()
            .find_map(|family| name.strip_prefix(family));
        let size = rest.and_then(|rest| rest.split('_').next());
        let Some((_, usual, heads)) = SIZES.iter().find(|(known, ..)| Some(*known) == size) else {
            return Err(format!(
                "the number of attention heads of `{name}` is only known for `vit_` and `deit_` in the sizes {}; set \
                 `model_args.num_heads`",
                SIZES.map(|(size, ..)| size).join(", ")
            ));
        };
        match *usual == width {
            true => Ok(*heads),
            false => Err(format!(
                "`{name}` has token width {usual}, but the weights have {width}; if both files belong together, \
                 set `model_args.num_heads`"
            )),
        }
    }

    /// The host's image preprocessing for a model whose images are `side` pixels wide and high.
    ///
    /// # Errors
    ///
    /// A message with the key, if a setting is not supported.
    pub fn image(&self, side: u32) -> Result<ImageInfo, String> {
        let Preparation {
            input_size,
            interpolation,
            crop_pct,
            crop_mode,
            ..
        } = &self.preparation;
        let pixels = i64::from(side);
        if let Some(size) = input_size.filter(|size| *size != [3, pixels, pixels]) {
            return Err(format!(
                "`pretrained_cfg.input_size` is {size:?}, but the weights are for images {:?}; take both files from one \
                 folder",
                [3, pixels, pixels]
            ));
        }
        let filter = match interpolation.as_deref().unwrap_or("bicubic") {
            "bicubic" => Filter::Bicubic,
            "bilinear" => Filter::Bilinear,
            "nearest" => Filter::Nearest,
            other => {
                return Err(format!(
                    "`pretrained_cfg.interpolation` must be `bicubic`, `bilinear` or `nearest`, got `{other}`"
                ));
            }
        };
        let crop_pct = crop_pct.filter(|&part| part != 0.0).unwrap_or(CROP_PCT);
        // Above 1 the crop would need padding; near 0 the resized image would be huge.
        if !(0.1..=1.0).contains(&crop_pct) {
            return Err(format!(
                "`pretrained_cfg.crop_pct` must be from 0.1 to 1, got {crop_pct}"
            ));
        }
        let scaled = (f64::from(side) / crop_pct).floor() as u32;
        let resize = match crop_mode.as_deref().unwrap_or("center") {
            "center" if scaled == side => Resize::ShortestEdge,
            "center" => Resize::ShortestEdgeThenCrop(scaled),
            "squash" if scaled == side => Resize::Stretch,
            "squash" => {
                return Err(format!(
                    "`pretrained_cfg.crop_mode` `squash` is only supported with `crop_pct` 1, got {crop_pct}"
                ));
            }
            other => {
                return Err(format!(
                    "`pretrained_cfg.crop_mode` must be `center` or `squash`, got `{other}`"
                ));
            }
        };
        Ok(ImageInfo {
            height: side,
            width: side,
            resize,
            filter,
        })
    }

    /// The normalisation of pixels.
    ///
    /// # Errors
    ///
    /// A message with the key, if a setting is not supported.
    pub fn normalisation(&self) -> Result<Normalisation, String> {
        let std = self.preparation.std.unwrap_or(IMAGENET_STD);
        if std.contains(&0.0) {
            return Err("`pretrained_cfg.std` must not contain 0".into());
        }
        Ok(Normalisation {
            rescale: 1.0 / 255.0,
            mean: self.preparation.mean.unwrap_or(IMAGENET_MEAN),
            std,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Config, String> {
        Config::parse(json)
    }

    /// A file from the hub.
    const HUB: &str = r#"{
        "architecture": "vit_base_patch16_224", "num_classes": 1000, "num_features": 768, "global_pool": "token",
        "pretrained_cfg": {
            "tag": "augreg_in21k_ft_in1k", "custom_load": false, "input_size": [3, 224, 224], "fixed_input_size": true,
            "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center", "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5], "num_classes": 1000, "pool_size": null, "first_conv": "patch_embed.proj",
            "classifier": "head"
        }
    }"#;

    #[test]
    fn a_file_from_the_hub_gives_timms_evaluation_preprocessing() {
        let config = parse(HUB).unwrap();
        assert_eq!(config.heads(768), Ok(12));
        assert_eq!(
            config.image(224).unwrap(),
            ImageInfo {
                height: 224,
                width: 224,
                // ⌊224 / 0.9⌋
                resize: Resize::ShortestEdgeThenCrop(248),
                filter: Filter::Bicubic,
            }
        );
        let normalisation = Normalisation {
            rescale: 1.0 / 255.0,
            mean: [0.5; 3],
            std: [0.5; 3],
        };
        assert_eq!(config.normalisation().unwrap(), normalisation);

        // The same in the format of older files.
        let old = r#"{"architecture": "vit_base_patch16_224", "input_size": [3, 224, 224], "crop_pct": 0.9,
                      "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}"#;
        let old = parse(old).unwrap();
        assert_eq!(old.image(224).unwrap(), config.image(224).unwrap());
        assert_eq!(old.normalisation().unwrap(), normalisation);
    }

    #[test]
    fn missing_fields_have_timms_defaults() {
        let config = parse(r#"{"architecture": "deit_small_patch16_224.fb_in1k"}"#).unwrap();
        assert_eq!(config.heads(384), Ok(6));
        let image = config.image(224).unwrap();
        assert_eq!(
            (image.resize, image.filter),
            (Resize::ShortestEdgeThenCrop(256), Filter::Bicubic)
        );
        let normalisation = config.normalisation().unwrap();
        assert_eq!(normalisation.mean, [0.485, 0.456, 0.406]);
        assert_eq!(normalisation.std, [0.229, 0.224, 0.225]);
        let edited = |fields: &str| {
            let json = format!(r#"{{"architecture": "a", "pretrained_cfg": {{{fields}}}}}"#);
            parse(&json).unwrap().image(32)
        };
        let resize = |fields| edited(fields).unwrap().resize;
        assert_eq!(resize(r#""crop_pct": 1.0"#), Resize::ShortestEdge);
        assert_eq!(
            resize(r#""crop_pct": 1, "crop_mode": "squash""#),
            Resize::Stretch
        );
    }

    #[test]
    fn the_number_of_heads_comes_from_the_architecture_or_the_file() {
        let heads = |json: &str, width| parse(json).unwrap().heads(width);
        let said =
            r#"{"architecture": "vit_mine", "model_args": {"num_heads": 3, "img_size": 32}}"#;
        assert_eq!(heads(said, 48), Ok(3));
        assert_eq!(
            heads(said, 50).unwrap_err(),
            "the token width 50 is not a multiple of the 3 attention heads; correct `model_args.num_heads`"
        );
        for (architecture, width, expected) in [
            ("vit_tiny_patch16_224", 192, 3),
            ("vit_large_patch14_224", 1024, 16),
            ("vit_huge_patch14_224", 1280, 16),
            ("deit_base_patch16_384", 768, 12),
        ] {
            let json = format!(r#"{{"architecture": "{architecture}"}}"#);
            assert_eq!(heads(&json, width), Ok(expected), "{architecture}");
        }
        assert_eq!(
            heads(r#"{"architecture": "vit_giant_patch14_224"}"#, 1408).unwrap_err(),
            "the number of attention heads of `vit_giant_patch14_224` is only known for `vit_` and `deit_` in the sizes \
             tiny, small, base, large, huge; set `model_args.num_heads`"
        );
        assert_eq!(
            heads(r#"{"architecture": "vit_small_patch16_224"}"#, 768).unwrap_err(),
            "`vit_small_patch16_224` has token width 384, but the weights have 768; if both files belong together, \
             set `model_args.num_heads`"
        );
    }

    #[test]
    fn unsupported_settings_are_named_with_their_key() {
        let said = |json: &str| {
            parse(json)
                .and_then(|config| config.image(224).map(|_| config))
                .and_then(|config| config.normalisation())
                .unwrap_err()
        };
        for (fields, expected) in [
            (
                r#""input_size": [3, 384, 384]"#,
                "`pretrained_cfg.input_size` is [3, 384, 384], but the weights are for images [3, 224, 224]; take both \
                 files from one folder",
            ),
            (
                r#""interpolation": "lanczos""#,
                "`pretrained_cfg.interpolation` must be `bicubic`, `bilinear` or `nearest`, got `lanczos`",
            ),
            (
                r#""crop_pct": 1.5"#,
                "`pretrained_cfg.crop_pct` must be from 0.1 to 1, got 1.5",
            ),
            (
                r#""crop_mode": "squash", "crop_pct": 0.9"#,
                "`pretrained_cfg.crop_mode` `squash` is only supported with `crop_pct` 1, got 0.9",
            ),
            (
                r#""crop_mode": "border""#,
                "`pretrained_cfg.crop_mode` must be `center` or `squash`, got `border`",
            ),
            (
                r#""std": [1, 1, 0]"#,
                "`pretrained_cfg.std` must not contain 0",
            ),
            (
                r#""mean": [0.5, 0.5]"#,
                "`pretrained_cfg`: invalid length 2, expected an array of length 3",
            ),
        ] {
            let json = format!(r#"{{"architecture": "a", "pretrained_cfg": {{{fields}}}}}"#);
            assert_eq!(said(&json), expected);
        }
        for (json, expected) in [
            (
                "{\n  \"architecture\": \"a\",\n}",
                "invalid JSON: trailing comma at line 3 column 1",
            ),
            (
                r#"{"model_type": "vit", "hidden_size": 768}"#,
                "this is a ViT model in transformers' layout (`model_type: vit`); `vit` reads vision transformers of timm; use \
                 the backbone `vit` with the model from timm, such as `timm/vit_base_patch16_224.augreg_in21k`",
            ),
            (
                r#"{"hidden_size": 768}"#,
                "`architecture` is missing; the `config.json` of a timm model has one, such as `vit_base_patch16_224`",
            ),
            (
                r#"{"architecture": "a", "global_pool": "avg"}"#,
                "`global_pool` must be `token`, the class token, got `avg`",
            ),
            (
                r#"{"architecture": "a", "model_args": {"act_layer": "quick_gelu"}}"#,
                "`model_args.act_layer` is \"quick_gelu\"; only plain vision transformers with timm's default layers are supported",
            ),
            (
                r#"{"architecture": "a", "model_args": {"num_heads": "3"}}"#,
                "`model_args.num_heads` must be a positive integer, got \"3\"",
            ),
        ] {
            assert_eq!(said(json), expected);
        }
    }
}
