//! Backbones: frozen pre-trained models that encode images and texts, and through which prompts are trained.

use crate::error::{Error, Result};
use crate::host::Host;
use crate::parameters::ParameterSet;
use crate::tensor::{Tensor, TensorView};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// A backbone, as its author writes it. It is shared: strategies call it through `&self`.
///
/// Each call restores the global state that it changes (gradient mode, default element type), and sets what it needs
/// itself: the caller may be inside a `no_grad` of the same libtorch.
pub trait Backbone: Send + Sync + Sized + 'static {
    /// What a scenario can set; see [`crate::parameters`].
    type Parameters: ParameterSet;

    /// Loads the model.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::PARAMETER`](crate::ErrorCode::PARAMETER) for a parameter that cannot be used, with
    /// [`ErrorCode::DATA`](crate::ErrorCode::DATA) for files that are missing or damaged.
    fn create(parameters: Self::Parameters, setting: BackboneSetting) -> Result<Self>;

    /// What the model is. Asked once, after it was made.
    fn info(&self) -> BackboneInfo;

    /// Embeds texts: `[texts, embedding width]`, projected, not normalised, on the CPU. No gradient.
    ///
    /// # Errors
    ///
    /// If the backbone has no text encoder; or if a text is longer than its context and the backbone does not cut it.
    fn encode_texts(&self, _texts: &[&str]) -> Result<Tensor> {
        Err(Error::unsupported("this backbone has no text encoder"))
    }

    /// Embeds images, u8 `[images, 3, height, width]`, prepared as [`BackboneInfo::image`] says:
    /// `[images, embedding width]`, projected, not normalised, on the CPU, where the host reads them. No gradient.
    ///
    /// # Errors
    ///
    /// If the images are not of the shape that the backbone takes.
    fn encode_images(&self, images: TensorView<'_>) -> Result<Tensor>;

    /// Encodes with prompts put in at named sites, and keeps the way back to each of them.
    ///
    /// `sites` are copied on entry (the caller may reuse their memory); the gradient mode is the backbone's own for
    /// the time of the call. Without sites there is nothing to learn, and outputs are on the CPU, where the host reads them;
    /// with sites they are where the backbone computes.
    ///
    /// # Errors
    ///
    /// If a site or an output is not among those of [`BackboneInfo`], or shapes do not fit.
    fn forward(
        &self,
        _inputs: &Inputs<'_>,
        _sites: &[Site<'_>],
        _wanted: &[&str],
    ) -> Result<Forward> {
        Err(Error::unsupported("this backbone has no prompt sites"))
    }
}

/// What a backbone is made with, its parameters aside.
#[derive(Debug, Clone)]
pub struct BackboneSetting {
    /// Where to compute: `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// How many threads one operation may use.
    pub threads: u32,
    /// Relative paths among the parameters are relative to this folder, the scenario's.
    pub folder: PathBuf,
    /// The host.
    pub host: Host,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BackboneSettingJson {
    pub device: String,
    pub threads: u32,
    pub folder: PathBuf,
}

/// What a backbone is. Crosses as JSON, so that it can grow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackboneInfo {
    /// The model's name, for people.
    pub name: String,
    /// A digest of all that moves its output: weights and preprocessing. Equal fingerprints, equal features.
    pub fingerprint: String,
    /// The width of `embedding`.
    pub embedding_width: u32,
    /// How an image is prepared before the backbone sees it.
    pub image: ImageInfo,
    /// The text encoder, where there is one.
    #[serde(default)]
    pub text: Option<TextInfo>,
    /// The factor between cosine similarity and logits (CLIP: 100), where the model has one.
    #[serde(default)]
    pub logit_scale: Option<f64>,
    /// Where it computes.
    pub device: String,
    /// In which type it computes, such as `f32`.
    pub dtype: String,
    /// The prompt sites.
    #[serde(default)]
    pub sites: Vec<SiteInfo>,
    /// The outputs that `forward` can give.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Preferred image batch size.
    #[serde(default = "default_batch")]
    pub image_batch: u32,
}

fn default_batch() -> u32 {
    64
}

/// How the host prepares an image: resized, cropped, as RGB in u8. Normalisation is the backbone's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// Pixels from top to bottom.
    pub height: u32,
    /// Pixels from left to right.
    pub width: u32,
    /// How an image of another size becomes one of this size.
    pub resize: Resize,
    /// How pixels are interpolated.
    pub filter: Filter,
}

