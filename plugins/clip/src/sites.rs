//! Where prompts enter, and what comes out: the names that cross the plugin boundary.
//!
//! Of texts, `class_token` is the token at a text's end, and there are no `tokens`.

use crate::config::Config;
use clbench_transformer::visual::VisualSites;
pub use clbench_transformer::visual::{
    CLASS_TOKEN, EMBEDDING, KV as VISUAL_KV, OUTPUTS, PROMPT as VISUAL_PROMPT, TOKENS,
};
use harness_abi::Error;
use harness_abi::backbone::SiteInfo;

/// A learned context among a text's tokens, `[rows, n, width]`.
pub const TEXT_CONTEXT: &str = "text.context";
/// Those of the image encoder.
pub(crate) fn visual(config: &Config) -> VisualSites {
    VisualSites {
        width: config.vision.hidden_size,
        layers: config.vision.num_hidden_layers as usize,
    }
}

/// The sites of a model of that shape.
pub(crate) fn all(config: &Config) -> Vec<SiteInfo> {
    let mut sites = vec![SiteInfo {
        name: TEXT_CONTEXT.into(),
        shape: vec![-1, -1, config.text.hidden_size],
    }];
    sites.extend(visual(config).all());
    sites
}

/// The error for a prompt at a site that is not there, or not there for these inputs.
pub(crate) fn misplaced(config: &Config, site: &str, inputs: &str) -> Error {
    let problem = match all(config).iter().any(|known| known.name == site) {
        true => format!("the site `{site}` is not one of {inputs}"),
        false => format!("there is no site `{site}`"),
    };
    Error::unsupported(format!(
        "{problem}; texts have `{TEXT_CONTEXT}`, images `{VISUAL_PROMPT}` and `{VISUAL_KV}0` to `{VISUAL_KV}{}`",
        config.vision.num_hidden_layers - 1
    ))
}
