//! The strategy `linear-head`.

use crate::head::{Candidates, Head, TaskSamples, normalised};
use crate::parameters::{Parameters, TrainOn};
use clbench_torch::bridge::{self, device, threads};
use clbench_torch::tch::{Device, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Generator};
use harness_abi::{
    Batch, Declaration, Error, Host, Learned, Outline, Result, Setting, State, Strategy, Task,
};
use serde::{Deserialize, Serialize};

/// Softmax regression on the frozen features of one backbone. It keeps no past data; its state is
/// its weights.
#[derive(Debug)]
pub struct LinearHead {
    parameters: Parameters,
    seed: u64,
    device: Device,
    host: Host,
    head: Head,
    memory: Memory,
}

/// The JSON part of the state.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    /// The number of classes seen; their ids are 0, 1, …, because ids follow the order of arrival.
    seen: i64,
}

impl Strategy for LinearHead {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        let device = device::named(&outline.device)?;
        let width = u64::from(parameters.output.width(outline.backbone()?)?);
        let classes = u64::from(outline.classes);
        let trainable_parameters = classes * width + classes;
        // A task's features as the host lends them, in libtorch, and normalised; the parameters
        // with their gradient and the optimiser's moments, in the state, and as its bytes.
        let values = 3 * outline.task_samples * width + 6 * trainable_parameters;
        Ok(Declaration {
            keeps: Vec::new(),
            scores_unseen: false,
            batch_dependent: false,
            trainable_parameters,
            reads: parameters.output.reads(),
            memory_bytes: (device == Device::Cpu).then_some(values * size_of::<f32>() as u64),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let width = parameters.output.width(setting.backbone()?.info())?;
        let mut generator = Generator::new(setting.seed, "init", 0);
        let head = Head::new(
            setting.classes,
            width,
            parameters.init_std,
            &mut generator,
            device,
        )?;
        Ok(LinearHead {
            parameters,
            seed: setting.seed,
            device,
            host: setting.host,
            head,
            memory: Memory::default(),
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        let ids: Vec<i64> = task.classes().iter().map(|class| class.id.into()).collect();
        self.memory.seen = ids
            .iter()
            .fold(self.memory.seen, |seen, id| seen.max(id + 1));
        self.samples(task, ids)
            .and_then(|samples| self.train(task.id(), &samples))
            .map_err(|error| error.context(format!("learning task {}", task.id())))
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = self.normalised(self.parameters.output.of_batch(batch, self.device)?)?;
        let classes: Vec<i64> = batch
            .classes()
            .iter()
            .map(|class| class.id.into())
            .collect();
        let logits = self
            .head
            .logits(&features, &classes)
            .and_then(|logits| logits.f_to_device(Device::Cpu))
            .during("scoring a batch")?;
        bridge::copy_out(&logits)
    }

    fn state(&self) -> Result<State> {
        let mut written = self.head.state()?;
        written.write(&self.memory)?;
        Ok(written)
    }

    fn restore(&mut self, written: State) -> Result<()> {
        self.memory = written.read()?;
        self.head.restore(written)
    }
}

impl LinearHead {
    /// A task's samples and their candidate classes, given the ids of the task's own classes.
    fn samples(&self, task: &Task<'_>, own: Vec<i64>) -> Result<TaskSamples> {
        let candidates = match self.parameters.train_on {
            TrainOn::Seen => Candidates::new(0..self.memory.seen),
            TrainOn::Task => Candidates::new(own),
        };
        let output = self.parameters.output;
        let features = output.of_task(task, &task.rows(), self.device)?;
        TaskSamples::new(self.normalised(features)?, task.labels(), candidates)
    }

    /// Trains on a task's samples with a new optimiser and a sample order of its own.
    fn train(&self, task: u32, samples: &TaskSamples) -> Result<Learned> {
        let (epochs, batch_size) = (self.parameters.epochs, self.parameters.batch_size as usize);
        let mut generator = Generator::new(self.seed, "order", task);
        let mut optimiser = self
            .head
            .optimiser(&self.parameters)
            .during("making the optimiser")?;
        let _mode = GradientMode::on();
        for epoch in 1..=epochs {
            if self.host.cancelled() {
                return Err(Error::cancelled());
            }
            let doing = format!("epoch {epoch} of {epochs}");
            let order = generator.permutation(samples.len());
            let loss = self
                .head
                .epoch(&mut optimiser, samples, &order, batch_size)
                .during(&doing)?;
            if !loss.is_finite() {
                return Err(Error::failed(format!(
                    "training diverged: the loss is not finite; lower `lr` (now {})",
                    self.parameters.lr
                ))
                .context(doing));
            }
            self.host.scalar("loss", epoch.into(), loss);
            self.host.progress("epoch", epoch.into(), epochs.into());
        }
        Ok(Learned {
            optimiser_steps: u64::from(epochs) * samples.len().div_ceil(batch_size) as u64,
        })
    }

    /// Preprocesses features for the head.
    fn normalised(&self, features: Tensor) -> Result<Tensor> {
        normalised(features, self.parameters.normalise).during("preparing the features")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::tch::Kind;
    use harness_abi::ErrorCode;
    use harness_abi::host::HostService;
    use harness_abi::testkit::ToyBackbone;
    use std::ops::Range;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    const WIDTH: u32 = 16;
    const CLASSES: i64 = 6;

    /// A host that records what it is told and can cancel.
    #[derive(Default)]
    struct Notes {
        losses: Mutex<Vec<f64>>,
        progress: Mutex<Vec<(String, u64, u64)>>,
        end: AtomicBool,
    }

    impl HostService for Notes {
        fn progress(&self, phase: &str, done: u64, total: u64) {
            self.progress
                .lock()
                .unwrap()
                .push((phase.into(), done, total));
        }

        fn scalar(&self, name: &str, step: u64, value: f64) {
            let mut losses = self.losses.lock().unwrap();
            losses.push(value);
            assert_eq!((name, step), ("loss", losses.len() as u64));
        }

        fn cancelled(&self) -> bool {
            self.end.load(Ordering::SeqCst)
        }
    }

    fn head(parameters: Parameters, seed: u64, host: Host) -> LinearHead {
        let setting = Setting {
            seed,
            tasks: 3,
            classes: CLASSES as u32,
            device: "cpu".into(),
            threads: 1,
            folder: ".".into(),
            backbones: vec![ToyBackbone::handle()],
            host,
        };
        LinearHead::create(parameters, setting).unwrap()
    }

    /// Forty samples per class: one direction per class, plus noise.
    fn samples(classes: Range<i64>, candidates: Range<i64>, scale: f64) -> TaskSamples {
        let (features, labels) = features(classes, scale);
        TaskSamples::new(features, &labels, Candidates::new(candidates)).unwrap()
    }

    fn features(classes: Range<i64>, scale: f64) -> (Tensor, Vec<i64>) {
        let mut generator = Generator::new(3, "samples", classes.start as u32);
        let labels: Vec<i64> = classes.flat_map(|class| [class; 40]).collect();
        let features: Vec<f32> = labels
            .iter()
            .flat_map(|&label| {
                (0..i64::from(WIDTH)).map(move |at| f64::from(u8::from(at == label)))
            })
            .map(|mean| (scale * (mean + 0.1 * generator.normal())) as f32)
            .collect();
        let features = Tensor::from_slice(&features).view((-1, i64::from(WIDTH)));
        (features, labels)
    }

    /// The accuracy on forty samples of each of these classes, with all classes as candidates.
    fn accuracy(strategy: &LinearHead, classes: Range<i64>) -> f64 {
        let all: Vec<i64> = (0..CLASSES).collect();
        let (features, labels) = features(classes, 1.0);
        let logits = strategy.head.logits(&features, &all).unwrap();
        let right = logits
            .argmax(1, false)
            .eq_tensor(&Tensor::from_slice(&labels));
        right
            .to_kind(Kind::Double)
            .mean(Kind::Double)
            .double_value(&[])
    }

    #[test]
    fn joint_training_learns_all_classes_and_sequential_training_forgets() {
        let parameters = || Parameters {
            epochs: 30,
            lr: 0.1,
            ..Parameters::default()
        };
        let joint = head(parameters(), 1, Host::silent());
        let everything = samples(0..CLASSES, 0..CLASSES, 1.0);
        assert_eq!(
            joint.train(1, &everything).unwrap().optimiser_steps,
            30 * 240_u64.div_ceil(32)
        );
        assert_eq!(accuracy(&joint, 0..CLASSES), 1.0);

        let sequence = head(parameters(), 1, Host::silent());
        for task in 0..3 {
            let classes = 2 * task..2 * task + 2;
            sequence
                .train(
                    task as u32 + 1,
                    &samples(classes.clone(), 0..classes.end, 1.0),
                )
                .unwrap();
        }
        assert_eq!(accuracy(&sequence, 4..6), 1.0);
        assert!(accuracy(&sequence, 0..2) < 0.2);
    }

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        let bytes = |seed| {
            let strategy = head(Parameters::default(), seed, Host::silent());
            strategy.train(1, &samples(0..2, 0..2, 1.0)).unwrap();
            strategy.state().unwrap().to_bytes().unwrap()
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn every_epoch_is_reported_and_the_host_can_cancel() {
        let notes = Arc::new(Notes::default());
        let parameters = Parameters {
            epochs: 4,
            ..Parameters::default()
        };
        let strategy = head(parameters, 1, Host::serving(notes.clone()));
        let samples = samples(0..2, 0..2, 1.0);
        strategy.train(1, &samples).unwrap();
        let epochs: Vec<_> = (1..=4)
            .map(|epoch| ("epoch".to_owned(), epoch, 4))
            .collect();
        assert_eq!(*notes.progress.lock().unwrap(), epochs);
        let losses = notes.losses.lock().unwrap().clone();
        assert!(
            losses.is_sorted_by(|a, b| a > b) && losses[0] < 1.0,
            "{losses:?}"
        );

        notes.end.store(true, Ordering::SeqCst);
        let error = strategy.train(2, &samples).unwrap_err();
        assert_eq!(error.code(), ErrorCode::CANCELLED);
        assert_eq!(notes.losses.lock().unwrap().len(), 4);
    }

    #[test]
    fn divergence_is_an_error() {
        let parameters = Parameters {
            lr: 1e30,
            init_std: 0.0,
            ..Parameters::default()
        };
        let strategy = head(parameters, 1, Host::silent());
        let error = strategy.train(1, &samples(0..2, 0..2, 1e10)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "epoch 1 of 20: training diverged: the loss is not finite; lower `lr` (now 1000000000000000000000000000000)"
        );
    }

    #[test]
    fn an_unknown_device_is_named() {
        let setting = Setting {
            seed: 1,
            tasks: 1,
            classes: 2,
            device: "gpu".into(),
            threads: 1,
            folder: ".".into(),
            backbones: vec![ToyBackbone::handle()],
            host: Host::silent(),
        };
        let error = LinearHead::create(Parameters::default(), setting).unwrap_err();
        assert!(
            error.to_string().contains("unknown device `gpu`"),
            "{error}"
        );
    }
}
