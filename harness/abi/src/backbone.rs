//! Backbones: frozen pre-trained models that encode images and texts, and through which strategies
//! train prompts.

use crate::error::{Error, Result};
use crate::host::Host;
use crate::parameters::ParameterSet;
use crate::tensor::{Tensor, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A frozen pre-trained model.
///
/// A backbone is shared and therefore called through `&self`. It must be [`Send`] and [`Sync`]: the
/// host calls it from one thread, but a strategy may call it from threads of its own, and a
/// [`Pullback`] may run on another thread than the call that it belongs to.
///
/// Each call sets the global state that it needs (gradient mode, default element type) and restores
/// it before it returns: the caller may be inside a `no_grad` of the same libtorch.
///
/// # Example
///
/// A backbone whose embedding is the mean colour of an image, moved by a prompt:
///
/// ```
/// use harness_abi::backbone::{Filter, ImageInfo, OutputGradients, Resize, SiteInfo};
/// use harness_abi::{
///     Backbone, BackboneInfo, BackboneSetting, Error, Forward, Inputs, ParameterSet, Pullback,
///     Result, Site, Tensor, TensorView,
/// };
///
/// struct MeanColour {
///     size: u32,
/// }
///
/// #[derive(serde::Deserialize, ParameterSet)]
/// #[serde(deny_unknown_fields, default)]
/// struct Parameters {
///     /// The side that an image is scaled to.
///     #[parameter(default = 8, at_least = 1)]
///     size: u32,
/// }
///
/// impl Backbone for MeanColour {
///     type Parameters = Parameters;
///
///     fn create(parameters: Parameters, _: BackboneSetting) -> Result<Self> {
///         Ok(MeanColour { size: parameters.size })
///     }
///
///     fn info(&self) -> BackboneInfo {
///         BackboneInfo {
///             name: "mean-colour".into(),
///             fingerprint: format!("mean-colour 1, size {}", self.size),
///             embedding_width: 3,
///             image: ImageInfo {
///                 height: self.size,
///                 width: self.size,
///                 resize: Resize::Stretch,
///                 filter: Filter::Bilinear,
///             },
///             text: None,
///             logit_scale: None,
///             device: "cpu".into(),
///             dtype: "f32".into(),
///             sites: vec![SiteInfo { name: "visual.shift".into(), shape: vec![-1, 3] }],
///             outputs: vec!["embedding".into()],
///             output_widths: Default::default(),
///             image_batch: 64,
///         }
///     }
///
///     fn encode_images(&self, images: TensorView<'_>) -> Result<Tensor> {
///         let size = i64::from(self.size);
///         images.expect_shape("the images", &[-1, 3, size, size])?;
///         let pixels = images.as_slice::<u8>()?;
///         let channels = pixels.chunks_exact((size * size) as usize);
///         let mean = |channel: &[u8]| {
///             channel.iter().map(|&value| f32::from(value)).sum::<f32>() / channel.len() as f32
///         };
///         Tensor::from_vec(channels.map(mean).collect(), &[images.shape()[0], 3])
///     }
///
///     fn forward(
///         &self,
///         inputs: &Inputs<'_>,
///         sites: &[Site<'_>],
///         wanted: &[&str],
///     ) -> Result<Forward> {
///         let Inputs::Images { images, .. } = *inputs else {
///             return Err(Error::unsupported("this backbone has no text encoder"));
///         };
///         if let Some(name) = wanted.iter().find(|name| **name != "embedding") {
///             return Err(Error::unsupported(format!("there is no output `{name}`")));
///         }
///         let mut embeddings = self.encode_images(images)?.view().to_vec::<f32>()?;
///         let shape = [images.shape()[0], 3];
///         let shifted = match sites {
///             [] => false,
///             [site] if site.name == "visual.shift" => {
///                 site.prompt.expect_shape("the shift", &shape)?;
///                 let shift = site.prompt.to_vec::<f32>()?;
///                 embeddings.iter_mut().zip(shift).for_each(|(e, s)| *e += s);
///                 true
///             }
///             others => {
///                 let names: Vec<_> = others.iter().map(|site| site.name).collect();
///                 return Err(Error::unsupported(format!("no such sites: {names:?}")));
///             }
///         };
///         let outputs = wanted.iter().map(|_| Tensor::from_vec(embeddings.clone(), &shape));
///         // d embedding / d shift is the identity.
///         let pullback = Pullback::new(move |gradients: &OutputGradients<'_>| {
///             let mut sum = vec![0.0_f32; (shape[0] * shape[1]) as usize];
///             for (name, gradient) in gradients {
///                 gradient.expect_shape(&format!("the gradient of `{name}`"), &shape)?;
///                 sum.iter_mut().zip(gradient.to_vec::<f32>()?).for_each(|(s, g)| *s += g);
///             }
///             match shifted {
///                 true => Ok(vec![("visual.shift".into(), Tensor::from_vec(sum, &shape)?)]),
///                 false => Ok(Vec::new()),
///             }
///         });
///         Ok(Forward { outputs: outputs.collect::<Result<_>>()?, pullback })
///     }
/// }
///
/// # #[cfg(feature = "testkit")] {
/// use harness_abi::testkit::{self, json};
///
/// // Compares the pullback with finite differences, among other checks.
/// testkit::backbone::<MeanColour>()
///     .parameters(json!({ "size": 4 }))
///     .bad_parameters(json!({ "size": 0 }), "size")
///     .check();
/// # }
/// ```
pub trait Backbone: Send + Sync + Sized + 'static {
    /// What a scenario can set; see [`crate::parameters`].
    type Parameters: ParameterSet;

    /// Loads the model.
    ///
    /// # Errors
    ///
    /// With [`ErrorCode::PARAMETER`](crate::ErrorCode::PARAMETER) if a parameter cannot be used,
    /// with [`ErrorCode::DATA`](crate::ErrorCode::DATA) if a file is missing or damaged.
    fn create(parameters: Self::Parameters, setting: BackboneSetting) -> Result<Self>;

    /// Describes the model. Called once, after `create`.
    fn info(&self) -> BackboneInfo;

    /// Embeds texts.
    ///
    /// Returns f32 `[texts, embedding width]` on the CPU, one row per text in the order given:
    /// projected into the space that images share, not normalised, without gradient.
    ///
    /// # Errors
    ///
    /// If the backbone has no text encoder, or a text is longer than its context and the backbone
    /// does not truncate it.
    fn encode_texts(&self, _texts: &[&str]) -> Result<Tensor> {
        Err(Error::unsupported("this backbone has no text encoder"))
    }

    /// Embeds images.
    ///
    /// `images` is u8 `[images, 3, height, width]`, RGB, on the CPU, prepared as
    /// [`BackboneInfo::image`] says. Returns f32 `[images, embedding width]` on the CPU, one row
    /// per image in the order given: projected, not normalised, without gradient. An image's
    /// embedding does not depend on the rest of the batch.
    ///
    /// # Errors
    ///
    /// If the images do not have the shape that the backbone takes.
    fn encode_images(&self, images: TensorView<'_>) -> Result<Tensor>;

    /// Encodes with prompts inserted at named sites, and keeps what the gradients need.
    ///
    /// - Prompts are floating-point, usually f32, in the shape of their [`SiteInfo`]: row i belongs
    ///   to image i, or to row i of the texts. The backbone copies prompts and inputs before it
    ///   returns, so the caller may reuse their memory.
    /// - Outputs are f32, with one row per image or row of text, in the order given. A site of
    ///   images works with [`Inputs::Images`], one of texts with [`Inputs::Texts`].
    /// - With prompts, outputs are on the first prompt's device. Without prompts there is nothing to
    ///   learn, and outputs are on the CPU, where the host reads them.
    ///
    /// The backbone sets the gradient mode itself, whatever its caller's is.
    ///
    /// # Errors
    ///
    /// If a site or an output is not among those of [`BackboneInfo`], or a shape does not fit.
    fn forward(
        &self,
        _inputs: &Inputs<'_>,
        _sites: &[Site<'_>],
        _wanted: &[&str],
    ) -> Result<Forward> {
        Err(Error::unsupported("this backbone has no prompt sites"))
    }
}

/// What a backbone is created with, besides its parameters.
#[derive(Debug, Clone)]
pub struct BackboneSetting {
    /// Where to compute: `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// How many threads one operation may use.
    pub threads: u32,
    /// The scenario's folder: relative paths among the parameters start here.
    pub folder: PathBuf,
    /// The host, for progress, log lines and cancellation.
    pub host: Host,
}

/// A [`BackboneSetting`] on its way across; new fields need a default.
#[derive(Serialize, Deserialize)]
pub(crate) struct BackboneSettingJson {
    pub device: String,
    pub threads: u32,
    pub folder: PathBuf,
}

/// What a backbone is. It crosses as JSON, so that fields can be added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackboneInfo {
    /// The model's name, for messages.
    pub name: String,
    /// A digest of everything that affects its output, such as weights and preprocessing. Features
    /// are cached under it, so equal fingerprints must mean equal features. It is the same on every
    /// device.
    pub fingerprint: String,
    /// The width of an embedding, the same for images and texts.
    pub embedding_width: u32,
    /// How an image is prepared before the backbone sees it.
    pub image: ImageInfo,
    /// The text encoder, if there is one.
    #[serde(default)]
    pub text: Option<TextInfo>,
    /// The factor between cosine similarity and logits (CLIP: 100), if the model has one.
    #[serde(default)]
    pub logit_scale: Option<f64>,
    /// Where it computes: `cpu` or `cuda:N`.
    pub device: String,
    /// The type in which it computes, such as `f32`: a function of the parameters, the same on
    /// every device. Its outputs are f32 in any case.
    pub dtype: String,
    /// The places where prompts can be inserted.
    #[serde(default)]
    pub sites: Vec<SiteInfo>,
    /// The outputs that `forward` can return, such as `embedding`.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// The widths of the outputs that are f32 `[images, width]` for plain images, by name, such as
    /// that of `class_token`. `embedding` needs no entry. A strategy can read an output as an
    /// image's feature if its width is declared.
    #[serde(default)]
    pub output_widths: BTreeMap<String, u32>,
    /// Preferred image batch size.
    #[serde(default = "default_batch")]
    pub image_batch: u32,
}

fn default_batch() -> u32 {
    64
}

/// How the host prepares an image: resized and cropped, as RGB in u8. The backbone normalises
/// pixels itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// Height in pixels.
    pub height: u32,
    /// Width in pixels.
    pub width: u32,
    /// How an image of another size is fitted to this size.
    pub resize: Resize,
    /// How pixels are interpolated.
    pub filter: Filter,
}

