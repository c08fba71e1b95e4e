//! The strategy `cgil`: Continual Generative training for Incremental prompt-Learning (Frascaroli
//! et al., arXiv 2407.15793).
//!
//! For each task, a generator is fitted to the image embeddings of each of its classes. Then the
//! prompts of all classes seen are trained on embeddings sampled from the generators, new ones in
//! every epoch, as in joint training; real embeddings are not used. Unseen classes are scored as by
//! zero-shot CLIP.
//!
//! The state is the generators and the prompts. Random numbers depend on the seed, the task and the
//! class.

use crate::classifier::{Classifier, Unseen};
use crate::generator::{ClassFeatures, Fitted, Fitting, Generator};
use crate::parameters::{CgilParameters, Fidelity};
use clbench_torch::bridge::device;
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::{TrainingSamples, all_finite};
use clbench_torch::{During, Noise, bridge};
use harness_abi::{
    Batch, Declaration, Error, Learned, Outline, Result, Setting, State, Strategy, Task,
};

/// CGIL.
#[derive(Debug)]
pub struct Cgil {
    parameters: CgilParameters,
    generator: Box<dyn Generator>,
    /// The generators of the classes seen.
    fitted: Fitted,
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
        Ok(Cgil {
            classifier: Classifier::new(prompt, precision, unseen, setting)?,
            generator: parameters.generator(),
            fitted: Fitted::default(),
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
        self.fitted.put(&mut written)?;
        Ok(written)
    }

    fn restore(&mut self, mut written: State) -> Result<()> {
        self.classifier.take(&mut written)?;
        let (classes, device) = (self.classifier.classes().into(), self.classifier.device());
        self.fitted = Fitted::take(&mut written, classes, device)?;
        Ok(())
    }
}

impl Cgil {
    fn learn_task(&mut self, task: &Task<'_>) -> Result<Learned> {
        let _mode = GradientMode::off();
        let (seed, device) = (self.classifier.seed(), self.classifier.device());
        let first = self.classifier.classes();
        let features = features_by_class(task, device)?;
        self.classifier.arrive(task.classes())?;
        let fitting = Fitting {
            seed,
            task: task.id(),
            device,
            kind: self.parameters.precision.kind(),
            host: self.classifier.host(),
        };
        let fit = self
            .generator
            .fit(&features, &fitting)
            .map_err(|error| error.context("fitting the generators"))?;
        self.fitted.extend(fit.fitted)?;

        let classes: Vec<u32> = (0..self.classifier.classes()).collect();
        let count = i64::from(self.parameters.samples_per_class);
        let mut draws = Noise::new(seed, "draws", task.id(), &classes, device)?;
        let mut order = Noise::new(seed, "order", task.id(), &[0], device)?;
        let (generator, fitted) = (&self.generator, &self.fitted);
        let samples = |_| {
            let _mode = GradientMode::off();
            let drawn = generator.draw(fitted, count, &mut draws)?;
            shuffled(&drawn, &mut order).during("drawing embeddings")
        };
        let training = &self.parameters.alignment;
        let aligned = self
            .classifier
            .tune(first, training, "alignment", samples)
            .map_err(|error| error.context("aligning the prompts"))?;
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

/// The samples drawn for the classes, `[classes, count, width]`, in random order.
fn shuffled(
    drawn: &Tensor,
    order: &mut Noise,
) -> std::result::Result<TrainingSamples, clbench_torch::tch::TchError> {
    let (classes, count, width) = drawn.size3()?;
    let order = order.permutation(classes * count)?.f_squeeze_dim(0)?;
    // Row r belongs to class r / count.
    let targets = order.f_div_scalar_mode(count, "floor")?;
    let drawn = drawn.f_reshape([classes * count, width])?;
    Ok(TrainingSamples {
        features: unit_rows(&drawn.f_index_select(0, &order)?)?,
        targets,
    })
}