/// How an image of another size is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Both sides are scaled to the wanted ones.
    Stretch,
    /// Proportions kept: scaled until it just covers the wanted size (for a square, until its shortest edge fits),
    /// then cut to its centre, with torchvision's rounding: CLIP's own preprocessing.
    ShortestEdge,
    /// The same by way of a larger image: scaled until its shortest edge has so many pixels (or, where those are fewer than
    /// are wanted, until it just covers the wanted size), then cut to its centre. `Resize(256)` and `CenterCrop(224)` of
    /// torchvision are 256 here with a height and a width of 224.
    ShortestEdgeThenCrop(u32),
}

/// An interpolation; each gives what Pillow's filter of that name gives. All but `Nearest` are antialiased when an
/// image shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Cubic, a = −0.5.
    Bicubic,
    /// Linear.
    Bilinear,
    /// The nearest pixel.
    Nearest,
}

/// A backbone's text encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextInfo {
    /// How many tokens a text may have, start and end included.
    pub context_length: u32,
    /// The width of a token, and so of a learned context vector.
    pub width: u32,
    /// How many layers.
    pub layers: u32,
}

/// A place where a prompt can be put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInfo {
    /// Its name, such as `text.context`, `visual.prompt` or `visual.kv.3`. What stands before the first dot is the
    /// side that it belongs to.
    pub name: String,
    /// The shape of a prompt for it; −1 is free, and the first dimension is always the row (one per image or per row
    /// of text).
    pub shape: Vec<i64>,
}

/// The inputs of a differentiable call.
#[derive(Debug, Clone, Copy)]
pub enum Inputs<'a> {
    /// Images, as for [`Backbone::encode_images`].
    Images {
        /// u8 `[images, 3, height, width]`.
        images: TensorView<'a>,
        /// What the backbone lets a caller choose, as a JSON object; empty for its defaults.
        options: &'a [u8],
    },
    /// Rows of text, each with a context of its own at the site `text.context` `[rows, n, width]`. One text can stand
    /// in many rows, so shared, per-class and image-conditioned contexts are one call. A backbone tokenises a text
    /// once, however often it is named.
    Texts {
        /// The texts, without context.
        texts: &'a [&'a str],
        /// The text of each row, as an index into `texts`.
        row_text: &'a [i64],
        /// Where the context stands.
        place: Place,
        /// What the backbone lets a caller choose, as a JSON object; empty for its defaults.
        options: &'a [u8],
    },
}

/// Where a learned context goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, crate::Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Before the text, after the start token.
    Front,
    /// Half of it before the text, half after it.
    Middle,
    /// After the text.
    End,
}

impl Place {
    pub(crate) fn to_raw(self) -> u32 {
        match self {
            Place::Front => 0,
            Place::Middle => 1,
            Place::End => 2,
        }
    }

    pub(crate) fn from_raw(raw: u32) -> Result<Place> {
        match raw {
            0 => Ok(Place::Front),
            1 => Ok(Place::Middle),
            2 => Ok(Place::End),
            other => Err(Error::unsupported(format!(
                "a context can stand at place 0, 1 or 2, not {other}"
            ))),
        }
    }
}

/// A prompt at a site.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The site's name, one of [`BackboneInfo::sites`].
    pub name: &'a str,
    /// The prompt.
    pub prompt: TensorView<'a>,
}

/// What a differentiable call gives.
#[derive(Debug)]
pub struct Forward {
    /// The wanted outputs, in the order asked for.
    pub outputs: Vec<Tensor>,
    /// The way back.
    pub pullback: Pullback,
}

/// Gradients of a loss with respect to outputs, by output name.
pub type OutputGradients<'a> = [(&'a str, TensorView<'a>)];

type Pull = dyn FnOnce(&OutputGradients<'_>) -> Result<Vec<(String, Tensor)>> + Send;

/// The way back of one differentiable call: the gradients of a loss with respect to outputs go in, those with respect
/// to every prompt come out. It runs once.
pub struct Pullback(Option<Box<Pull>>);

impl Pullback {
    /// A way back. `pull` gets the gradients of some or all of the wanted outputs (those left out are zero) and gives
    /// the gradient of every site passed to the call, by name, in the call's order.
    pub fn new(
        pull: impl FnOnce(&OutputGradients<'_>) -> Result<Vec<(String, Tensor)>> + Send + 'static,
    ) -> Pullback {
        Pullback(Some(Box::new(pull)))
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// If it ran before, or what the backbone reports.
    pub fn call(&mut self, gradients: &OutputGradients<'_>) -> Result<Vec<(String, Tensor)>> {
        match self.0.take() {
            Some(pull) => pull(gradients),
            None => Err(Error::failed(
                "this pullback has run; a pullback runs once, call `forward` again",
            )),
        }
    }
}

impl fmt::Debug for Pullback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Pullback"
        } else {
            "Pullback (has run)"
        })
    }
}
