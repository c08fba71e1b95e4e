//! The classifier that class prompts make: what both strategies here share, apart from what they learn from.
//!
//! A class that was seen is scored with the key of its prompt, any other with its zero-shot text feature; see
//! [`Unseen`]. The names of the classes seen and the prompts are all that it remembers.

use crate::keys;
use crate::parameters::{Context, Precision, Prompting, Training, Trains};
use crate::prompts::{ClassPrompts, Widths};
use crate::tuning::{self, Seen, Tuning};
use clbench_torch::During;
use clbench_torch::bridge::{self, device, threads};
use clbench_torch::prompting::class_texts::{
    TextFeatures, readable, scored, text_features, unit_features,
};
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::{Device, TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::TrainingSamples;
use harness_abi::{
    BackboneHandle, Batch, Class, Error, Host, Learned, Outline, Result, Setting, State,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How class names become texts, and how classes not yet seen are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// Underscores of a name become spaces; zero-shot text features have unit length, as keys have.
    Unit,
    /// Names stay as they are; zero-shot text features are as long as the backbone gives them, so that an unseen class's
    /// logits are multiplied by that length. This is what the reference code does.
    Raw,
}

/// Class prompts, and the classes that they are of.
#[derive(Debug)]
pub struct Classifier {
    prompting: Prompting,
    options: &'static [u8],
    unseen: Unseen,
    seed: u64,
    device: Device,
    host: Host,
    backbone: BackboneHandle,
    scale: f64,
    /// The classes seen, by id.
    names: Vec<String>,
    prompts: ClassPrompts,
    /// The zero-shot text features of the classes seen, not normalised, `[classes seen, embedding width]`.
    zero_shot: Option<Tensor>,
    /// What classes are scored with, the prompts being as they are.
    features: TextFeatures,
}

/// The state's JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    seen: Vec<String>,
}

impl Classifier {
    /// Checks that there is a device and a backbone with all that class prompts need. Gives how many numbers of the prompts
    /// are trained.
    ///
    /// # Errors
    ///
    /// [`Error::unsupported`] or [`Error::parameter`] for what is not there.
    pub fn check(prompting: &Prompting, outline: &Outline) -> Result<u64> {
        device::named(&outline.device)?;
        let info = outline.backbone()?;
        text_encoder::logit_scale(info)?;
        let widths = Widths::of(info, prompting)?;
        Ok(widths.trained(prompting, outline.classes))
    }

    /// The classifier before its first class.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check).
    pub fn new(
        prompting: Prompting,
        precision: Precision,
        unseen: Unseen,
        setting: Setting,
    ) -> Result<Classifier> {
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let backbone = setting.backbone()?.clone();
        let widths = Widths::of(backbone.info(), &prompting)?;
        Ok(Classifier {
            options: precision.text_options(),
            unseen,
            seed: setting.seed,
            device,
            host: setting.host,
            scale: text_encoder::logit_scale(backbone.info())?,
            backbone,
            names: Vec::new(),
            prompts: ClassPrompts::new(&prompting, widths, setting.seed, device)?,
            zero_shot: None,
            features: TextFeatures::default(),
            prompting,
        })
    }

    /// The cell's seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// How many classes were seen.
    pub fn classes(&self) -> u32 {
        self.names.len() as u32
    }

    /// Takes a task's classes in: they are seen from now on.
    ///
    /// # Errors
    ///
    /// If their ids do not go on from those seen, or the backbone reports something.
    pub fn arrive(&mut self, classes: &[Class]) -> Result<()> {
        let mut classes: Vec<&Class> = classes.iter().collect();
        classes.sort_by_key(|class| class.id);
        for class in classes {
            if class.id != self.classes() {
                return Err(Error::failed(format!(
                    "class {} arrives, but {} classes were seen; their ids should be in the order of arrival",
                    class.id,
                    self.classes()
                )));
            }
            self.names.push(class.name.clone());
        }
        self.prompts
            .grow(self.classes(), &self.prompting, self.seed)?;
        self.know()
    }

