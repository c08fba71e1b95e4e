//! The strategy `nearest-mean-of-exemplars`.

use crate::nearest_mean::NearestMean;
use crate::parameters::Parameters;
use clbench_torch::During;
use clbench_torch::bridge::{self, device, threads};
use clbench_torch::exemplars::{Contents, Memory, Offer};
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::training::GradientMode;
use harness_abi::{
    Batch, Declaration, Error, Host, Learned, Outline, Result, Setting, State, Strategy, Task,
};

/// iCaRL's classifier and memory (arXiv 1611.07725) on the frozen features of one backbone. Nothing
/// is trained; its state is the exemplars.
#[derive(Debug)]
pub struct NearestMeanOfExemplars {
    parameters: Parameters,
    seed: u64,
    device: Device,
    host: Host,
    memory: Memory,
    /// Follows from the memory.
    means: NearestMean,
}

impl Strategy for NearestMeanOfExemplars {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        let device = device::named(&outline.device)?;
        let output = parameters.output;
        let width = u64::from(output.width(outline.backbone()?)?);
        parameters.check(outline.classes)?;
        // A task's features as the host lends them, and in libtorch; in herding, up to four copies
        // of those of a class in f64; the exemplars; the means, twice while they are replaced.
        let floats = 2 * outline.task_samples * width;
        let doubles = 4 * outline.task_samples * width + 2 * u64::from(outline.classes) * width;
        let row = width * size_of::<f32>() as u64;
        let bytes = floats * size_of::<f32>() as u64
            + doubles * size_of::<f64>() as u64
            + parameters.settings().bytes(outline, row);
        Ok(Declaration {
            keeps: vec![Contents::Features.keeps()],
            reads: output.reads(),
            adaptation: Some("backbone frozen".into()),
            memory_bytes: (device == Device::Cpu).then_some(bytes),
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check(setting.classes)?;
        threads::set(setting.threads)?;
        let device = device::named(&setting.device)?;
        let width = parameters.output.width(setting.backbone()?.info())?;
        let memory = Memory::new(
            parameters.settings(),
            setting.classes,
            &[width.into()],
            Kind::Float,
            device,
        )?;
        Ok(NearestMeanOfExemplars {
            parameters,
            seed: setting.seed,
            device,
            host: setting.host,
            means: NearestMean::new(&memory)?,
            memory,
        })
    }

    fn learn(&mut self, task: &Task<'_>) -> Result<Learned> {
        self.keep(task)
            .map_err(|error| error.context(format!("learning task {}", task.id())))?;
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let features = self.parameters.output.of_batch(batch, self.device)?;
        let classes = batch.classes().iter().map(|class| class.id.into());
        let logits = self
            .means
            .logits(&features, &classes.collect::<Vec<i64>>())
            .during("scoring a batch")?;
        bridge::copy_out(&logits)
    }

    fn state(&self) -> Result<State> {
        let mut state = State::default();
        self.memory.put(&mut state)?;
        Ok(state)
    }

    fn restore(&mut self, mut state: State) -> Result<()> {
        let _mode = GradientMode::off();
        self.memory.take(&mut state)?;
        self.means = NearestMean::new(&self.memory)?;
        Ok(())
    }
}

impl NearestMeanOfExemplars {
    /// Chooses the exemplars of a task, and computes all means anew.
    fn keep(&mut self, task: &Task<'_>) -> Result<()> {
        let _mode = GradientMode::off();
        if self.host.cancelled() {
            return Err(Error::cancelled());
        }
        let output = self.parameters.output;
        let features = output.of_task(task, &task.rows(), self.device)?;
        let offer = Offer {
            features: &features,
            labels: task.labels(),
            kept: None,
            seed: self.seed,
            task: task.id(),
        };
        self.memory.update(&offer, |rows| {
            let rows: Vec<i64> = rows.iter().map(|&row| row.into()).collect();
            Tensor::f_from_slice(&rows)
                .and_then(|rows| rows.f_to_device(self.device))
                .and_then(|rows| features.f_index_select(0, &rows))
                .during("selecting exemplars")
        })?;
        self.means = NearestMean::new(&self.memory)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::testkit::ToyBackbone;

    #[test]
    fn what_is_kept_is_declared() {
        let outline = Outline {
            tasks: 2,
            classes: 10,
            samples: 500,
            task_samples: 300,
            device: "cpu".into(),
            backbones: vec![ToyBackbone::handle().info().clone()],
            ..Outline::default()
        };
        let declared = |json: &str| {
            let parameters = harness_abi::parameters::parse(json.as_bytes()).unwrap();
            NearestMeanOfExemplars::check(&parameters, &outline).unwrap()
        };
        let token = declared(r#"{"output": "class-token", "memory": {"per_class": 5}}"#);
        assert_eq!(token.keeps, [harness_abi::Keeps::Features]);
        assert_eq!(token.reads, ["class_token"]);
        assert_eq!(token.trainable_parameters, 0);
        // Room for all samples, and for fifty.
        assert!(declared("{}").memory_bytes > token.memory_bytes);
    }
}
