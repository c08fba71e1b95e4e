//! `preprocessor_config.json`, or the key `image_processor` of `processor_config.json`: the image
//! preprocessing, in the format of transformers' `CLIPImageProcessor`.
//!
//! The host resizes and crops an image once, to u8 pixels of the model's size; the backbone
//! normalises them, (u8 · `rescale_factor` − `image_mean`) / `image_std`. Settings that this cannot
//! reproduce exactly are errors.

use crate::folder;
use clbench_transformer::folder::{named, read_text};
use clbench_transformer::normalisation::Normalisation;
use clbench_transformer::preprocessing::{CLIP_MEAN, CLIP_STD, Preprocessing};
use harness_abi::backbone::{Filter, ImageInfo, Resize};
use harness_abi::{Error, Result};
use serde_json::{Map, Value};
use std::path::Path;

/// The key of `processor_config.json` that holds the image preprocessing.
const NESTED: &str = "image_processor";

/// Reads either file, for a model with images of `image_size` pixels. Missing and null fields
/// have transformers' defaults; fields that do not affect results are ignored.
///
/// # Errors
///
/// With [`ErrorCode::DATA`](harness_abi::ErrorCode::DATA), the file's name and the key, if the
/// file cannot be read or a setting is not supported.
pub fn open(path: &Path, image_size: u32) -> Result<Preprocessing> {
    let wrong = |problem: String| Error::data(problem).context(named(path));
    let whole: Map<String, Value> = serde_json::from_str(&read_text(path)?)
        .map_err(|error| wrong(format!("not a JSON object: {error}")))?;
    let is_nested = path.file_name() == Some(folder::PROCESSOR.as_ref());
    let (inside, fields) = match nested(&whole).filter(|_| is_nested) {
        Some(fields) => (format!("`{NESTED}`: "), fields.clone()),
        None => (String::new(), Value::Object(whole)),
    };
    parse(fields, image_size).map_err(|problem| wrong(inside + &problem))
}

pub(crate) fn parse(fields: Value, image_size: u32) -> Result<Preprocessing, String> {
    let fields = match fields {
        Value::Object(fields) => Fields(fields),
        other => return Err(format!("not a JSON object: {other}")),
    };
    fields.expect_clips()?;
    let (resize, side) = fields.resize()?;
    if side != image_size {
        return Err(format!(
            "images are resized to {side}×{side} pixels, but `vision_config.image_size` in {} is {image_size}; correct one of them",
            folder::CONFIG
        ));
    }
    let (mean, std) = match fields.flag("do_normalize")? {
        true => (
            fields.per_channel("image_mean", CLIP_MEAN)?,
            fields.per_channel("image_std", CLIP_STD)?,
        ),
        false => ([0.0; 3], [1.0; 3]),
    };
    if std.contains(&0.0) {
        return Err("`image_std` must not contain 0".into());
    }
    Ok(Preprocessing {
        image: ImageInfo {
            height: side,
            width: side,
            resize,
            filter: fields.filter()?,
        },
        normalisation: Normalisation {
            rescale: match fields.flag("do_rescale")? {
                true => fields.number("rescale_factor", 1.0 / 255.0)?,
                false => 1.0,
            },
            mean,
            std,
        },
    })
}

/// Whether a `processor_config.json` has the image preprocessing: that of transformers 4 has not.
pub(crate) fn is_in(processor: &Path) -> Result<bool> {
    let whole: Map<String, Value> =
        serde_json::from_str(&read_text(processor)?).map_err(|error| {
            Error::data(format!("not a JSON object: {error}")).context(named(processor))
        })?;
    Ok(nested(&whole).is_some())
}

/// The image preprocessing in a `processor_config.json`.
fn nested(whole: &Map<String, Value>) -> Option<&Value> {
    whole.get(NESTED).filter(|value| !value.is_null())
}

/// The settings as written.
struct Fields(Map<String, Value>);

