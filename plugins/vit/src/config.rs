//! `config.json`, as timm writes it for the Hugging Face hub: which architecture it is, and how images are prepared for it.
//!
//! What a field that is missing or null stands for is timm's; what moves no number is not looked at. The sizes of the model are
//! not read here, since the tensors have them (see [`shape`](crate::shape)); the number of heads is, since they do not.

use clbench_transformer::folder::{named, read};
use clbench_transformer::normalisation::Normalisation;
use harness_abi::backbone::{Filter, ImageInfo, Resize};
use harness_abi::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// The mean of ImageNet's pictures, red, green, blue: timm's default.
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation.
const STD: [f64; 3] = [0.229, 0.224, 0.225];
/// How much of a side is cut out, where the file does not say.
const CROP_PCT: f64 = 0.875;

/// The sizes that timm has names for: the width of a token, and how many heads share it.
const SIZES: [(&str, i64, i64); 5] = [
    ("tiny", 192, 3),
    ("small", 384, 6),
    ("base", 768, 12),
    ("large", 1024, 16),
    ("huge", 1280, 16),
];

/// What the file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// timm's name of the model, without the tag of its weights.
    architecture: String,
    num_heads: Option<i64>,
    preparation: Preparation,
}

/// The file as written. Older files have the fields of `pretrained_cfg` beside the others.
#[derive(Deserialize)]
struct Written {
    architecture: Option<String>,
    global_pool: Option<String>,
    model_args: Option<Map<String, Value>>,
    pretrained_cfg: Option<Value>,
}