    /// Trains the prompts of the classes seen; `first` is the first class of the task. See [`tuning::train`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn tune(
        &mut self,
        first: u32,
        training: &Training,
        section: &str,
        samples: impl FnMut(u32) -> Result<TrainingSamples>,
    ) -> Result<Learned> {
        self.features.clear();
        let first = match self.prompting.train {
            Trains::Seen => 0,
            Trains::Task => first,
        };
        let names = self.written_names();
        let seen = Seen {
            backbone: &self.backbone,
            names: &names,
            zero_shot: self.seen_features()?,
            options: self.options,
        };
        let tuning = Tuning::new(seen, &self.prompts, first, self.prompting.orthogonality)?;
        let learned = tuning::train(&tuning, training, section, &self.host, samples)?;
        self.prompts = tuning.prompts()?;
        Ok(learned)
    }

    /// The logits of a batch for its classes.
    ///
    /// # Errors
    ///
    /// What the backbone or libtorch reports.
    pub fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let images = unit_features(&batch.features(0)?, self.device)?;
        let logits = match self.prompts.context() {
            Context::ImageConditioned => self.logits_of_images(&images, batch.classes())?,
            _ => {
                let texts = self.keys(batch.classes())?;
                return scored(&images, &texts, self.scale);
            }
        };
        let logits = logits.f_to_device(Device::Cpu).during("scoring a batch")?;
        bridge::copy_out(&logits)
    }

    /// Copies names and prompts into a state.
    ///
    /// # Errors
    ///
    /// What libtorch reports.
    pub fn put(&self, written: &mut State) -> Result<()> {
        written.json = json!(Memory {
            seen: self.names.clone()
        });
        self.prompts.put(written)
    }

    /// Takes names and prompts out of a state.
    ///
    /// # Errors
    ///
    /// If it is not one of this classifier's.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        self.names = written.read::<Memory>()?.seen;
        self.prompts
            .grow(self.classes(), &self.prompting, self.seed)?;
        self.prompts = self.prompts.take(written)?;
        self.know()
    }

    /// Reads the zero-shot text features of the classes seen: always all of them in one call, so that they are the same
    /// bits whether the classes arrived one after another or were restored.
    fn know(&mut self) -> Result<()> {
        self.features.clear();
        self.zero_shot = match &self.names[..] {
            [] => None,
            names => {
                let texts: Vec<String> = names.iter().map(|name| self.filled(name)).collect();
                Some(self.zero_shot_features(&texts)?)
            }
        };
        Ok(())
    }

    fn seen_features(&self) -> Result<&Tensor> {
        self.zero_shot
            .as_ref()
            .ok_or_else(|| Error::failed("no class was seen yet"))
    }

    fn written_names(&self) -> Vec<String> {
        self.names.iter().map(|name| self.written(name)).collect()
    }

    /// A class name as it stands in a text.
    fn written(&self, name: &str) -> String {
        match self.unseen {
            Unseen::Unit => readable(name),
            Unseen::Raw => name.into(),
        }
    }

    fn filled(&self, name: &str) -> String {
        self.prompting.template.replace("{}", &self.written(name))
    }

    /// What classes are scored with where images do not matter, `[classes, embedding width]`.
    fn keys(&mut self, classes: &[Class]) -> Result<Tensor> {
        // Taken out, since what is missing is made with `self`.
        let mut features = std::mem::take(&mut self.features);
        let found = features.of(classes, |missing| self.missing_keys(missing));
        self.features = features;
        found
    }

    /// Of classes seen the keys of their prompts, of others their zero-shot text features, in the order of the classes.
    fn missing_keys(&self, classes: &[&Class]) -> Result<Tensor> {
        let is_seen = |class: &Class| class.id < self.classes();
        let mut parts = Vec::new();
        if classes.iter().any(|class| is_seen(class)) {
            let (names, zero_shot) = (self.written_names(), self.seen_features()?);
            let (backbone, prompts) = (&self.backbone, &self.prompts);
            let options = self.options;
            parts.push(keys::text_keys(
                backbone, prompts, &names, zero_shot, options,
            )?);
        }
        // Keys of all classes seen come first, where there are any.
        let mut next: i64 = parts.iter().map(|keys| keys.size()[0]).sum();
        let mut texts = Vec::new();
        let mut rows: Vec<i64> = Vec::new();
        for class in classes {
            if is_seen(class) {
                rows.push(class.id.into());
            } else {
                texts.push(self.filled(&class.name));
                rows.push(next);
                next += 1;
            }
        }
        if !texts.is_empty() {
            parts.push(self.unseen_features(&texts)?);
        }
        Tensor::f_cat(&parts, 0)
            .and_then(|all| all.f_index_select(0, &self.numbers(&rows)?))
            .during("what the classes are scored with")
    }

    /// Numbers on the device.
    fn numbers(&self, numbers: &[i64]) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(numbers)?.f_to_device(self.device)
    }

    fn zero_shot_features(&self, texts: &[String]) -> Result<Tensor> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        text_features(&self.backbone, &texts, self.device)
    }

    fn unseen_features(&self, texts: &[String]) -> Result<Tensor> {
        let features = self.zero_shot_features(texts)?;
        match self.unseen {
            Unseen::Unit => unit_rows(&features).during("text features of unseen classes"),
            Unseen::Raw => Ok(features),
        }
    }

    /// Logits where every image has keys of its own for the classes seen; `[images, classes]`.
    fn logits_of_images(&mut self, images: &Tensor, classes: &[Class]) -> Result<Tensor> {
        let doing = "scoring a batch";
        let (seen, unseen): (Vec<&Class>, Vec<&Class>) =
            classes.iter().partition(|class| class.id < self.classes());
        let mut parts = Vec::new();
        if !seen.is_empty() {
            let names: Vec<String> = seen.iter().map(|class| self.written(&class.name)).collect();
            // Part by part: the keys of all images at once would fill the memory.
            for (start, length) in keys::chunks(images.size()[0], names.len() as i64) {
                let part = images.f_narrow(0, start, length).during(doing)?;
                let (backbone, prompts) = (&self.backbone, &self.prompts);
                let keys = keys::image_keys(backbone, prompts, &names, &part, self.options)?;
                let logits = tuning::image_logits(&part, &keys, self.scale);
                parts.push(logits.during(doing)?);
            }
            parts = vec![Tensor::f_cat(&parts, 0).during(doing)?];
        }
        if !unseen.is_empty() {
            let unseen: Vec<Class> = unseen.into_iter().cloned().collect();
            let texts = self.keys(&unseen)?;
            let logits = clbench_torch::prompting::cosine::logits(images, &texts, self.scale);
            parts.push(logits.during(doing)?);
        }
        // Where each class's column is: seen ones first, then the others.
        let (mut at_seen, mut at_unseen) = (0..seen.len() as i64, seen.len() as i64..);
        let columns: Vec<i64> = classes
            .iter()
            .filter_map(|class| match class.id < self.classes() {
                true => at_seen.next(),
                false => at_unseen.next(),
            })
            .collect();
        Tensor::f_cat(&parts, 1)
            .and_then(|logits| logits.f_index_select(1, &self.numbers(&columns)?))
            .during(doing)
    }
}
