//! The backbone `vit`: a folder in timm's layout as a plugin.

use crate::config::Config;
use crate::model::VisionTransformer;
use crate::shape::Shape;
use clbench_torch::During;
use clbench_torch::bridge::{device, threads};
use clbench_torch::tch::{Device, Tensor};
use clbench_torch::training::GradientMode;
use clbench_transformer::compute::{ComputeType, device_name};
use clbench_transformer::folder::{Folder, named};
use clbench_transformer::location::ModelLocation;
use clbench_transformer::preprocessing::{Changes, Preprocessing};
use clbench_transformer::recording;
use clbench_transformer::visual::{
    EMBEDDING, KV, OUTPUTS, PROMPT, PromptPosition, VisualPrompts, VisualSites,
};
use clbench_transformer::weights::Weights;
use clbench_transformer::work::Work;
use harness_abi::{
    Backbone, BackboneInfo, BackboneSetting, Error, Forward, Inputs, ParameterSet, Result, Site,
    TensorView, parameters,
};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Changes when the same folder gives other numbers.
const VERSION: u32 = 1;

/// The architecture and the preprocessing.
const CONFIG: &str = "config.json";
/// The weights.
const WEIGHTS: &str = "model.safetensors";

/// The parameters of `vit`.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// A folder with `config.json` and `model.safetensors` in timm's layout for the Hugging Face
    /// hub, relative to the scenario.
    pub path: Option<PathBuf>,
    /// Instead of `path`: the name of a model on the Hugging Face hub, such as
    /// `timm/vit_base_patch16_224.augreg_in21k`, that `clbench fetch model` has downloaded into the
    /// hub's cache.
    pub model: Option<String>,
    /// The revision of `model`: a branch, a tag or a commit. Not set: `main`.
    pub revision: Option<String>,
    /// Element type of the computation. Prompts, outputs and gradients are f32 in any case.
    pub dtype: ComputeType,
    /// Images encoded at once; fewer take less memory. A strategy that trains on images has its own
    /// batch size.
    #[parameter(default = 64, at_least = 1)]
    pub batch: u32,
    /// How images are prepared, as far as it differs from what the folder says: for published
    /// figures that were made with other preprocessing than the model's own.
    pub preprocessing: Changes,
}

/// The options of `forward`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// The position embedding that is added to each token of `visual.prompt`.
    prompt_position: PromptPosition,
}

/// A plain vision transformer.
#[derive(Debug)]
pub struct Vit {
    info: BackboneInfo,
    shape: Shape,
    preprocessing: Preprocessing,
    dtype: ComputeType,
    device: Device,
    /// libtorch tensors may move between threads, but two threads must not use one at once.
    model: Mutex<VisionTransformer>,
}

impl Vit {
    /// The model, locked for one caller.
    fn model(&self) -> MutexGuard<'_, VisionTransformer> {
        // A panic in a call leaves the model unchanged, because nothing writes to it.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch of images, normalised for the model.
    fn pixels(&self, images: TensorView<'_>) -> Result<Tensor> {
        let kind = self.dtype.kind();
        self.preprocessing
            .normalisation
            .batch(images, self.shape.image(), kind, self.device)
    }

    /// The error for a prompt at an unknown site.
    fn misplaced(&self, site: &str) -> Error {
        Error::unsupported(format!(
            "unknown site `{site}`; images have `{PROMPT}` and `{KV}0` to `{KV}{}`",
            self.shape.layers - 1
        ))
    }
}

/// The prompt sites of a model with this shape.
fn sites(shape: &Shape) -> VisualSites {
    VisualSites {
        width: shape.width,
        layers: shape.layers as usize,
    }
}

impl Backbone for Vit {
    type Parameters = Parameters;

    fn create(parameters: Parameters, setting: BackboneSetting) -> Result<Self> {
        parameters.preprocessing.check()?;
        let device = device::named(&setting.device)?;
        threads::set(setting.threads)?;
        let location = ModelLocation {
            path: parameters.path.as_deref(),
            model: parameters.model.as_deref(),
            revision: parameters.revision.as_deref(),
        };
        let folder = Folder::open(
            location.folder(&setting.folder)?,
            "a vision transformer in timm's layout",
            &[CONFIG, WEIGHTS],
        )?;
        let file = folder.file(CONFIG);
        let config = Config::open(&file)?;
        let mut weights = Weights::open(&folder.file(WEIGHTS), parameters.dtype.kind(), device)?
            .shaped_by("the other tensors");
        let shape = Shape::of(&weights)?;
        let wrong = |problem: String| Error::data(problem).context(named(&file));
        let heads = config.heads(shape.width).map_err(wrong)?;
        let of_folder = Preprocessing {
            image: config.image(shape.image() as u32).map_err(wrong)?,
            normalisation: config.normalisation().map_err(wrong)?,
        };
        let preprocessing = of_folder.with(&parameters.preprocessing)?;
        let _mode = GradientMode::off();
        let model = VisionTransformer::new(&shape, heads, &mut weights)?;
        let fingerprint = folder.fingerprint(&format!("vit-v{VERSION}"), &[CONFIG], &weights)?;
        let info = BackboneInfo {
            name: parameters.model.unwrap_or_else(|| folder.name()),
            fingerprint: preprocessing.fingerprint(&of_folder, fingerprint),
            embedding_width: shape.width as u32,
            image: preprocessing.image.clone(),
            text: None,
            logit_scale: None,
            device: device_name(device),
            dtype: parameters.dtype.name().into(),
            sites: sites(&shape).all(),
            outputs: OUTPUTS.map(String::from).into(),
            output_widths: sites(&shape).output_widths(),
            image_batch: parameters.batch,
        };
        Ok(Vit {
            info,
            shape,
            preprocessing,
            dtype: parameters.dtype,
            device,
            model: Mutex::new(model),
        })
    }

    fn info(&self) -> BackboneInfo {
        self.info.clone()
    }

    fn encode_images(&self, images: TensorView<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let pixels = self.pixels(images)?;
        let rows = pixels.size()[0];
        if rows == 0 {
            let options = (self.dtype.kind(), self.device);
            let none = Tensor::f_zeros([0, self.shape.width], options);
            return recording::embeddings(&none.during("the embeddings")?);
        }
        let outputs = self
            .model()
            .outputs(&pixels, &VisualPrompts::default(), &[EMBEDDING]);
        let outputs = Work::Images(rows).during("encoding", outputs)?;
        recording::embeddings(&outputs[0])
    }

    fn forward(&self, inputs: &Inputs<'_>, sites: &[Site<'_>], wanted: &[&str]) -> Result<Forward> {
        let _mode = GradientMode::on();
        recording::expect_sound(inputs, sites, wanted, &OUTPUTS)?;
        let Inputs::Images { images, options } = *inputs else {
            return Err(Error::unsupported("this backbone has no text encoder"));
        };
        let options: Options = parameters::deserialize(options)?;
        let pixels = self.pixels(images)?;
        let rows = pixels.size()[0];
        let (prompts, leaves) = self::sites(&self.shape).prompts(
            sites,
            wanted,
            rows,
            options.prompt_position,
            (self.dtype.kind(), self.device),
            |site| self.misplaced(site),
        )?;
        let work = Work::Images(rows);
        let outputs = self.model().outputs(&pixels, &prompts, wanted);
        let outputs = work.during("encoding", outputs)?;
        let names = wanted.iter().map(|&name| name.to_owned());
        recording::forward(work, names.zip(outputs).collect(), leaves)
    }
}
