//! The strategy `linear-head`.

use crate::head::{Head, TaskSamples, normalised};
use crate::parameters::{Parameters, TrainOn};
use clbench_torch::bridge::{self, device, threads};
use clbench_torch::tch::{Device, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::{During, Generator};
use harness_abi::{
    Batch, Declaration, Error, Host, Learned, Outline, Result, Setting, State, Strategy, Task,
};

/// Softmax regression on the frozen features of one backbone. It keeps no past data; its state is
/// its weights.
#[derive(Debug)]
pub struct LinearHead {
    parameters: Parameters,
    seed: u64,
    device: Device,
    host: Host,
    head: Head,
}

impl Strategy for LinearHead {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        let device = device::named(&outline.device)?;
        let width = u64::from(outline.backbone()?.embedding_width);
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
            memory_bytes: (device == Device::Cpu).then_some(values * size_of::<f32>() as u64),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let width = setting.backbone()?.info().embedding_width;
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
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        self.samples(task)
            .and_then(|samples| self.train(task.id(), &samples))
            .map_err(|error| error.context(format!("learning task {}", task.id())))
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = self.features(&batch.features(0)?)?;
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
        self.head.state()
    }

    fn restore(&mut self, state: State) -> Result<()> {
        self.head.restore(state)
    }
}

impl LinearHead {
    /// A task's samples and their candidate classes. Class ids follow the order of arrival, so the
    /// ids of a task are contiguous, and so are all ids seen so far.
    fn samples(&self, task: &Task<'_>) -> Result<TaskSamples> {
        let ids = || task.classes().iter().map(|class| i64::from(class.id));
        let first = match self.parameters.train_on {
            TrainOn::Seen => 0,
            TrainOn::Task => ids().min().unwrap_or(0),
        };
        let candidates = first..ids().max().map_or(first, |last| last + 1);
        if let Some(label) = task
            .labels()
            .iter()
            .find(|label| !candidates.contains(label))
        {
            return Err(Error::failed(format!(
                "a sample has class {label}, which is not among the candidates {candidates:?}"
            )));
        }
        Ok(TaskSamples {
            features: self.features(&task.features(0, &task.rows())?)?,
            labels: Tensor::f_from_slice(task.labels())
                .and_then(|labels| labels.f_to_device(self.device))
                .during("preparing the labels")?,
            candidates,
        })
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

    /// Copies features to the device and preprocesses them for the head.
    fn features(&self, features: &harness_abi::Tensor) -> Result<Tensor> {
        bridge::copy_in(features.view())?
            .f_to_device(self.device)
            .and_then(|features| normalised(features, self.parameters.normalise))
            .during("preparing the features")
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
        let mut generator = Generator::new(3, "samples", classes.start as u32);
        let labels: Vec<i64> = classes.flat_map(|class| [class; 40]).collect();
        let features: Vec<f32> = labels
            .iter()
            .flat_map(|&label| {
                (0..i64::from(WIDTH)).map(move |at| f64::from(u8::from(at == label)))
            })
            .map(|mean| (scale * (mean + 0.1 * generator.normal())) as f32)
            .collect();
        TaskSamples {
            features: Tensor::from_slice(&features).view((-1, i64::from(WIDTH))),
            labels: Tensor::from_slice(&labels),
            candidates,
        }
    }

    /// The accuracy with all classes as candidates.
    fn accuracy(strategy: &LinearHead, samples: &TaskSamples) -> f64 {
        let all: Vec<i64> = (0..CLASSES).collect();
        let logits = strategy.head.logits(&samples.features, &all).unwrap();
        let right = logits.argmax(1, false).eq_tensor(&samples.labels);
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
        assert_eq!(accuracy(&joint, &everything), 1.0);

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
        assert_eq!(accuracy(&sequence, &samples(4..6, 0..6, 1.0)), 1.0);
        assert!(accuracy(&sequence, &samples(0..2, 0..6, 1.0)) < 0.2);
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
