//! The backbone `clip`: a folder in Hugging Face's or OpenCLIP's layout as a plugin.

use crate::config::{Config, EndOfText};
use crate::folder::{ClipFolder, Layout, PREPROCESSOR, PROCESSOR};
use crate::model::vision::PromptEntry;
use crate::model::{self, PooledModel, VisionModel};
use crate::open_clip::{OpenClipConfig, Renamed};
use crate::preprocessor;
use crate::rows::Rows;
use crate::sites::{self, EMBEDDING, OUTPUTS};
use crate::text_encoder::TextEncoder;
use crate::tokenizer::{END, Tokenizer};
use clbench_torch::During;
use clbench_torch::bridge::{device, threads};
use clbench_torch::tch::{Device, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_transformer::compute::{ComputeType, device_name};
use clbench_transformer::folder::named;
use clbench_transformer::location::ModelLocation;
use clbench_transformer::preprocessing::{Changes, Preprocessing};
use clbench_transformer::recording;
use clbench_transformer::visual::VisualPrompts;
use clbench_transformer::work::Work;
use harness_abi::backbone::TextInfo;
use harness_abi::{
    Backbone, BackboneInfo, BackboneSetting, Error, Forward, Host, Inputs, Level, ParameterSet,
    Place, Result, Site, TensorView,
};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Changes when the same folder gives other numbers.
const VERSION: u32 = 2;
/// Texts encoded at once.
const TEXT_BATCH: usize = 256;

/// The parameters of `clip`.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// A folder in Hugging Face's or OpenCLIP's layout, relative to the scenario.
    pub path: Option<PathBuf>,
    /// Instead of `path`: the name of a model on the Hugging Face hub, such as
    /// `openai/clip-vit-large-patch14`, that `clbench fetch model` has downloaded into the hub's
    /// cache.
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

/// CLIP.
#[derive(Debug)]
pub struct Clip {
    info: BackboneInfo,
    pub(crate) config: Config,
    preprocessing: Preprocessing,
    pub(crate) rows: Rows,
    pub(crate) dtype: ComputeType,
    pub(crate) device: Device,
    /// libtorch tensors may move between threads, but two threads must not use one at once.
    vision: Mutex<VisionModel>,
    texts: Mutex<TextEncoder>,
}

impl Clip {
    /// The image encoder, locked for one caller.
    pub(crate) fn vision(&self) -> MutexGuard<'_, VisionModel> {
        // A panic in a call leaves the model unchanged, because nothing writes to it.
        self.vision.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text encoder, locked for one caller.
    pub(crate) fn texts(&self) -> MutexGuard<'_, TextEncoder> {
        // A panic leaves nothing half done: what is kept between calls is complete or absent.
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch of images, normalised for the model.
    pub(crate) fn pixels(&self, images: TensorView<'_>) -> Result<Tensor> {
        let side = self.config.vision.image_size;
        let normalisation = &self.preprocessing.normalisation;
        normalisation.batch(images, side, self.dtype.kind(), self.device)
    }

    /// `[0, embedding width]`.
    fn no_embeddings(&self) -> Result<Tensor, TchError> {
        let options = (self.dtype.kind(), self.device);
        Tensor::f_zeros([0, self.config.projection_dim], options)
    }
}

impl Backbone for Clip {
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
        let folder = ClipFolder::open(location.folder(&setting.folder)?)?;
        let (config, of_folder) = shape(&folder, &setting.host)?;
        let preprocessing = of_folder.with(&parameters.preprocessing)?;
        let text = &config.text;
        let tokenizer = Tokenizer::open(&folder.tokenizer())?;
        tokenizer.expect_within(text.vocab_size, &folder.config())?;
        expect_end(&tokenizer, &config, &folder)?;
        let mut weights = folder.weights(parameters.dtype.kind(), device)?;
        let _mode = GradientMode::off();
        let model = match folder.layout {
            Layout::Transformers => model::Clip::new(&config, &mut weights),
            Layout::OpenClip => model::Clip::new(&config, &mut Renamed::new(&mut weights)),
        }?;
        weights.expect_used(is_harmless)?;
        let logit_scale = f64::try_from(&model.logit_scale)
            .during("reading `logit_scale`")?
            .exp();
        let pooled = PooledModel::new(model.text, tokenizer.start()).during("the text encoder")?;

        let kind = format!("clip-v{VERSION}");
        let fingerprint = folder
            .folder
            .fingerprint(&kind, &folder.others(), &weights)?;
        let info = BackboneInfo {
            name: parameters.model.unwrap_or_else(|| folder.folder.name()),
            fingerprint: preprocessing.fingerprint(&of_folder, fingerprint),
            embedding_width: config.projection_dim as u32,
            image: preprocessing.image.clone(),
            text: Some(TextInfo {
                context_length: text.max_position_embeddings as u32,
                width: text.hidden_size as u32,
                layers: text.num_hidden_layers as u32,
            }),
            logit_scale: Some(logit_scale),
            device: device_name(device),
            dtype: parameters.dtype.name().into(),
            sites: sites::all(&config),
            outputs: OUTPUTS.map(String::from).into(),
            output_widths: sites::visual(&config).output_widths(),
            image_batch: parameters.batch,
        };
        Ok(Clip {
            info,
            preprocessing,
            rows: Rows::new(
                tokenizer,
                text.end_of_text(),
                text.max_position_embeddings as usize,
                setting.host,
            ),
            dtype: parameters.dtype,
            device,
            vision: Mutex::new(model.vision),
            texts: Mutex::new(TextEncoder::new(parameters.dtype, pooled)),
            config,
        })
    }

    fn info(&self) -> BackboneInfo {
        self.info.clone()
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let rows = texts
            .iter()
            .map(|text| self.rows.row(text, Place::Front, 0, ""))
            .collect::<Result<Vec<_>>>()?;
        let mut embeddings = vec![self.no_embeddings().during("the embeddings")?];
        for rows in rows.chunks(TEXT_BATCH) {
            embeddings.push(self.texts().encode(rows)?.embedding);
        }
        recording::embeddings(&Tensor::f_cat(&embeddings, 0).during("the embeddings")?)
    }

    fn encode_images(&self, images: TensorView<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let pixels = self.pixels(images)?;
        let rows = pixels.size()[0];
        if rows == 0 {
            return recording::embeddings(&self.no_embeddings().during("the embeddings")?);
        }
        let (prompts, entry) = (VisualPrompts::default(), PromptEntry::default());
        let outputs = self
            .vision()
            .outputs(&pixels, &prompts, entry, &[EMBEDDING]);
        let outputs = Work::Images(rows).during("encoding", outputs)?;
        recording::embeddings(&outputs[0])
    }

    fn forward(&self, inputs: &Inputs<'_>, sites: &[Site<'_>], wanted: &[&str]) -> Result<Forward> {
        let _mode = GradientMode::on();
        recording::expect_sound(inputs, sites, wanted, &OUTPUTS)?;
        match *inputs {
            Inputs::Images { images, options } => {
                self.forward_images(images, options, sites, wanted)
            }
            Inputs::Texts {
                texts,
                row_text,
                place,
                options,
            } => self.forward_texts(texts, row_text, place, options, sites, wanted),
        }
    }
}

