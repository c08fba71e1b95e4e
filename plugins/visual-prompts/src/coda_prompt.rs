//! CODA-Prompt, *COntinual Decomposed Attention-based Prompting* (Smith et al., CVPR 2023, arXiv
//! 2211.13218). An image's prompt is a sum of components, weighted by the similarity between its
//! query, masked by each component's attention vector, and the component's key.
//!
//! Each of the first layers has components Pₘ with keys Kₘ and attention vectors Aₘ. With the
//! cosine similarity γ and the element-wise product ⊙,
//!
//! ```text
//! p = Σₘ αₘ Pₘ        αₘ = γ(q ⊙ Aₘ, Kₘ)
//! ```
//!
//! (equations 3 to 5), without softmax or threshold. The first half of p is a prefix of the layer's
//! keys, the second half a prefix of its values. Each task has an equal share of the components: it
//! trains its own, uses those of earlier tasks frozen, and does not use those of later tasks. A
//! task's components are initialised orthogonal to each other and to all earlier ones, by the
//! [Gram-Schmidt process](gram_schmidt).
//!
//! The loss is the cross-entropy plus, for each layer and each matrix T of K, A and P (with
//! flattened components) whose rows are the earlier and current components,
//!
//! ```text
//! λ · mean of the squared entries of T Tᵀ − I
//! ```
//!
//! (equation 8, with the mean of the released code instead of a norm). Earlier components are
//! constants in it.

pub mod gram_schmidt;
mod parameters;

pub use parameters::{Parameters, Preset, Settings};

use crate::image_encoder::{EncoderShape, prefix_sites};
use crate::method::{Chosen, Method, Plan, Stage};
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::prompting::images::CLASS_TOKEN;
use clbench_torch::tch::nn::Path;
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::{During, Generator};
use harness_abi::parameters::require;
use harness_abi::{Outline, Result};

/// CODA-Prompt's components.
#[derive(Debug)]
pub struct CodaPrompt {
    orthogonality_weight: f64,
    /// The number of components per task.
    per_task: i64,
    /// K, `[layers, components, width]`.
    keys: Tensor,
    /// A, `[layers, components, width]`.
    attention: Tensor,
    /// P, `[layers, components, length, width]`.
    prompts: Tensor,
}

impl Method for CodaPrompt {
    type Parameters = Parameters;

