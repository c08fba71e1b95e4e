//! A model's image preprocessing, and what a scenario changes of it.
//!
//! A folder says how its model's images were prepared in training, and that is what a backbone does
//! by default. Published code often does something else: it feeds a CLIP with ImageNet's mean and
//! standard deviation, say, or resizes to 256 pixels before it crops 224. To reach its figures,
//! images must be prepared as it does. [`Changes`] are the parameters for that, the same for every
//! backbone that reads a folder.
//!
//! The host resizes and crops ([`ImageInfo`]), the backbone [normalises](Normalisation). Both parts
//! are in the [fingerprint](Preprocessing::fingerprint), under which features are cached.

use crate::normalisation::Normalisation;
use harness_abi::backbone::{Filter, ImageInfo, Resize};
use harness_abi::parameters::require;
use harness_abi::{Choice, Error, ParameterSet, Result};
use serde::Deserialize;

/// The mean of ImageNet's images in red, green and blue, for pixels from 0 to 1.
pub const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation.
pub const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];
/// The mean of the images that OpenAI trained CLIP on.
pub const CLIP_MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
/// Their standard deviation.
pub const CLIP_STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];

/// How many times as large as the model's images `resize` may be. An image with a side of some
/// millions of pixels would not fit into memory.
const LARGEST_RESIZE: u32 = 10;

/// The image preprocessing of a model with square images.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    /// The host's part: resizing and cropping.
    pub image: ImageInfo,
    /// The backbone's part: normalisation.
    pub normalisation: Normalisation,
}

/// What a scenario changes of a folder's preprocessing. All keys are optional.
///
/// ```yaml
/// preprocessing: { normalisation: imagenet, resize: 256 }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// The mean and standard deviation that pixels are normalised with. Not set: the folder's.
    pub normalisation: Option<Statistics>,
    /// Instead of `normalisation`, together with `std`: the mean in red, green and blue, for pixels
    /// from 0 to 1.
    pub mean: Option<[f64; 3]>,
    /// The standard deviation to `mean`; each above 0.
    pub std: Option<[f64; 3]>,
    /// How an image of another shape is fitted. Not set: as the folder says, but `crop` with
    /// `resize`.
    pub fit: Option<Fit>,
    /// The pixels that the shortest edge is resized to before the centre is cropped: from the
    /// side of the model's images to ten times as many. Not set: the folder's.
    #[parameter(at_least = 1)]
    pub resize: Option<u32>,
    /// How pixels are interpolated, with the same result as Pillow's filter of that name. Not set:
    /// the folder's.
    pub filter: Option<Interpolation>,
}

/// Means and standard deviations in common use, in red, green and blue, for pixels from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// Those of CLIP's training images: mean 0.48145466, 0.4578275, 0.40821073, standard deviation
    /// 0.26862954, 0.26130258, 0.27577711.
    Clip,
    /// Those of ImageNet: mean 0.485, 0.456, 0.406, standard deviation 0.229, 0.224, 0.225.
    Imagenet,
    /// Pixels from −1 to 1: mean and standard deviation 0.5.
    MinusOneToOne,
    /// Pixels from 0 to 1: mean 0, standard deviation 1.
    ZeroToOne,
}

/// How an image of another shape is fitted to the model's square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Keep proportions: scale by the shortest edge, then crop the centre.
    Crop,
    /// Scale both sides to the model's size, without keeping proportions.
    Stretch,
}

/// An interpolation. All but `nearest` are antialiased when an image shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// Cubic, a = −0.5.
    Bicubic,
    /// Linear.
    Bilinear,
    /// The nearest pixel.
    Nearest,
}

impl Statistics {
    /// Mean and standard deviation.
    fn values(self) -> ([f64; 3], [f64; 3]) {
        match self {
            Statistics::Clip => (CLIP_MEAN, CLIP_STD),
            Statistics::Imagenet => (IMAGENET_MEAN, IMAGENET_STD),
            Statistics::MinusOneToOne => ([0.5; 3], [0.5; 3]),
            Statistics::ZeroToOne => ([0.0; 3], [1.0; 3]),
        }
    }
}

impl Interpolation {
    fn filter(self) -> Filter {
        match self {
            Interpolation::Bicubic => Filter::Bicubic,
            Interpolation::Bilinear => Filter::Bilinear,
            Interpolation::Nearest => Filter::Nearest,
        }
    }
}

