//! Prompts in the image encoder: the sites where strategies insert them, and the prompts of a call.
//!
//! All transformer image encoders have the same sites, so a method that prompts images runs on any
//! of them: tokens beside the patches, and prefixes of each layer's keys and values.

use crate::layer::Prefix;
use crate::recording::Leaf;
use clbench_torch::During;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::backbone::SiteInfo;
use harness_abi::{Error, Result, Site};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;

/// The site of prompt tokens between an image's class token and its patches, `[images, n, width]`.
pub const PROMPT: &str = "visual.prompt";
/// The prefix-tuning sites, followed by the layer's number from 0: keys and values,
/// `[images, 2, n, width]`, prepended to the layer's own after the projections, before they are
/// split into heads.
pub const KV: &str = "visual.kv.";

/// The output for an image's embedding, `[images, embedding width]`: projected if the model has a
/// projection, not normalised.
pub const EMBEDDING: &str = "embedding";
/// The output for the class token after the final layer norm, `[images, width]`.
pub const CLASS_TOKEN: &str = "class_token";
/// The output for all tokens after the final layer norm, `[images, 1 + n + patches, width]`.
pub const TOKENS: &str = "tokens";
/// The output for the tokens of `visual.prompt` after the final layer norm, `[images, n, width]`.
pub const PROMPTS: &str = "prompts";
/// All outputs.
pub const OUTPUTS: [&str; 4] = [EMBEDDING, CLASS_TOKEN, TOKENS, PROMPTS];

/// Prompts for a batch of images.
#[derive(Debug, Default)]
pub struct VisualPrompts {
    /// Prompt tokens between the class token and the patches.
    pub tokens: Option<TokenPrompts>,
    /// Prefixes of keys and values, by layer, counted from 0.
    pub prefixes: BTreeMap<usize, Prefix>,
}

/// Prompt tokens.
#[derive(Debug)]
pub struct TokenPrompts {
    /// `[images, n, width]`.
    pub prompts: Tensor,
    /// The position embedding to add to each.
    pub position: PromptPosition,
}

impl VisualPrompts {
    fn is_empty(&self) -> bool {
        self.tokens.is_none() && self.prefixes.is_empty()
    }

    /// The number of prompt tokens.
    fn count(&self) -> i64 {
        let count = |tokens: &TokenPrompts| tokens.prompts.size()[1];
        self.tokens.as_ref().map_or(0, count)
    }
}

/// The tokens from which the outputs of a call are computed. The last layer leaves out the others.
///
/// Without prompts it computes all tokens: products of fewer rows are rounded differently, and the
/// embeddings of plain images, which every strategy reads, must not depend on what else is wanted.
#[derive(Debug)]
pub struct NeededTokens {
    /// The number of prompt tokens, which come after the class token.
    prompts: i64,
    /// `None` for all tokens.
    range: Option<Range<i64>>,
}

impl NeededTokens {
    /// The tokens that are needed for the outputs `wanted`.
    pub fn new(wanted: &[&str], prompts: &VisualPrompts) -> NeededTokens {
        let all = prompts.is_empty() || wanted.contains(&TOKENS);
        let prompts = prompts.count();
        let end = match wanted.contains(&PROMPTS) {
            true => 1 + prompts,
            false => 1,
        };
        let only_prompts = prompts > 0 && wanted.iter().all(|name| *name == PROMPTS);
        NeededTokens {
            prompts,
            range: (!all).then_some(i64::from(only_prompts)..end),
        }
    }

    /// Their range among all tokens of an image; `None` for all.
    pub fn range(&self) -> Option<Range<i64>> {
        self.range.clone()
    }

    /// The tokens of one output, from the needed tokens after the last layer,
    /// `[images, needed, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn of_output(&self, output: &str, needed: &Tensor) -> Result<Tensor, TchError> {
        let before = self.range.as_ref().map_or(0, |range| range.start);
        match output {
            TOKENS => Ok(needed.shallow_clone()),
            PROMPTS => needed.f_narrow(1, 1 - before, self.prompts),
            _ => needed.f_select(1, 0),
        }
    }
}

/// The position embedding of prompt tokens; the call option `prompt_position`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptPosition {
    /// The class token's, as in L2P.
    #[default]
    Class,
    /// None; a strategy can add its own to the prompt.
    None,
}

/// The sites of an image encoder.
#[derive(Debug, Clone, Copy)]
pub struct VisualSites {
    /// The width of a token.
    pub width: i64,
    /// The number of layers.
    pub layers: usize,
}

impl VisualSites {
    /// The widths of the outputs that are one row per image.
    pub fn output_widths(self) -> BTreeMap<String, u32> {
        BTreeMap::from([(CLASS_TOKEN.into(), self.width as u32)])
    }

    /// All sites.
    pub fn all(self) -> Vec<SiteInfo> {
        let site = |name: String, shape: &[i64]| SiteInfo {
            name,
            shape: shape.to_vec(),
        };
        let layers =
            (0..self.layers).map(|layer| site(format!("{KV}{layer}"), &[-1, 2, -1, self.width]));
        std::iter::once(site(PROMPT.into(), &[-1, -1, self.width]))
            .chain(layers)
            .collect()
    }

    /// The layer of a prefix-tuning site.
    fn layer(self, site: &str) -> Option<usize> {
        let number = site.strip_prefix(KV)?;
        (0..self.layers).find(|layer| layer.to_string() == number)
    }

    /// The prompts of a call for the outputs `wanted` of `images` images, in the model's type, and
    /// the leaves that get gradients, in the order of the call. `misplaced` creates the error for
    /// an unknown site.
    ///
    /// # Errors
    ///
    /// If a site is unknown, a prompt has the wrong shape, or the output of prompts is wanted
    /// without any.
    pub fn prompts(
        self,
        sites: &[Site<'_>],
        wanted: &[&str],
        images: i64,
        position: PromptPosition,
        (kind, device): (Kind, Device),
        misplaced: impl Fn(&str) -> Error,
    ) -> Result<(VisualPrompts, Vec<Leaf>)> {
        let mut prompts = VisualPrompts::default();
        let mut leaves = Vec::with_capacity(sites.len());
        for site in sites {
            if let Some(layer) = self.layer(site.name) {
                let leaf = Leaf::new(site, &[images, 2, -1, self.width], device)?;
                let prefix = leaf.prompt(kind).and_then(|prompt| {
                    Ok(Prefix {
                        keys: prompt.f_select(1, 0)?,
                        values: prompt.f_select(1, 1)?,
                    })
                });
                prompts.prefixes.insert(layer, prefix.during(site.name)?);
                leaves.push(leaf);
            } else if site.name == PROMPT {
                let leaf = Leaf::new(site, &[images, -1, self.width], device)?;
                prompts.tokens = Some(TokenPrompts {
                    prompts: leaf.prompt(kind).during(site.name)?,
                    position,
                });
                leaves.push(leaf);
            } else {
                return Err(misplaced(site.name));
            }
        }
        if wanted.contains(&PROMPTS) && prompts.tokens.is_none() {
            return Err(Error::unsupported(format!(
                "the output `{PROMPTS}` needs prompts at the site `{PROMPT}`"
            )));
        }
        Ok((prompts, leaves))
    }
}
