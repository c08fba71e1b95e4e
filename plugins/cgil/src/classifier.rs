//! The classifier on class prompts, shared by both strategies; they differ in what they train it
//! on.
//!
//! A seen class is scored with the text key of its prompt, an unseen one with its zero-shot text
//! feature; see [`Unseen`]. Its state is the names of the classes seen and the prompts.

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

/// How class names become texts, and how unseen classes are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// Underscores in names become spaces; zero-shot text features have unit length, like text
    /// keys.
    Unit,
    /// Names are used as they are; zero-shot text features are not normalised, so an unseen class's
    /// logits are multiplied by their norm. The reference code does this.
    Raw,
}

/// Class prompts and their classes.
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
    /// The zero-shot text features of the classes seen, not normalised,
    /// `[classes seen, embedding width]`.
    zero_shot: Option<Tensor>,
    /// The text features that classes are scored with, for the current prompts.
    features: TextFeatures,
}

/// The JSON part of the state.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    seen: Vec<String>,
}

/// The classes seen in the order of their training: frozen ones first.
struct Order {
    classes: Vec<i64>,
    /// The number of frozen classes.
    frozen: u32,
}

impl Order {
    fn of(seen: u32, is_frozen: impl Fn(u32) -> bool) -> Order {
        let (frozen, trained): (Vec<u32>, Vec<u32>) = (0..seen).partition(|&id| is_frozen(id));
        Order {
            frozen: frozen.len() as u32,
            classes: frozen.into_iter().chain(trained).map(i64::from).collect(),
        }
    }

    fn is_by_id(&self) -> bool {
        self.classes.is_sorted()
    }

    /// The position of each class.
    fn positions(&self) -> Vec<i64> {
        let mut positions = vec![0; self.classes.len()];
        for (position, &class) in (0..).zip(&self.classes) {
            positions[class as usize] = position;
        }
        positions
    }
}

impl Classifier {
    /// Checks the device, and that the backbone supports class prompts. Returns the number of
    /// trainable parameters.
    ///
    /// # Errors
    ///
    /// [`Error::unsupported`] or [`Error::parameter`] for whatever is missing.
    pub fn check(prompting: &Prompting, outline: &Outline) -> Result<u64> {
        device::named(&outline.device)?;
        let info = outline.backbone()?;
        text_encoder::logit_scale(info)?;
        let widths = Widths::of(info, prompting)?;
        Ok(widths.trained(prompting, outline.classes))
    }

    /// Creates the classifier, without classes.
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

    /// The device it computes on.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The number of classes seen.
    pub fn classes(&self) -> u32 {
        self.names.len() as u32
    }

    /// Adds a task's new classes to those seen. A class that comes back keeps its prompt.
    ///
    /// # Errors
    ///
    /// If the ids of new classes do not continue those seen, a class comes back under another name,
    /// or the backbone reports an error.
    pub fn arrive(&mut self, classes: &[Class]) -> Result<()> {
        let mut classes: Vec<&Class> = classes.iter().collect();
        classes.sort_by_key(|class| class.id);
        for class in classes {
            match self.names.get(class.id as usize) {
                Some(name) if *name == class.name => {}
                Some(name) => {
                    return Err(Error::failed(format!(
                        "class {} is `{}` now, but was `{name}` in an earlier task; a class keeps its name",
                        class.id, class.name
                    )));
                }
                None if class.id == self.classes() => self.names.push(class.name.clone()),
                None => {
                    return Err(Error::failed(format!(
                        "class {} arrived after {} classes; class ids must follow the order of arrival",
                        class.id,
                        self.classes()
                    )));
                }
            }
        }
        self.prompts
            .grow(self.classes(), &self.prompting, self.seed)?;
        self.know()
    }