impl Fields {
    /// Checks that they are those of a CLIP: other models have other defaults, and steps of their
    /// own.
    fn expect_clips(&self) -> Result<(), String> {
        for key in ["image_processor_type", "feature_extractor_type"] {
            if let Some(Value::String(other)) = self.get(key)
                && !other.starts_with("CLIP")
            {
                return Err(format!(
                    "`{key}` is `{other}`, but `clip` prepares images as `CLIPImageProcessor` does; if all \
                     settings are given and the same, write `CLIPImageProcessor`"
                ));
            }
        }
        for key in ["do_pad", "use_square_size"] {
            if self
                .get(key)
                .is_some_and(|value| *value != Value::Bool(false))
            {
                return Err(format!("`{key}` is not supported; it must be false"));
            }
        }
        Ok(())
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Every `do_…` flag is true by default.
    fn flag(&self, key: &str) -> Result<bool, String> {
        self.get(key).map_or(Ok(true), |value| {
            value
                .as_bool()
                .ok_or_else(|| format!("`{key}` must be true or false, got {value}"))
        })
    }

    fn number(&self, key: &str, default: f64) -> Result<f64, String> {
        self.get(key).map_or(Ok(default), |value| {
            value
                .as_f64()
                .ok_or_else(|| format!("`{key}` must be a number, got {value}"))
        })
    }

    fn per_channel(&self, key: &str, default: [f64; 3]) -> Result<[f64; 3], String> {
        let Some(value) = self.get(key) else {
            return Ok(default);
        };
        if let Some(number) = value.as_f64() {
            return Ok([number; 3]);
        }
        let numbers: Option<Vec<f64>> = value
            .as_array()
            .and_then(|values| values.iter().map(Value::as_f64).collect());
        numbers
            .and_then(|numbers| numbers.try_into().ok())
            .ok_or_else(|| format!("`{key}` must be three numbers, got {value}"))
    }

    /// How an image is resized, and the side of the resulting square.
    fn resize(&self) -> Result<(Resize, u32), String> {
        if !self.flag("do_resize")? {
            return Err("`do_resize` must be true, because images can have any size".into());
        }
        let crop = match self.flag("do_center_crop")? {
            true => Some(self.size("crop_size", 224)?.square("crop_size")?),
            false => None,
        };
        match (self.size("size", 224)?, crop) {
            (Size::ShortestEdge(edge), Some(crop)) if edge == crop => {
                Ok((Resize::ShortestEdge, crop))
            }
            (Size::ShortestEdge(edge), Some(crop)) if edge > crop => {
                Ok((Resize::ShortestEdgeThenCrop(edge), crop))
            }
            (Size::ShortestEdge(edge), Some(crop)) => Err(format!(
                "`size` {edge} must not be smaller than `crop_size` {crop}, because images are not padded"
            )),
            (Size::ShortestEdge(_), None) => Err(
                "`do_center_crop` must be true if `size` is the shortest edge, or images would have different shapes"
                    .into(),
            ),
            (size @ Size::Sides(..), crop) => {
                let side = size.square("size")?;
                match crop {
                    Some(crop) if crop != side => Err(format!(
                        "`crop_size` must equal `size` {side}×{side} if both sides are given, got {crop}"
                    )),
                    _ => Ok((Resize::Stretch, side)),
                }
            }
        }
    }

    /// A size: a number, `{"shortest_edge": n}` or `{"height": n, "width": n}`.
    fn size(&self, key: &str, default: u32) -> Result<Size, String> {
        let Some(value) = self.get(key) else {
            return Ok(Size::ShortestEdge(default));
        };
        let pixels = |value: &Value| {
            value
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .filter(|&n| n > 0)
        };
        let size = match value {
            Value::Object(sides) => {
                let side = |name| sides.get(name).and_then(pixels);
                match (side("shortest_edge"), side("height"), side("width")) {
                    (Some(edge), None, None) if sides.len() == 1 => Some(Size::ShortestEdge(edge)),
                    (None, Some(height), Some(width)) if sides.len() == 2 => {
                        Some(Size::Sides(height, width))
                    }
                    _ => None,
                }
            }
            value => pixels(value).map(Size::ShortestEdge),
        };
        size.ok_or_else(|| {
            format!(
                "`{key}` must be a number of pixels, {{\"shortest_edge\": n}} or {{\"height\": n, \"width\": n}}, got \
                 {value}"
            )
        })
    }

    /// The interpolation, by Pillow's number.
    fn filter(&self) -> Result<Filter, String> {
        match self.get("resample") {
            None => Ok(Filter::Bicubic),
            Some(value) => match value.as_u64() {
                Some(0) => Ok(Filter::Nearest),
                Some(2) => Ok(Filter::Bilinear),
                Some(3) => Ok(Filter::Bicubic),
                _ => Err(format!(
                    "`resample` must be 0 (nearest), 2 (bilinear) or 3 (bicubic), got {value}"
                )),
            },
        }
    }
}

/// A size as written.
#[derive(Clone, Copy)]
enum Size {
    ShortestEdge(u32),
    Sides(u32, u32),
}

impl Size {
    /// The side of a square size.
    fn square(self, key: &str) -> Result<u32, String> {
        match self {
            Size::ShortestEdge(side) => Ok(side),
            Size::Sides(height, width) if height == width => Ok(height),
            Size::Sides(height, width) => Err(format!(
                "`{key}` must be square, got {height}×{width} pixels"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::tch::{Device, Tensor};
    use harness_abi::ErrorCode;

    fn parse(json: &str, image_size: u32) -> Result<Preprocessing, String> {
        super::parse(serde_json::from_str(json).unwrap(), image_size)
    }

    #[test]
    fn an_empty_file_gives_openais_preprocessing() {
        let expected = Preprocessing {
            image: ImageInfo {
                height: 224,
                width: 224,
                resize: Resize::ShortestEdge,
                filter: Filter::Bicubic,
            },
            normalisation: Normalisation {
                rescale: 1.0 / 255.0,
                mean: CLIP_MEAN,
                std: CLIP_STD,
            },
        };
        assert_eq!(parse("{}", 224).unwrap(), expected);
        // The file of openai/clip-vit-base-patch32, in the old and the new format of transformers.
        for json in [
            r#"{"crop_size": 224, "do_center_crop": true, "do_normalize": true, "do_resize": true,
                "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
                "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 224}"#,
            r#"{"crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 224}, "do_convert_rgb": true,
                "do_rescale": true, "rescale_factor": 0.00392156862745098, "resample": null, "data_format": "x"}"#,
        ] {
            assert_eq!(parse(json, 224).unwrap(), expected);
        }
    }

    #[test]
    fn settings_are_applied() {
        let json = r#"{"size": {"height": 32, "width": 32}, "do_center_crop": false, "resample": 2, "do_rescale": false,
                       "image_mean": [10, 20, 30], "image_std": 2}"#;
        let preprocessor = parse(json, 32).unwrap();
        assert_eq!(preprocessor.image.resize, Resize::Stretch);
        assert_eq!(preprocessor.image.filter, Filter::Bilinear);
        let pixels = Tensor::from_slice(&[12_u8, 12, 255])
            .view([1, 3, 1, 1])
            .to_device(Device::Cpu);
        let values = |preprocessor: &Preprocessing| {
            Vec::<f32>::try_from(preprocessor.normalisation.apply(&pixels).unwrap().view(-1))
                .unwrap()
        };
        // (12 − 10) / 2, (12 − 20) / 2, (255 − 30) / 2.
        assert_eq!(values(&preprocessor), [1.0, -4.0, 112.5]);
        let larger = parse(r#"{"size": {"shortest_edge": 36}, "crop_size": 32}"#, 32).unwrap();
        assert_eq!(larger.image.resize, Resize::ShortestEdgeThenCrop(36));
        assert_eq!((larger.image.height, larger.image.width), (32, 32));
        let plain = parse(
            r#"{"size": 32, "crop_size": 32, "do_normalize": false, "resample": 0}"#,
            32,
        )
        .unwrap();
        assert_eq!(plain.image.filter, Filter::Nearest);
        let factor = (1.0_f64 / 255.0) as f32;
        assert_eq!(values(&plain), [12.0 * factor, 12.0 * factor, 1.0]);
    }

    #[test]
    fn unsupported_settings_are_named_with_their_key() {
        for (json, expected) in [
            (
                r#"{"size": 192}"#,
                "`size` 192 must not be smaller than `crop_size` 224, because images are not padded",
            ),
            (
                r#"{"size": {"height": 256, "width": 256}}"#,
                "`crop_size` must equal `size` 256×256 if both sides are given, got 224",
            ),
            (
                r#"{"do_center_crop": false}"#,
                "`do_center_crop` must be true if `size` is the shortest edge, or images would have different shapes",
            ),
            (
                r#"{"do_resize": false}"#,
                "`do_resize` must be true, because images can have any size",
            ),
            (
                r#"{"size": 336, "crop_size": 336}"#,
                "images are resized to 336×336 pixels, but `vision_config.image_size` in config.json is 224; correct one of them",
            ),
            (
                r#"{"crop_size": {"height": 224, "width": 112}}"#,
                "`crop_size` must be square, got 224×112 pixels",
            ),
            (
                r#"{"size": {"longest_edge": 224}}"#,
                "`size` must be a number of pixels, {\"shortest_edge\": n} or {\"height\": n, \"width\": n}, got \
                 {\"longest_edge\":224}",
            ),
            (
                r#"{"resample": 1}"#,
                "`resample` must be 0 (nearest), 2 (bilinear) or 3 (bicubic), got 1",
            ),
            (
                r#"{"image_mean": [0.5, 0.5]}"#,
                "`image_mean` must be three numbers, got [0.5,0.5]",
            ),
            (
                r#"{"image_std": [1, 1, 0]}"#,
                "`image_std` must not contain 0",
            ),
            (
                r#"{"do_normalize": "yes"}"#,
                "`do_normalize` must be true or false, got \"yes\"",
            ),
            (
                r#"{"image_processor_type": "ViTImageProcessor"}"#,
                "`image_processor_type` is `ViTImageProcessor`, but `clip` prepares images as `CLIPImageProcessor` does; if \
                 all settings are given and the same, write `CLIPImageProcessor`",
            ),
            (
                r#"{"image_processor_type": "CLIPImageProcessorFast", "do_pad": true}"#,
                "`do_pad` is not supported; it must be false",
            ),
            ("[224]", "not a JSON object: [224]"),
        ] {
            assert_eq!(parse(json, 224).unwrap_err(), expected, "{json}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preprocessor_config.json");
        std::fs::write(&path, r#"{"resample": 1}"#).unwrap();
        let error = open(&path, 224).unwrap_err();
        assert_eq!(error.code(), ErrorCode::DATA);
        assert_eq!(
            error
                .to_string()
                .replace(&folder.path().display().to_string(), "tiny"),
            "tiny/preprocessor_config.json: `resample` must be 0 (nearest), 2 (bilinear) or 3 (bicubic), got 1"
        );
    }
}