/// Whether a tensor that is not read is no part of the model: numbers that follow from its shape,
/// which older versions of transformers, OpenCLIP and OpenAI's own program wrote.
fn is_harmless(tensor: &str) -> bool {
    let tensor = tensor.strip_prefix("text.").unwrap_or(tensor);
    tensor.ends_with(".embeddings.position_ids")
        || [
            "attn_mask",
            "context_length",
            "input_resolution",
            "vocab_size",
        ]
        .contains(&tensor)
}

/// The model's shape and preprocessing, read from the folder.
fn shape(folder: &ClipFolder, host: &Host) -> Result<(Config, Preprocessing)> {
    match folder.layout {
        Layout::Transformers => {
            let config = Config::open(&folder.config())?;
            let image_size = config.vision.image_size as u32;
            let preprocessing = preprocessor::open(&folder.preprocessor(), image_size)?;
            if let Some(other) = folder.other_preprocessor()
                && preprocessor::open(&other, image_size).ok().as_ref() != Some(&preprocessing)
            {
                host.log(Level::Warning, &two_preprocessors(folder));
            }
            Ok((config, preprocessing))
        }
        Layout::OpenClip => {
            let OpenClipConfig {
                config,
                preprocessing,
            } = OpenClipConfig::open(&folder.config())?;
            Ok((config, preprocessing))
        }
    }
}

/// The warning about a folder whose two files with image preprocessing differ.
fn two_preprocessors(folder: &ClipFolder) -> String {
    format!(
        "{}: {PROCESSOR} and {PREPROCESSOR} prepare images differently; {PROCESSOR} is read, as by transformers 5, but \
         transformers 4 reads {PREPROCESSOR}; delete the one that is out of date",
        folder.folder.path().display()
    )
}

/// Checks that texts are pooled at their end token. With another id every text would be pooled at
/// its start, and all texts would have the same embedding.
fn expect_end(tokenizer: &Tokenizer, config: &Config, folder: &ClipFolder) -> Result<()> {
    match config.text.end_of_text() {
        EndOfText::Token(id) if id != tokenizer.end() => Err(Error::data(format!(
            "`text_config.eos_token_id` is {id}, but `{END}` has id {} in {}; take both files from one folder",
            tokenizer.end(),
            named(folder.tokenizer().vocabulary())
        ))
        .context(named(&folder.config()))),
        _ => Ok(()),
    }
}