/// The path of a key of [`Changes`], which backbones call `preprocessing`.
fn key(name: &str) -> String {
    format!("preprocessing.{name}")
}

impl Changes {
    /// Checks what does not depend on the folder, so that mistakes are found without it.
    ///
    /// # Errors
    ///
    /// With the key that does not fit the others, or is out of range.
    pub fn check(&self) -> Result<()> {
        self.statistics()?;
        if self.fit == Some(Fit::Stretch) && self.resize.is_some() {
            return Err(Error::parameter(
                key("resize"),
                "must not be set with `fit: stretch`, which scales both sides to the model's size; remove one of the two",
            ));
        }
        Ok(())
    }

    /// The mean and standard deviation, if they are changed.
    fn statistics(&self) -> Result<Option<([f64; 3], [f64; 3])>> {
        let alone = |name: &str, other: &str| {
            let message =
                format!("must be set too if `{other}` is; or name both with `normalisation`");
            Err(Error::parameter(key(name), message))
        };
        let (mean, std) = match (self.normalisation, self.mean, self.std) {
            (None, None, None) => return Ok(None),
            (Some(named), None, None) => return Ok(Some(named.values())),
            (Some(_), ..) => {
                return Err(Error::parameter(
                    key("normalisation"),
                    "must not be set with `mean` or `std`, which it stands for; remove one or the others",
                ));
            }
            (None, Some(_), None) => return alone("std", "mean"),
            (None, None, Some(_)) => return alone("mean", "std"),
            (None, Some(mean), Some(std)) => (mean, std),
        };
        for number in mean {
            require(&key("mean"), number.is_finite(), "finite", number)?;
        }
        for number in std {
            let good = number.is_finite() && number > 0.0;
            require(&key("std"), good, "above 0 in every channel", number)?;
        }
        Ok(Some((mean, std)))
    }

    /// How an image is fitted, if that is changed, to a model's square with sides of `side` pixels.
    fn resize(&self, side: u32, folder: Resize) -> Result<Resize> {
        let Some(edge) = self.resize else {
            return Ok(match (self.fit, folder) {
                (Some(Fit::Stretch), _) => Resize::Stretch,
                (Some(Fit::Crop), Resize::Stretch) => Resize::ShortestEdge,
                (_, folder) => folder,
            });
        };
        let largest = side.saturating_mul(LARGEST_RESIZE);
        let must = format!("from {side}, the side of the model's images, to {largest}");
        let good = (side..=largest).contains(&edge);
        require(&key("resize"), good, &must, edge)?;
        Ok(match edge == side {
            true => Resize::ShortestEdge,
            false => Resize::ShortestEdgeThenCrop(edge),
        })
    }
}

impl Preprocessing {
    /// This preprocessing, a folder's, with a scenario's changes.
    ///
    /// # Errors
    ///
    /// With the key that does not fit the others or the model.
    pub fn with(&self, changes: &Changes) -> Result<Preprocessing> {
        changes.check()?;
        let mut changed = self.clone();
        if let Some((mean, std)) = changes.statistics()? {
            // A mean for pixels from 0 to 1, whatever the folder's is for.
            changed.normalisation = Normalisation {
                rescale: 1.0 / 255.0,
                mean,
                std,
            };
        }
        // The image is square: its height is its side.
        changed.image.resize = changes.resize(self.image.height, self.image.resize)?;
        if let Some(filter) = changes.filter {
            changed.image.filter = filter.filter();
        }
        Ok(changed)
    }

