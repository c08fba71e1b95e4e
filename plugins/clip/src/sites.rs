//! The names of prompt sites and outputs in the plugin ABI.
//!
//! For texts, `class_token` is the pooled end-of-text token, and there are no outputs `tokens` and
//! `prompts`.

use crate::config::Config;
use clbench_transformer::visual::VisualSites;
pub use clbench_transformer::visual::{
    CLASS_TOKEN, EMBEDDING, KV as VISUAL_KV, OUTPUTS, PROMPT as VISUAL_PROMPT, PROMPTS, TOKENS,
};
use harness_abi::Error;
use harness_abi::backbone::SiteInfo;

/// The site of a learned context among a text's tokens, `[rows, n, width]`.
pub const TEXT_CONTEXT: &str = "text.context";
/// The sites of the image encoder.
pub(crate) fn visual(config: &Config) -> VisualSites {
    VisualSites {
        width: config.vision.hidden_size,
        layers: config.vision.num_hidden_layers as usize,
    }
}

/// All sites of a model of the given shape.
pub(crate) fn all(config: &Config) -> Vec<SiteInfo> {
    let mut sites = vec![SiteInfo {
        name: TEXT_CONTEXT.into(),
        shape: vec![-1, -1, config.text.hidden_size],
    }];
    sites.extend(visual(config).all());
    sites
}

/// The error for a prompt at an unknown site, or one that these inputs do not have.
pub(crate) fn misplaced(config: &Config, site: &str, inputs: &str) -> Error {
    let problem = match all(config).iter().any(|known| known.name == site) {
        true => format!("{inputs} do not have the site `{site}`"),
        false => format!("unknown site `{site}`"),
    };
    Error::unsupported(format!(
        "{problem}; texts have `{TEXT_CONTEXT}`, images `{VISUAL_PROMPT}` and `{VISUAL_KV}0` to `{VISUAL_KV}{}`",
        config.vision.num_hidden_layers - 1
    ))
}
