//! The strategy `cgil`: Continual Generative training for Incremental prompt-Learning (Frascaroli
//! et al., arXiv 2407.15793).
//!
//! For each task, a generator is fitted to the image embeddings of each of its classes. Then the
//! prompts of all classes seen are trained on embeddings sampled from the generators, new ones in
//! every epoch, as in joint training; real embeddings are not used. Unseen classes are scored as by
//! zero-shot CLIP.
//!
//! The state is the generators and the prompts. Random numbers depend on the seed, the task and the
//! class. A class that comes back in a later task keeps its prompt and gets a further generator,
//! which shares the class's draws with the earlier ones.

use crate::classifier::{Classifier, Unseen};
use crate::parameters::{CgilParameters, Fidelity};
use clbench_generators::replay::Drawn;
use clbench_generators::{ClassFeatures, Fitting, Generator, Replay};
use clbench_torch::bridge::device;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, Kind};
use clbench_torch::training::GradientMode;
use clbench_torch::training::{TrainingSamples, all_finite};
use clbench_torch::{During, Noise, bridge};
use harness_abi::{
    Batch, Declaration, Error, Learned, Level, Outline, Result, Setting, State, Strategy, Task,
};
use std::time::Instant;

/// CGIL.
#[derive(Debug)]
pub struct Cgil {
    parameters: CgilParameters,
    generator: Box<dyn Generator>,
    /// The generators of the classes seen.
    replay: Replay,
    /// N, the number of classes of the stream.
    classes: u32,
    classifier: Classifier,
}

impl Strategy for Cgil {
    type Parameters = CgilParameters;

    fn check(parameters: &CgilParameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        let prompts = Classifier::check(&parameters.prompt, outline)?;
        let (classes, width) = (
            u64::from(outline.classes),
            u64::from(outline.backbone()?.embedding_width),
        );
        let generators = classes * parameters.generator().trained_parameters(width);
        // A task's embeddings and their normalised copy; the generators, in the state, and as its
        // bytes; an epoch's draws as they are drawn, in random order, and normalised.
        let draws = classes * u64::from(parameters.samples_per_class) * width;
        let values = 2 * outline.task_samples * width + 3 * generators + 3 * draws;
        let on_cpu = device::named(&outline.device)? == Device::Cpu;
        Ok(Declaration {
            keeps: vec![parameters.keeps()],
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: prompts + generators,
            memory_bytes: on_cpu.then_some(values * size_of::<f32>() as u64),
            ..Declaration::default()
        })
    }

    fn create(parameters: CgilParameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        let unseen = match parameters.fidelity {
            Fidelity::Corrected => Unseen::Unit,
            Fidelity::Reference => Unseen::Raw,
        };
        let (prompt, precision) = (parameters.prompt.clone(), parameters.precision);
        let classes = setting.classes;
        Ok(Cgil {
            classifier: Classifier::new(prompt, precision, unseen, setting)?,
            generator: parameters.generator(),
            replay: Replay::default(),
            classes,
            parameters,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        self.learn_task(task)
            .map_err(|error| error.context(format!("learning task {}", task.id())))
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        self.classifier.predict(batch)
    }

    fn state(&self) -> Result<State> {
        let mut written = State::default();
        self.classifier.put(&mut written)?;
        self.replay.put(&mut written)?;
        Ok(written)
    }

    fn restore(&mut self, mut written: State) -> Result<()> {
        self.classifier.take(&mut written)?;
        let (classes, device) = (self.classifier.classes(), self.classifier.device());
        self.replay = Replay::take(&mut written, classes, device)?;
        Ok(())
    }
}

impl Cgil {
    fn learn_task(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        let (seed, device) = (self.classifier.seed(), self.classifier.device());
        let features = features_by_class(task, device)?;
        self.classifier.arrive(task.classes())?;
        let fitting = Fitting {
            seed,
            task: task.id(),
            device,
            kind: self.parameters.precision.kind(),
            host: self.classifier.host(),
        };
        let start = Instant::now();
        let fit = self
            .generator
            .fit(&features, &fitting)
            .map_err(|error| error.context("fitting the generators"))?;
        let fit_seconds = start.elapsed().as_secs_f64();
        let fitted: Vec<u32> = features.iter().map(|class| class.class).collect();
        self.replay.extend(fit.fitted, &fitted)?;

        let count = i64::from(self.parameters.samples_per_class);
        let mut draws = self
            .replay
            .noise(seed, "draws", task.id(), self.classes, device)?;
        let mut order = Noise::new(seed, "order", task.id(), &[0], device)?;
        let (generator, replay) = (&*self.generator, &self.replay);
        let samples = |_| {
            let _mode = GradientMode::off();
            let drawn = replay.draw(generator, count, &mut draws)?;
            shuffled(&drawn, &mut order).during("drawing embeddings")
        };
        let training = &self.parameters.alignment;
        let start = Instant::now();
        let aligned = self
            .classifier
            .tune(task.classes(), training, "alignment", samples)
            .map_err(|error| error.context("aligning the prompts"))?;
        let alignment_seconds = start.elapsed().as_secs_f64();
        self.classifier.host().log(
            Level::Info,
            &format!(
                "task {}: generators fitted in {fit_seconds:.2} s, prompts aligned in \
                 {alignment_seconds:.2} s",
                task.id()
            ),
        );
        Ok(Learned {
            optimiser_steps: fit.optimiser_steps + aligned.optimiser_steps,
        })
    }
}

/// A task's embeddings by class, in the order of class ids.
fn features_by_class(task: &Task<'_>, device: Device) -> Result<Vec<ClassFeatures>> {
    let mut classes: Vec<_> = task.classes().iter().collect();
    classes.sort_by_key(|class| class.id);
    classes
        .into_iter()
        .map(|class| {
            let rows: Vec<u32> = (0..)
                .zip(task.labels())
                .filter_map(|(row, &label)| (label == i64::from(class.id)).then_some(row))
                .collect();
            if rows.is_empty() {
                return Err(Error::data(format!(
                    "class `{}` has no training samples to fit a generator to",
                    class.name
                )));
            }
            let doing = "copying the embeddings";
            let features = bridge::copy_in(task.features(0, &rows)?.view())?
                .f_to_device(device)
                .and_then(|features| features.f_to_kind(Kind::Float))
                .during(doing)?;
            if !all_finite(&features).during(doing)? {
                return Err(Error::data(format!(
                    "the embeddings of class `{}` contain NaN or infinite values",
                    class.name
                )));
            }
            Ok(ClassFeatures {
                class: class.id,
                features,
            })
        })
        .collect()
}

/// The samples drawn for the classes, in random order.
fn shuffled(
    drawn: &Drawn,
    order: &mut Noise,
) -> std::result::Result<TrainingSamples, clbench_torch::tch::TchError> {
    let (rows, _) = drawn.features.size2()?;
    let order = order.permutation(rows)?.f_squeeze_dim(0)?;
    Ok(TrainingSamples {
        features: unit_rows(&drawn.features.f_index_select(0, &order)?)?,
        targets: drawn.labels()?.f_index_select(0, &order)?,
    })
}