    /// A backbone's fingerprint: that of its folder, which covers the folder's own preprocessing,
    /// and a digest of this one if it differs. Settings that say what the folder says share the
    /// folder's cached features, and so do two ways of saying the same.
    pub fn fingerprint(&self, folder: &Preprocessing, folders: String) -> String {
        if self == folder {
            return folders;
        }
        let mut hasher = blake3::Hasher::new();
        let image = serde_json::to_vec(&self.image).expect("an image's size is plain data");
        hasher.update(&image);
        let Normalisation { rescale, mean, std } = &self.normalisation;
        for number in [rescale].into_iter().chain(mean).chain(std) {
            hasher.update(&number.to_bits().to_le_bytes());
        }
        let digest = hasher.finalize().to_hex();
        format!("{folders}-preprocessing-{}", &digest[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::tch::Tensor;
    use harness_abi::parameters;

    /// A folder for CLIP as transformers writes it.
    fn folder() -> Preprocessing {
        Preprocessing {
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
        }
    }

    fn changes(json: &str) -> Changes {
        parameters::parse(json.as_bytes()).unwrap()
    }

    fn changed(json: &str) -> Preprocessing {
        folder().with(&changes(json)).unwrap()
    }

    #[test]
    fn each_key_changes_its_part_and_nothing_else() {
        let parts = |json: &str| {
            let Preprocessing {
                image,
                normalisation,
            } = changed(json);
            assert_eq!((image.height, image.width), (224, 224));
            (image.resize, image.filter, normalisation)
        };
        let (resize, filter, normalisation) = parts("{}");
        assert_eq!(changed("{}"), folder());
        let statistics = |mean, std| Normalisation {
            rescale: 1.0 / 255.0,
            mean,
            std,
        };
        for (json, expected) in [
            (
                r#"{"resize": 256}"#,
                (
                    Resize::ShortestEdgeThenCrop(256),
                    filter,
                    normalisation.clone(),
                ),
            ),
            (
                r#"{"fit": "stretch"}"#,
                (Resize::Stretch, filter, normalisation.clone()),
            ),
            (
                r#"{"filter": "bilinear"}"#,
                (resize, Filter::Bilinear, normalisation.clone()),
            ),
            (
                r#"{"normalisation": "imagenet"}"#,
                (
                    resize,
                    filter,
                    statistics([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
                ),
            ),
            (
                r#"{"mean": [0.1, -0.2, 0.3], "std": [1, 2, 3]}"#,
                (
                    resize,
                    filter,
                    statistics([0.1, -0.2, 0.3], [1.0, 2.0, 3.0]),
                ),
            ),
        ] {
            assert_eq!(parts(json), expected, "{json}");
        }
        // `crop` keeps the edge of a folder that crops, and replaces the stretching of one that
        // stretches.
        let fitted = |resize, json: &str| {
            let mut folder = folder();
            folder.image.resize = resize;
            folder.with(&changes(json)).unwrap().image.resize
        };
        let crop = r#"{"fit": "crop"}"#;
        let cropped = Resize::ShortestEdgeThenCrop(248);
        assert_eq!(fitted(cropped, crop), cropped);
        assert_eq!(fitted(Resize::Stretch, crop), Resize::ShortestEdge);
        for edge in [224, 2240] {
            let json = format!(r#"{{"fit": "crop", "resize": {edge}}}"#);
            let expected = match edge {
                224 => Resize::ShortestEdge,
                edge => Resize::ShortestEdgeThenCrop(edge),
            };
            assert_eq!(fitted(Resize::Stretch, &json), expected);
        }
    }

    #[test]
    fn pixels_are_normalised_as_told() {
        let red_green_blue = [255_u8, 0, 51];
        let pixels = Tensor::from_slice(&red_green_blue).view([1, 3, 1, 1]);
        let values = |json: &str| {
            let normalised = changed(json).normalisation.apply(&pixels).unwrap();
            <[f32; 3]>::try_from(Vec::<f32>::try_from(normalised.view(-1)).unwrap()).unwrap()
        };
        let by_hand = |mean: [f64; 3], std: [f64; 3]| {
            [0, 1, 2].map(|c| (f64::from(red_green_blue[c]) / 255.0 - mean[c]) / std[c])
        };
        for (json, mean, std) in [
            (
                r#"{"normalisation": "imagenet"}"#,
                [0.485, 0.456, 0.406],
                [0.229, 0.224, 0.225],
            ),
            (
                r#"{"normalisation": "clip"}"#,
                [0.48145466, 0.4578275, 0.40821073],
                [0.26862954, 0.26130258, 0.27577711],
            ),
            (
                r#"{"normalisation": "minus-one-to-one"}"#,
                [0.5; 3],
                [0.5; 3],
            ),
            (r#"{"normalisation": "zero-to-one"}"#, [0.0; 3], [1.0; 3]),
            (
                r#"{"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}"#,
                [0.1, 0.2, 0.3],
                [0.4, 0.5, 0.6],
            ),
        ] {
            for (ours, expected) in values(json).into_iter().zip(by_hand(mean, std)) {
                assert!((f64::from(ours) - expected).abs() < 1e-6, "{json}: {ours}");
            }
        }
        // Pixels of a folder without rescaling are rescaled all the same.
        let mut raw = folder();
        raw.normalisation.rescale = 1.0;
        let named = raw.with(&changes(r#"{"normalisation": "zero-to-one"}"#));
        let values = named.unwrap().normalisation.apply(&pixels).unwrap();
        assert_eq!(f64::try_from(values.max()).unwrap(), 1.0);
    }

    #[test]
    fn the_fingerprint_changes_exactly_if_the_preprocessing_does() {
        let print = |json: &str| changed(json).fingerprint(&folder(), "clip-v2-0a".into());
        let same = [
            "{}",
            r#"{"normalisation": "clip", "fit": "crop", "resize": 224, "filter": "bicubic"}"#,
            r#"{"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}"#,
        ];
        for json in same {
            assert_eq!(print(json), "clip-v2-0a", "{json}");
        }
        // What is the same in two ways has one fingerprint.
        assert_eq!(
            print(r#"{"normalisation": "imagenet"}"#),
            print(r#"{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}"#)
        );
        let mut prints: Vec<_> = [
            r#"{"normalisation": "imagenet"}"#,
            r#"{"normalisation": "minus-one-to-one"}"#,
            r#"{"normalisation": "zero-to-one"}"#,
            r#"{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.226]}"#,
            r#"{"mean": [0.485, 0.406, 0.456], "std": [0.229, 0.224, 0.225]}"#,
            r#"{"resize": 256}"#,
            r#"{"resize": 257}"#,
            r#"{"fit": "stretch"}"#,
            r#"{"filter": "bilinear"}"#,
            r#"{"filter": "nearest"}"#,
            r#"{"normalisation": "imagenet", "resize": 256}"#,
        ]
        .map(print)
        .into();
        let all = prints.len();
        assert!(
            prints
                .iter()
                .all(|print| print.starts_with("clip-v2-0a-preprocessing-"))
        );
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), all);
        // Pinned, because features that are cached under it would be computed again.
        assert_eq!(
            print(r#"{"normalisation": "imagenet", "resize": 256}"#),
            "clip-v2-0a-preprocessing-bd5cd2e2f4dfb1d4"
        );
    }

    #[test]
    fn bad_values_are_refused_with_their_key() {
        for (json, expected) in [
            (
                r#"{"resize": 200}"#,
                "parameter `preprocessing.resize`: must be from 224, the side of the model's images, to 2240, got 200",
            ),
            (
                r#"{"resize": 2241}"#,
                "parameter `preprocessing.resize`: must be from 224, the side of the model's images, to 2240, got 2241",
            ),
            (
                r#"{"resize": 256, "fit": "stretch"}"#,
                "parameter `preprocessing.resize`: must not be set with `fit: stretch`, which scales both sides to the \
                 model's size; remove one of the two",
            ),
            (
                r#"{"mean": [0, 0, 0]}"#,
                "parameter `preprocessing.std`: must be set too if `mean` is; or name both with `normalisation`",
            ),
            (
                r#"{"std": [1, 1, 1]}"#,
                "parameter `preprocessing.mean`: must be set too if `std` is; or name both with `normalisation`",
            ),
            (
                r#"{"mean": [0, 0, 0], "std": [1, 0, 1]}"#,
                "parameter `preprocessing.std`: must be above 0 in every channel, got 0",
            ),
            (
                r#"{"mean": [0, 0, 0], "std": [1, 1, -1]}"#,
                "parameter `preprocessing.std`: must be above 0 in every channel, got -1",
            ),
            (
                r#"{"normalisation": "clip", "mean": [0, 0, 0], "std": [1, 1, 1]}"#,
                "parameter `preprocessing.normalisation`: must not be set with `mean` or `std`, which it stands for; \
                 remove one or the others",
            ),
        ] {
            let error = folder().with(&changes(json)).unwrap_err();
            assert_eq!(error.to_string(), expected, "{json}");
        }
        let refused = |json: &str| parameters::parse::<Changes>(json.as_bytes()).unwrap_err();
        for (json, path) in [
            (r#"{"normalisation": "image-net"}"#, "normalisation"),
            (r#"{"mean": [0.5, 0.5], "std": [0.5, 0.5, 0.5]}"#, "mean"),
            (r#"{"mean": 0.5}"#, "mean"),
            (r#"{"resize": 0}"#, "resize"),
            (r#"{"filter": "lanczos"}"#, "filter"),
            (r#"{"crop_pct": 0.9}"#, "crop_pct"),
        ] {
            assert_eq!(refused(json).parameter_path(), Some(path), "{json}");
        }
    }
}