/// `pretrained_cfg`, fields named as there.
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
    /// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA), the file's name and the key, for what cannot be read, or is of
    /// no plain vision transformer.
    pub fn open(path: &Path) -> Result<Config> {
        Config::parse(&read(path)?).map_err(|problem| Error::data(problem).context(named(path)))
    }

    fn parse(json: &[u8]) -> Result<Config, String> {
        let whole: Value =
            serde_json::from_slice(json).map_err(|error| format!("it is not JSON: {error}"))?;
        let written = Written::deserialize(&whole)
            .map_err(|error| format!("it is not a model's of timm: {error}"))?;
        let Some(architecture) = written.architecture else {
            return Err(
                "it has no `architecture`; the `config.json` of a model of timm has one, such as \
                 `vit_base_patch16_224`"
                    .into(),
            );
        };
        if let Some(pool) = written.global_pool.filter(|pool| pool != "token") {
            return Err(format!(
                "`global_pool` is `{pool}`; the class token is what stands for an image here, `token`"
            ));
        }
        let arguments = written.model_args.unwrap_or_default();
        let unusual = |(key, value): &(&String, &Value)| {
            (key.ends_with("_layer") || *key == "block_fn") && !value.is_null()
        };
        if let Some((key, value)) = arguments.iter().find(unusual) {
            return Err(format!(
                "`model_args.{key}` is {value}; a plain vision transformer is made of timm's usual parts"
            ));
        }
        let num_heads = match arguments.get("num_heads").filter(|value| !value.is_null()) {
            None => None,
            Some(value) => Some(value.as_i64().filter(|&heads| heads > 0).ok_or_else(|| {
                format!("`model_args.num_heads` must be a number of heads, got {value}")
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

    /// How many heads share tokens of that width.
    ///
    /// # Errors
    ///
    /// A sentence, if it cannot be known.
    pub fn heads(&self, width: i64) -> Result<i64, String> {
        let heads = match self.num_heads {
            Some(heads) => heads,
            None => self.usual_heads(width)?,
        };
        match width % heads {
            0 => Ok(heads),
            _ => Err(format!(
                "tokens of width {width} cannot be divided among {heads} attention heads"
            )),
        }
    }

    /// By the name of the architecture.
    fn usual_heads(&self, width: i64) -> Result<i64, String> {
        let name = &self.architecture;
        let rest = ["vit_", "deit_"]
            .iter()
            .find_map(|family| name.strip_prefix(family));
        let size = rest.and_then(|rest| rest.split('_').next());
        let Some((_, usual, heads)) = SIZES.iter().find(|(known, ..)| Some(*known) == size) else {
            return Err(format!(
                "how many attention heads `{name}` has is not known, only of `vit_` and `deit_` in the sizes {}; say it \
                 as `model_args.num_heads`",
                SIZES.map(|(size, ..)| size).join(", ")
            ));
        };
        match *usual == width {
            true => Ok(*heads),
            false => Err(format!(
                "tokens of `{name}` are {usual} wide, but those of the weights {width}; if both files belong together, \
                 say how many attention heads there are as `model_args.num_heads`"
            )),
        }
    }

    /// How the host prepares images for a model whose images have sides of that many pixels.
    ///
    /// # Errors
    ///
    /// A sentence with the key, for what cannot be done.
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
                "`pretrained_cfg.input_size` is {size:?}, but the weights are of images {:?}; take both files from one \
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
        // So that nothing is padded, and nothing grows out of all bounds.
        if !(0.1..=1.0).contains(&crop_pct) {
            return Err(format!(
                "`pretrained_cfg.crop_pct` must be 0.1 to 1, got {crop_pct}"
            ));
        }
        let scaled = (f64::from(side) / crop_pct).floor() as u32;
        let resize = match crop_mode.as_deref().unwrap_or("center") {
            "center" if scaled == side => Resize::ShortestEdge,
            "center" => Resize::ShortestEdgeThenCrop(scaled),
            "squash" if scaled == side => Resize::Stretch,
            "squash" => {
                return Err(format!(
                    "`pretrained_cfg.crop_mode` `squash` with a `crop_pct` of {crop_pct} cannot be honoured, only with 1: \
                     a picture that is scaled on both sides is not cut"
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

    /// What is done to pixels then.
    ///
    /// # Errors
    ///
    /// A sentence with the key, for what cannot be done.
    pub fn normalisation(&self) -> Result<Normalisation, String> {
        let std = self.preparation.std.unwrap_or(STD);
        if std.contains(&0.0) {
            return Err("`pretrained_cfg.std` has a 0, by which nothing can be divided".into());
        }
        Ok(Normalisation {
            rescale: 1.0 / 255.0,
            mean: self.preparation.mean.unwrap_or(MEAN),
            std,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Config, String> {
        Config::parse(json.as_bytes())
    }

    /// A file as it lies on the hub.
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
    fn a_file_of_the_hub_is_timms_evaluation() {
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

        // The same, as older files have it.
        let old = r#"{"architecture": "vit_base_patch16_224", "input_size": [3, 224, 224], "crop_pct": 0.9,
                      "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}"#;
        let old = parse(old).unwrap();
        assert_eq!(old.image(224).unwrap(), config.image(224).unwrap());
        assert_eq!(old.normalisation().unwrap(), normalisation);
    }

    #[test]
    fn what_is_left_out_is_timms() {
        let config = parse(r#"{"architecture": "deit_small_patch16_224.fb_in1k"}"#).unwrap();
        assert_eq!(config.heads(384), Ok(6));
        let image = config.image(224).unwrap();
        assert_eq!(
            (image.resize, image.filter),
            (Resize::ShortestEdgeThenCrop(256), Filter::Bicubic)
        );
        let normalisation = config.normalisation().unwrap();
        assert_eq!((normalisation.mean, normalisation.std), (MEAN, STD));
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
    fn heads_are_known_by_the_architecture_or_said() {
        let heads = |json: &str, width| parse(json).unwrap().heads(width);
        let said =
            r#"{"architecture": "vit_mine", "model_args": {"num_heads": 3, "img_size": 32}}"#;
        assert_eq!(heads(said, 48), Ok(3));
        assert_eq!(
            heads(said, 50).unwrap_err(),
            "tokens of width 50 cannot be divided among 3 attention heads"
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
            "how many attention heads `vit_giant_patch14_224` has is not known, only of `vit_` and `deit_` in the sizes \
             tiny, small, base, large, huge; say it as `model_args.num_heads`"
        );
        assert_eq!(
            heads(r#"{"architecture": "vit_small_patch16_224"}"#, 768).unwrap_err(),
            "tokens of `vit_small_patch16_224` are 384 wide, but those of the weights 768; if both files belong \
             together, say how many attention heads there are as `model_args.num_heads`"
        );
    }

    #[test]
    fn what_cannot_be_done_is_named_with_its_key() {
        let said = |json: &str| {
            parse(json)
                .and_then(|config| config.image(224).map(|_| config))
                .and_then(|config| config.normalisation())
                .unwrap_err()
        };
        for (fields, expected) in [
            (
                r#""input_size": [3, 384, 384]"#,
                "`pretrained_cfg.input_size` is [3, 384, 384], but the weights are of images [3, 224, 224]; take both \
                 files from one folder",
            ),
            (
                r#""interpolation": "lanczos""#,
                "`pretrained_cfg.interpolation` must be `bicubic`, `bilinear` or `nearest`, got `lanczos`",
            ),
            (
                r#""crop_pct": 1.5"#,
                "`pretrained_cfg.crop_pct` must be 0.1 to 1, got 1.5",
            ),
            (
                r#""crop_mode": "squash", "crop_pct": 0.9"#,
                "`pretrained_cfg.crop_mode` `squash` with a `crop_pct` of 0.9 cannot be honoured, only with 1: a picture \
                 that is scaled on both sides is not cut",
            ),
            (
                r#""crop_mode": "border""#,
                "`pretrained_cfg.crop_mode` must be `center` or `squash`, got `border`",
            ),
            (
                r#""std": [1, 1, 0]"#,
                "`pretrained_cfg.std` has a 0, by which nothing can be divided",
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
                "it is not JSON: trailing comma at line 3 column 1",
            ),
            (
                r#"{"model_type": "vit", "hidden_size": 768}"#,
                "it has no `architecture`; the `config.json` of a model of timm has one, such as `vit_base_patch16_224`",
            ),
            (
                r#"{"architecture": "a", "global_pool": "avg"}"#,
                "`global_pool` is `avg`; the class token is what stands for an image here, `token`",
            ),
            (
                r#"{"architecture": "a", "model_args": {"act_layer": "quick_gelu"}}"#,
                "`model_args.act_layer` is \"quick_gelu\"; a plain vision transformer is made of timm's usual parts",
            ),
            (
                r#"{"architecture": "a", "model_args": {"num_heads": "3"}}"#,
                "`model_args.num_heads` must be a number of heads, got \"3\"",
            ),
        ] {
            assert_eq!(said(json), expected);
        }
    }
}