    fn plan(parameters: &Parameters, outline: &Outline) -> Result<Plan> {
        let settings = parameters.settings();
        settings.check()?;
        let info = outline.backbone()?;
        let sites = prefix_sites(info, &settings.layers, "layers")?;
        let width = EncoderShape::of(info, &sites, &[])?.width;
        let components = settings.components;
        require(
            "components",
            components >= outline.tasks,
            &format!("at least {}, one per task", outline.tasks),
            components,
        )?;
        require(
            "components",
            i64::from(components) <= width,
            &format!(
                "at most {width}, the width of backbone `{}`, or they cannot be orthogonal",
                info.name
            ),
            components,
        )?;
        let vectors = u64::from(components) * (u64::from(settings.prompt_length) + 2);
        Ok(Plan {
            training: settings.training,
            vectors: sites.len() as u64 * vectors,
            sites,
            output: CLASS_TOKEN,
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
        _: &mut Generator,
    ) -> Result<CodaPrompt> {
        let settings = parameters.settings();
        let (layers, components) = (plan.sites.len() as i64, i64::from(settings.components));
        // A component is 0 until its task starts.
        let vectors = [layers, components, width];
        let length = i64::from(settings.prompt_length);
        Ok(CodaPrompt {
            orthogonality_weight: settings.orthogonality_weight,
            per_task: components / i64::from(plan.tasks.max(1)),
            keys: variables.zeros("keys", &vectors),
            attention: variables.zeros("attention", &vectors),
            prompts: variables.zeros("prompts", &[layers, components, length, width]),
        })
    }

    fn begin(&mut self, task: u32, generator: &mut Generator) -> Result<()> {
        let (past, count) = (self.past(task), self.per_task);
        for tensor in [&self.keys, &self.attention, &self.prompts] {
            for layer in 0..tensor.size()[0] {
                let rows = tensor
                    .f_select(0, layer)
                    .and_then(|rows| rows.f_flatten(1, -1))
                    .during("selecting the components of a layer")?;
                let before = rows
                    .f_narrow(0, 0, past)
                    .during("selecting the components of earlier tasks")?;
                let new = gram_schmidt::orthogonal_to(&before, count, generator)?;
                rows.f_narrow(0, past, count)
                    .and_then(|mut own| own.f_copy_(&new))
                    .during("initialising the components of a task")?;
            }
        }
        Ok(())
    }

    fn choose(&self, query: &Tensor, stage: Stage) -> Result<Chosen, TchError> {
        let [keys, attention, prompts] =
            [&self.keys, &self.attention, &self.prompts].map(|tensor| self.used(tensor, stage));
        let (keys, attention, prompts) = (keys?, attention?, prompts?);
        let [layers, components, length, width] = prompts.size4()?.into();
        let images = query.size()[0];
        let mut chosen = Vec::new();
        let mut penalties = Vec::new();
        for layer in 0..layers {
            let (keys, attention) = (keys.f_select(0, layer)?, attention.f_select(0, layer)?);
            let prompts = prompts
                .f_select(0, layer)?
                .f_reshape([components, length * width])?;
            let prompt = weights(query, &attention, &keys)?.f_matmul(&prompts)?;
            chosen.push(prompt.f_view([images, 2, length / 2, width])?);
            if matches!(stage, Stage::Training(_)) && self.orthogonality_weight > 0.0 {
                for rows in [&keys, &attention, &prompts] {
                    penalties.push(departure(rows)?);
                }
            }
        }
        let term = match penalties.is_empty() {
            true => None,
            false => Some(
                Tensor::f_stack(&penalties, 0)?
                    .f_sum(Kind::Float)?
                    .f_mul_scalar(self.orthogonality_weight)?,
            ),
        };
        Ok(Chosen {
            prompts: chosen,
            term,
        })
    }

    fn pooled(&self, output: &Tensor) -> Result<Tensor, TchError> {
        Ok(output.shallow_clone())
    }
}

impl CodaPrompt {
    /// The number of components of the tasks before `task`, which counts from 1.
    fn past(&self, task: u32) -> i64 {
        (i64::from(task) - 1) * self.per_task
    }

    /// The components in use; in training, those of earlier tasks are constants.
    fn used(&self, components: &Tensor, stage: Stage) -> Result<Tensor, TchError> {
        let used = i64::from(stage.tasks()) * self.per_task;
        match stage {
            Stage::Prediction(_) => components.f_narrow(1, 0, used),
            Stage::Training(task) => {
                let past = components.f_narrow(1, 0, self.past(task))?.f_detach()?;
                let own = components.f_narrow(1, used - self.per_task, self.per_task)?;
                Tensor::f_cat(&[past, own], 1)
            }
        }
    }
}

/// α `[images, components]`: γ(q ⊙ Aₘ, Kₘ) for queries `[images, width]`, `attention` and `keys`
/// `[components, width]`.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn weights(query: &Tensor, attention: &Tensor, keys: &Tensor) -> Result<Tensor, TchError> {
    // ⟨q ⊙ A, K / |K|⟩ = ⟨q, A ⊙ K / |K|⟩ and |q ⊙ A|² = ⟨q², A²⟩, which avoids a tensor of shape
    // [images, components, width].
    let products = query.f_matmul(&attention.f_mul(&unit_rows(keys)?)?.f_tr()?)?;
    let lengths = query.f_square()?.f_matmul(&attention.f_square()?.f_tr()?)?;
    products.f_div(&lengths.f_clamp_min(1e-24)?.f_sqrt()?)
}

/// How far the rows `[n, width]` are from orthonormal: the mean of the squared entries of T Tᵀ − I.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn departure(rows: &Tensor) -> Result<Tensor, TchError> {
    let identity = Tensor::f_eye(rows.size()[0], (rows.kind(), rows.device()))?;
    rows.f_matmul(&rows.f_tr()?)?
        .f_sub(&identity)?
        .f_square()?
        .f_mean(Kind::Float)
}