/// How an image of another size is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Scale both sides, without keeping proportions.
    Stretch,
    /// Keep proportions: scale until the image just covers the size (for a square, until its
    /// shortest edge fits), then crop the centre, with torchvision's rounding. This is CLIP's
    /// preprocessing.
    ShortestEdge,
    /// Scale until the shortest edge has this many pixels (or, if that is too few, until the image
    /// just covers the size), then crop the centre. torchvision's `Resize(256)` and
    /// `CenterCrop(224)` are 256 here with a height and width of 224.
    ShortestEdgeThenCrop(u32),
}

/// An interpolation, with the same result as Pillow's filter of that name. All but `Nearest` are
/// antialiased when an image shrinks.
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
    /// The maximum number of tokens in a text, including start and end.
    pub context_length: u32,
    /// The width of a token, and so of a learned context vector.
    pub width: u32,
    /// The number of layers.
    pub layers: u32,
}

/// A place where a prompt can be inserted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInfo {
    /// Its name, such as `text.context`, `visual.prompt` or `visual.kv.3`. The part before the
    /// first dot says which encoder it belongs to: `text` or `visual`.
    pub name: String,
    /// The shape of a prompt; −1 matches any length. The first dimension is always the row: one per
    /// image, or one per row of text.
    pub shape: Vec<i64>,
}

