//! The initial variables, with the standard deviations of CLIP's own code (`initialize_parameters`
//! in openai/CLIP), where residual branches are scaled down with depth.

use clbench_clip::config::Config;
use clbench_torch::tch::nn::{Init, VarStore};
use clbench_torch::tch::{Device, Tensor};
use clbench_torch::{During, Generator};
use clbench_transformer::source::Source;
use harness_abi::Result;

/// The optimiser's group without weight decay: biases, norms, position embeddings, the logit scale.
pub const UNDECAYED: usize = 1;

/// Creates a variable for every tensor that the model requests.
pub struct Initial<'a> {
    /// The variables created so far, with the model's names.
    pub variables: VarStore,
    config: &'a Config,
    generator: Generator,
}

impl<'a> Initial<'a> {
    /// Starts without variables.
    pub fn new(config: &'a Config, seed: u64) -> Initial<'a> {
        Initial {
            variables: VarStore::new(Device::Cpu),
            config,
            generator: Generator::new(seed, "weights", 0),
        }
    }

    fn deviation(&self, name: &str) -> Option<f64> {
        let (width, layers) = match name.starts_with("text") {
            true => (
                self.config.text.hidden_size,
                self.config.text.num_hidden_layers,
            ),
            false => (
                self.config.vision.hidden_size,
                self.config.vision.num_hidden_layers,
            ),
        };
        let usual = (width as f64).powf(-0.5);
        let residual = usual * (2.0 * layers as f64).powf(-0.5);
        let ends = |end: &str| name.ends_with(end);
        Some(match () {
            _ if ends("token_embedding.weight") => 0.02,
            _ if ends("position_embedding.weight") && name.starts_with("text") => 0.01,
            _ if ends("position_embedding.weight") || ends("class_embedding") => usual,
            _ if ends("patch_embedding.weight") => {
                let patch = self.config.vision.patch_size;
                ((3 * patch * patch) as f64).powf(-0.5)
            }
            _ if ends("_proj.weight") && !ends("out_proj.weight") => usual,
            _ if ends("out_proj.weight") || ends("fc2.weight") => residual,
            _ if ends("fc1.weight") => (2.0 * width as f64).powf(-0.5),
            _ if ends("projection.weight") => usual,
            _ => return None,
        })
    }
}

impl Source for Initial<'_> {
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let decayed = shape.len() >= 2 && !name.contains("position_embedding");
        let mut path = self.variables.root();
        let mut parts = name.split('.').peekable();
        let mut leaf = "";
        while let Some(part) = parts.next() {
            match parts.peek() {
                Some(_) => path = &path / part,
                None => leaf = part,
            }
        }
        let path = path.set_group(if decayed { 0 } else { UNDECAYED });
        if let Some(deviation) = self.deviation(name) {
            let values = self
                .generator
                .normal_tensor(shape, deviation, Device::Cpu)?;
            return path.f_var_copy(leaf, &values).during(name);
        }
        let constant = match name {
            // 1 / 0.07, CLIP's initial value.
            "logit_scale" => (1.0_f64 / 0.07).ln(),
            _ if leaf == "weight" => 1.0,
            _ => 0.0,
        };
        path.f_var(leaf, shape, Init::Const(constant)).during(name)
    }
}
