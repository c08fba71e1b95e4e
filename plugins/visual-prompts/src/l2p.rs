//! L2P, *Learning to Prompt for Continual Learning* (Wang et al., CVPR 2022, arXiv 2112.08654).
//! From a prompt pool, every image gets the prompts whose keys are most similar to its query.
//!
//! With a query q, keys k₁ … k_M and the cosine similarity γ, the k prompts with the largest γ(q,
//! kᵢ) are inserted before the patches, the head's input is the mean of the outputs at their
//! tokens, and the loss of a mini-batch is
//!
//! ```text
//! cross-entropy − w · Σ over the selected i of γ(q, kᵢ), averaged over the batch
//! ```
//!
//! (equation 5, with the distance 1 − γ). The similarities are summed over the k prompts, as in
//! both published implementations.
//!
//! Prompts get the class token's position embedding, as in l2p-pytorch with pre-trained weights,
//! and go between class token and patches; the JAX code puts them first, without position
//! embedding.

mod parameters;

pub use parameters::{Insertion, Parameters, Pooling, Preset, Settings};

use crate::image_encoder;
use crate::method::{Chosen, Method, Plan, Stage};
use crate::pool::{largest, similarity};
use clbench_torch::prompting::images::{CLASS_TOKEN, PROMPT, PROMPTS, TOKENS};
use clbench_torch::tch::nn::Path;
use clbench_torch::tch::{Kind, TchError, Tensor};
use clbench_torch::{During, Generator};
use harness_abi::{Outline, Result};

/// L2P's prompt pool.
#[derive(Debug)]
pub struct L2p {
    settings: Settings,
    /// `[pool, length, width]`.
    prompts: Tensor,
    /// `[pool, width]`.
    keys: Tensor,
    /// The position of the first prompt's token in the planned output.
    first_prompt: i64,
}

impl Method for L2p {
    type Parameters = Parameters;

    fn plan(parameters: &Parameters, outline: &Outline) -> Result<Plan> {
        let settings = parameters.settings();
        settings.check()?;
        let sites = match settings.insertion {
            Insertion::Tokens => vec![PROMPT.into()],
            Insertion::Prefixes => {
                image_encoder::prefix_sites(outline.backbone()?, &[1], "insertion")?
            }
        };
        Ok(Plan {
            training: settings.training,
            sites,
            output: match settings.pooling {
                Pooling::ClassToken => CLASS_TOKEN,
                // Cheaper than all tokens, but not every backbone has it.
                Pooling::Prompts
                    if outline.backbone()?.outputs.iter().any(|has| has == PROMPTS) =>
                {
                    PROMPTS
                }
                Pooling::Prompts | Pooling::ClassTokenAndPrompts => TOKENS,
            },
            vectors: u64::from(settings.pool_size) * (u64::from(settings.prompt_length) + 1),
            head: settings.head,
            tasks: outline.tasks,
            batch_dependent: settings.batchwise,
        })
    }

    fn new(
        parameters: Parameters,
        plan: &Plan,
        width: i64,
        variables: &Path<'_>,
        generator: &mut Generator,
    ) -> Result<L2p> {
        let settings = parameters.settings();
        let (pool, length) = (
            i64::from(settings.pool_size),
            i64::from(settings.prompt_length),
        );
        let [low, high] = settings.init_range;
        let device = variables.device();
        let prompts = generator.uniform_tensor(&[pool, length, width], low, high, device)?;
        let keys = generator.uniform_tensor(&[pool, width], low, high, device)?;
        Ok(L2p {
            settings,
            prompts: variables.var_copy("prompts", &prompts),
            keys: variables.var_copy("keys", &keys),
            first_prompt: match plan.output {
                PROMPTS => 0,
                // After the class token.
                _ => 1,
            },
        })
    }

    fn begin(&mut self, task: u32, _: &mut Generator) -> Result<()> {
        let (Some(own), Some(previous)) = (self.own(task), self.own(task - 1)) else {
            return Ok(());
        };
        self.prompts
            .f_index_select(0, &previous)
            .and_then(|previous| self.prompts.f_index_copy_(0, &own, &previous))
            .map(drop)
            .during("copying the previous task's prompts")
    }

    fn choose(&self, query: &Tensor, stage: Stage) -> Result<Chosen, TchError> {
        let images = query.size()[0];
        let similarity = similarity(query, &self.keys)?;
        let ids = self.selected(&similarity, stage)?;
        // [images, k, length, width]
        let prompts = self.prompts.f_index_select(0, &ids.f_reshape([-1])?)?;
        let width = self.prompts.size()[2];
        let prompts = match self.settings.insertion {
            Insertion::Tokens => prompts.f_view([images, -1, width])?,
            Insertion::Prefixes => {
                // The first half of a prompt is keys, the second half values: [images, k, 2, length
                // / 2, width].
                let half = self.prompts.size()[1] / 2;
                prompts
                    .f_view([images, -1, 2, half, width])?
                    .f_transpose(1, 2)?
                    .f_reshape([images, 2, -1, width])?
            }
        };
        let term = match stage {
            Stage::Training(_) => {
                let selected = similarity.f_gather(1, &ids, false)?.f_sum(Kind::Float)?;
                Some(selected.f_mul_scalar(-self.settings.key_weight / images as f64)?)
            }
            Stage::Prediction(_) => None,
        };
        Ok(Chosen {
            prompts: vec![prompts],
            term,
        })
    }

    fn pooled(&self, output: &Tensor) -> Result<Tensor, TchError> {
        let tokens = i64::from(self.settings.top_k * self.settings.prompt_length);
        let mean = |from: i64, tokens: i64| {
            let tokens = output.f_narrow(1, from, tokens)?;
            tokens.f_mean_dim([1_i64].as_slice(), false, Kind::Float)
        };
        match self.settings.pooling {
            Pooling::Prompts => mean(self.first_prompt, tokens),
            Pooling::ClassTokenAndPrompts => mean(0, 1 + tokens),
            Pooling::ClassToken => Ok(output.shallow_clone()),
        }
    }
}

impl L2p {
    /// The keys, `[pool, width]`.
    pub fn keys(&self) -> &Tensor {
        &self.keys
    }

    /// Selects the prompts of every image, i64 `[images, k]`, by similarity `[images, pool]`, most
    /// similar first.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn selected(&self, similarity: &Tensor, stage: Stage) -> Result<Tensor, TchError> {
        let (images, k) = (similarity.size()[0], i64::from(self.settings.top_k));
        if let (Stage::Training(task), true) = (stage, self.settings.task_prompts)
            && let Some(own) = self.own(task)
        {
            return own.f_expand([images, k], false);
        }
        let ids = largest(similarity, k)?;
        if !self.settings.batchwise {
            return Ok(ids);
        }
        // The number of images that chose each prompt; ties go to the first.
        let pool = self.settings.pool_size.into();
        let counts = ids.f_reshape([-1])?.f_bincount(None::<Tensor>, pool)?;
        largest(&counts, k)?.f_expand([images, k], false)
    }

    /// The prompts of a task, which counts from 1, if each task has its own; `None` if prompts are
    /// chosen by similarity or the pool is used up.
    fn own(&self, task: u32) -> Option<Tensor> {
        let k = i64::from(self.settings.top_k);
        let end = i64::from(task) * k;
        let has = self.settings.task_prompts && task > 0 && end <= self.settings.pool_size.into();
        has.then(|| Tensor::arange_start(end - k, end, (Kind::Int64, self.keys.device())))
    }
}