/// The inputs of a differentiable call.
#[derive(Debug, Clone, Copy)]
pub enum Inputs<'a> {
    /// Images, as for [`Backbone::encode_images`].
    Images {
        /// u8 `[images, 3, height, width]`, RGB, on the CPU.
        images: TensorView<'a>,
        /// Options of the backbone, as a JSON object; empty for its defaults.
        options: &'a [u8],
    },
    /// Rows of text, each with its own context at the site `text.context` `[rows, n, width]`. A
    /// text can be used in many rows, so shared, per-class and image-conditioned contexts all take
    /// one call. A backbone tokenises each text once, however many rows use it.
    Texts {
        /// The texts, without context.
        texts: &'a [&'a str],
        /// The text of each row, as an index into `texts`.
        row_text: &'a [i64],
        /// Where the context is inserted.
        place: Place,
        /// Options of the backbone, as a JSON object; empty for its defaults.
        options: &'a [u8],
    },
}

/// Where a learned context is inserted into a text.
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
                "the place of a context is 0, 1 or 2, not {other}"
            ))),
        }
    }
}

/// A prompt at a site.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The site's name, one of [`BackboneInfo::sites`].
    pub name: &'a str,
    /// The prompt, f32 in the shape of its [`SiteInfo`], on the CPU or the backbone's device.
    pub prompt: TensorView<'a>,
}

/// The result of a differentiable call.
#[derive(Debug)]
pub struct Forward {
    /// The wanted outputs, in the order asked for.
    pub outputs: Vec<Tensor>,
    /// Takes gradients of the outputs back to the prompts.
    pub pullback: Pullback,
}

/// Gradients of a loss with respect to outputs, by output name. Each has its output's shape, type
/// and device.
pub type OutputGradients<'a> = [(&'a str, TensorView<'a>)];

type Pull = dyn FnOnce(&OutputGradients<'_>) -> Result<Vec<(String, Tensor)>> + Send;

/// The backward pass of one differentiable call: takes the gradients of a loss with respect to
/// outputs, and returns those with respect to every prompt. It runs once.
pub struct Pullback(Option<Box<Pull>>);

impl Pullback {
    /// Creates a pullback.
    ///
    /// `pull` gets the gradients of some or all of the wanted outputs; those left out are zero. It
    /// returns the gradient of every site that was passed to the call, by name, in the call's
    /// order: f32, in the shape of the prompt, on the first prompt's device.
    pub fn new(
        pull: impl FnOnce(&OutputGradients<'_>) -> Result<Vec<(String, Tensor)>> + Send + 'static,
    ) -> Pullback {
        Pullback(Some(Box::new(pull)))
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// If it has already run, or the backbone reports an error.
    pub fn call(&mut self, gradients: &OutputGradients<'_>) -> Result<Vec<(String, Tensor)>> {
        match self.0.take() {
            Some(pull) => pull(gradients),
            None => Err(Error::failed(
                "this pullback has already run; call `forward` again for another gradient",
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