    /// Trains the prompts of the classes seen, or only those of the task's own classes, `own`;
    /// targets are class ids. See [`tuning::train`].
    ///
    /// # Errors
    ///
    /// As for [`tuning::train`].
    pub fn tune(
        &mut self,
        own: &[Class],
        training: &Training,
        section: &str,
        mut samples: impl FnMut(u32) -> Result<TrainingSamples>,
    ) -> Result<Learned> {
        self.features.clear();
        let order = match self.prompting.train {
            Trains::Seen => Order::of(self.classes(), |_| false),
            Trains::Task => Order::of(self.classes(), |id| own.iter().all(|class| class.id != id)),
        };
        let names = self.written_names();
        let orthogonality = self.prompting.orthogonality;
        if order.is_by_id() {
            let seen = Seen {
                backbone: &self.backbone,
                names: &names,
                zero_shot: self.seen_features()?,
                options: self.options,
            };
            let tuning = Tuning::new(seen, &self.prompts, order.frozen, orthogonality)?;
            let learned = tuning::train(&tuning, training, section, &self.host, samples)?;
            self.prompts = tuning.prompts()?;
            return Ok(learned);
        }
        // A class came back, so the frozen classes do not all come first.
        let doing = "reordering the classes";
        let names: Vec<String> = order
            .classes
            .iter()
            .map(|&class| names[class as usize].clone())
            .collect();
        let classes = self.numbers(&order.classes).during(doing)?;
        let positions = self.numbers(&order.positions()).during(doing)?;
        let zero_shot = self.seen_features()?.f_index_select(0, &classes);
        let seen = Seen {
            backbone: &self.backbone,
            names: &names,
            zero_shot: &zero_shot.during(doing)?,
            options: self.options,
        };
        let prompts = self.prompts.reordered(&classes)?;
        let tuning = Tuning::new(seen, &prompts, order.frozen, orthogonality)?;
        let moved = |epoch| {
            let samples = samples(epoch)?;
            Ok(TrainingSamples {
                targets: positions
                    .f_index_select(0, &samples.targets)
                    .during(doing)?,
                features: samples.features,
            })
        };
        let learned = tuning::train(&tuning, training, section, &self.host, moved)?;
        self.prompts = tuning.prompts()?.reordered(&positions)?;
        Ok(learned)
    }

    /// The logits of a batch for its candidate classes.
    ///
    /// # Errors
    ///
    /// Propagates errors from the backbone and from libtorch.
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

    /// Copies the class names and the prompts into a state.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        written.json = json!(Memory {
            seen: self.names.clone()
        });
        self.prompts.put(written)
    }

    /// Restores the class names and the prompts from a state.
    ///
    /// # Errors
    ///
    /// If the state does not belong to this classifier.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        self.names = written.read::<Memory>()?.seen;
        self.prompts
            .grow(self.classes(), &self.prompting, self.seed)?;
        self.prompts = self.prompts.take(written)?;
        self.know()
    }

    /// Encodes the zero-shot text features of the classes seen: always all in one call, so that
    /// they have the same bits whether the classes arrived one by one or were restored.
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
            .ok_or_else(|| Error::failed("no class has been learned yet"))
    }

    fn written_names(&self) -> Vec<String> {
        self.names.iter().map(|name| self.written(name)).collect()
    }

    /// A class name as used in a text.
    fn written(&self, name: &str) -> String {
        match self.unseen {
            Unseen::Unit => readable(name),
            Unseen::Raw => name.into(),
        }
    }

    fn filled(&self, name: &str) -> String {
        self.prompting.template.replace("{}", &self.written(name))
    }

    /// The text features of classes, `[classes, embedding width]`, if they do not depend on the
    /// image.
    fn keys(&mut self, classes: &[Class]) -> Result<Tensor> {
        // Taken out of `self`, because computing the missing ones needs `self`.
        let mut features = std::mem::take(&mut self.features);
        let found = features.of(classes, |missing| self.missing_keys(missing));
        self.features = features;
        found
    }

    /// The text keys of seen classes and the zero-shot text features of unseen ones, in the order
    /// of `classes`.
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
        // If there are keys, those of all seen classes come first.
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
            .during("collecting the classes' text features")
    }

    /// Copies numbers to the device.
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
            Unseen::Unit => {
                unit_rows(&features).during("normalising the text features of unseen classes")
            }
            Unseen::Raw => Ok(features),
        }
    }

    /// Logits `[images, classes]` if every image has its own text keys for the seen classes.
    fn logits_of_images(&mut self, images: &Tensor, classes: &[Class]) -> Result<Tensor> {
        let doing = "scoring a batch";
        let (seen, unseen): (Vec<&Class>, Vec<&Class>) =
            classes.iter().partition(|class| class.id < self.classes());
        let mut parts = Vec::new();
        if !seen.is_empty() {
            let names: Vec<String> = seen.iter().map(|class| self.written(&class.name)).collect();
            // In chunks: the keys of all images at once would not fit in memory.
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
        // The column of each class: first the seen ones, then the unseen ones.
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

#[cfg(test)]
mod tests;
