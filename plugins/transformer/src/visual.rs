//! Prompts on the image encoder: the sites by which strategies name the places, and what stands there in a call.
//!
//! Every backbone with an image encoder of this kind has the same sites, so that a method which prompts images runs on all of
//! them: tokens beside the patches, and keys and values before each layer's own.

use crate::layer::Prefix;
use crate::recording::Leaf;
use clbench_torch::During;
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::backbone::SiteInfo;
use harness_abi::{Error, Result, Site};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Tokens between an image's class token and its patches, `[images, n, width]`.
pub const PROMPT: &str = "visual.prompt";
/// Keys and values that are joined before those of a layer, after the projections and before the heads part,
/// `[images, 2, n, width]`; the layer's number, counted from 0, follows.
pub const KV: &str = "visual.kv.";

/// What an image is as a whole, projected where the model projects, not normalised, `[images, embedding width]`.
pub const EMBEDDING: &str = "embedding";
/// The class token after the last layer norm, `[images, width]`.
pub const CLASS_TOKEN: &str = "class_token";
/// Every token of an image after the last layer norm, `[images, 1 + n + patches, width]`.
pub const TOKENS: &str = "tokens";
/// All outputs.
pub const OUTPUTS: [&str; 3] = [EMBEDDING, CLASS_TOKEN, TOKENS];

/// Prompts for a batch of images.
#[derive(Debug, Default)]
pub struct VisualPrompts {
    /// Tokens between the class token and the patches.
    pub tokens: Option<TokenPrompts>,
    /// Keys and values before a layer's own, by layer, counted from 0.
    pub prefixes: BTreeMap<usize, Prefix>,
}

/// Prompts that are tokens.
#[derive(Debug)]
pub struct TokenPrompts {
    /// `[images, n, width]`.
    pub prompts: Tensor,
    /// The position embedding that is added to each.
    pub position: PromptPosition,
}

/// The position embedding of tokens that are a prompt; the option `prompt_position` of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptPosition {
    /// The class token's, as in L2P.
    #[default]
    Class,
    /// None; whoever wants positions of their own adds them to the prompt.
    None,
}

/// The sites of an image encoder.
#[derive(Debug, Clone, Copy)]
pub struct VisualSites {
    /// The width of a token.
    pub width: i64,
    /// How many layers.
    pub layers: usize,
}

impl VisualSites {
    /// All of them.
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

    /// The layer that a site of keys and values belongs to.
    fn layer(self, site: &str) -> Option<usize> {
        let number = site.strip_prefix(KV)?;
        (0..self.layers).find(|layer| layer.to_string() == number)
    }

    /// The prompts that a call gives for so many images, in the type that the model computes in, and the leaves that
    /// gradients reach, in the call's order. `misplaced` makes the error for a site that is none of these.
    ///
    /// # Errors
    ///
    /// For a site that is not there, or a prompt of another shape.
    pub fn prompts(
        self,
        sites: &[Site<'_>],
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
        Ok((prompts, leaves))
    }
}
