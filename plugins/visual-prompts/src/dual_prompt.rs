//! DualPrompt, *Complementary Prompting for Rehearsal-free Continual Learning* (Wang et al., ECCV
//! 2022, arXiv 2204.04799). It has general prompts (G-prompts), shared by all tasks, in the first
//! layers, and expert prompts (E-prompts), one per task, in later layers.
//!
//! Both are used for prefix tuning: keys and values prepended to a layer's own. Training uses the
//! task's own expert and pulls its key towards the queries; prediction uses, for each image, the
//! expert with the most similar key. The loss of a mini-batch is
//!
//! ```text
//! cross-entropy − λ · γ(q, the task's key), averaged over the batch
//! ```
//!
//! with the cosine similarity γ (equation 6). An expert is initialised with the previous task's
//! expert; its key is not.
//!
//! Differences from public code: there, an image chooses among all keys of the pool, including
//! untrained ones of future tasks; here, only among the tasks learned. And dualprompt-pytorch, a
//! PyTorch port, reshapes `[layers, 2, batch, …]` to `[layers, batch, 2, …]` without transposing,
//! which mixes keys and values of different images' experts; here they stay separate.

mod parameters;

pub use parameters::{Parameters, Preset, Settings};

use crate::image_encoder::prefix_sites;
use crate::method::{Chosen, Method, Plan, Stage};
use crate::pool::{largest, similarity};
use clbench_torch::prompting::images::CLASS_TOKEN;
use clbench_torch::tch::nn::Path;
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::{During, Generator};
use harness_abi::{Error, Outline, Result};

/// DualPrompt's general and expert prompts.
#[derive(Debug)]
pub struct DualPrompt {
    key_weight: f64,
    /// `[layers, 2, length, width]`: keys and values for every general layer.
    general: Tensor,
    /// `[layers, tasks, 2, length, width]`.
    experts: Tensor,
    /// `[tasks, width]`: one per expert, for all layers.
    keys: Tensor,
}

impl Method for DualPrompt {
    type Parameters = Parameters;

    fn plan(parameters: &Parameters, outline: &Outline) -> Result<Plan> {
        let settings = parameters.settings();
        settings.check()?;
        let info = outline.backbone()?;
        let mut sites = prefix_sites(info, &settings.general_layers, "general_layers")?;
        let experts = prefix_sites(info, &settings.expert_layers, "expert_layers")?;
        let both = |layer: &&u32| settings.general_layers.contains(layer);
        if let Some(layer) = settings.expert_layers.iter().find(both) {
            return Err(Error::parameter(
                "expert_layers",
                format!("layer {layer} is also in `general_layers`; remove it from one of the two"),
            ));
        }
        sites.extend(experts);
        let vectors = |layers: &[u32], length: u32| 2 * layers.len() as u64 * u64::from(length);
        let general = vectors(&settings.general_layers, settings.general_length);
        let expert = vectors(&settings.expert_layers, settings.expert_length);
        Ok(Plan {
            training: settings.training,
            sites,
            output: CLASS_TOKEN,
            vectors: general + u64::from(outline.tasks) * (expert + 1),
            head: settings.head,
            tasks: outline.tasks,
            batch_dependent: false,
        })
    }

    fn new(
        parameters: Parameters,
        plan: &Plan,
        width: i64,
        variables: &Path<'_>,
        generator: &mut Generator,
    ) -> Result<DualPrompt> {
        let settings = parameters.settings();
        let [low, high] = settings.init_range;
        let device = variables.device();
        let mut uniform = |shape: &[i64]| generator.uniform_tensor(shape, low, high, device);
        let (layers, length) = (settings.general_layers.len(), settings.general_length);
        let general = uniform(&[layers as i64, 2, length.into(), width])?;
        let (layers, length) = (settings.expert_layers.len(), settings.expert_length);
        let tasks = i64::from(plan.tasks);
        let experts = uniform(&[layers as i64, tasks, 2, length.into(), width])?;
        let keys = uniform(&[tasks, width])?;
        Ok(DualPrompt {
            key_weight: settings.key_weight,
            general: variables.var_copy("general", &general),
            experts: variables.var_copy("experts", &experts),
            keys: variables.var_copy("keys", &keys),
        })
    }

    fn begin(&mut self, task: u32, _: &mut Generator) -> Result<()> {
        let Some(previous) = i64::from(task).checked_sub(2).filter(|&task| task >= 0) else {
            return Ok(());
        };
        let copied = || {
            let previous = self.experts.f_select(1, previous)?;
            self.experts
                .f_select(1, i64::from(task) - 1)?
                .f_copy_(&previous)
        };
        copied().during("copying the previous expert")
    }

    fn choose(&self, query: &Tensor, stage: Stage) -> Result<Chosen, TchError> {
        let images = query.size()[0];
        let (experts, term) = match stage {
            Stage::Training(task) => {
                let own = i64::from(task) - 1;
                let similarity = similarity(query, &self.keys.f_narrow(0, own, 1)?)?;
                let term = similarity
                    .f_sum(Kind::Float)?
                    .f_mul_scalar(-self.key_weight / images as f64)?;
                let mut shape = self.experts.size();
                shape[1] = images;
                let experts = self.experts.f_narrow(1, own, 1)?.f_expand(shape, false)?;
                (experts, Some(term))
            }
            Stage::Prediction(tasks) => {
                let keys = self.keys.f_narrow(0, 0, i64::from(tasks.max(1)))?;
                let nearest = largest(&similarity(query, &keys)?, 1)?.f_view([-1])?;
                (self.experts.f_index_select(1, &nearest)?, None)
            }
        };
        let mut shape = self.general.size();
        shape.insert(1, images);
        let general = self.general.f_unsqueeze(1)?.f_expand(shape, false)?;
        // Each layer's part has shape [images, 2, length, width].
        let mut prompts = general.f_unbind(0)?;
        prompts.extend(experts.f_unbind(0)?);
        Ok(Chosen { prompts, term })
    }

    fn pooled(&self, output: &Tensor) -> Result<Tensor, TchError> {
        Ok(output.shallow_clone())
    }
}
