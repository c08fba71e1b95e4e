//! Where prompts enter, and what comes out: the names that cross the plugin boundary.

use crate::config::Config;
use harness_abi::Error;
use harness_abi::backbone::SiteInfo;

/// A learned context among a text's tokens, `[rows, n, width]`.
pub const TEXT_CONTEXT: &str = "text.context";
/// Tokens between an image's class token and its patches, `[images, n, width]`.
pub const VISUAL_PROMPT: &str = "visual.prompt";
/// Keys and values that are joined before those of a layer, after the projections and before the heads part,
/// `[images, 2, n, width]`; the layer's number, counted from 0, follows.
pub const VISUAL_KV: &str = "visual.kv.";

/// Projected, not normalised, `[rows, embedding width]`.
pub const EMBEDDING: &str = "embedding";
/// What is projected: an image's class token, or a text's end, after the last layer norm, `[rows, width]`.
pub const CLASS_TOKEN: &str = "class_token";
/// Every token of an image after the last layer norm, `[images, 1 + n + patches, width]`.
pub const TOKENS: &str = "tokens";
/// All outputs.
pub const OUTPUTS: [&str; 3] = [EMBEDDING, CLASS_TOKEN, TOKENS];

/// The sites of a model of that shape.
pub(crate) fn all(config: &Config) -> Vec<SiteInfo> {
    let site = |name: String, shape: &[i64]| SiteInfo {
        name,
        shape: shape.to_vec(),
    };
    let (text, vision) = (config.text.hidden_size, config.vision.hidden_size);
    let mut sites = vec![
        site(TEXT_CONTEXT.into(), &[-1, -1, text]),
        site(VISUAL_PROMPT.into(), &[-1, -1, vision]),
    ];
    sites.extend(
        (0..config.vision.num_hidden_layers)
            .map(|layer| site(format!("{VISUAL_KV}{layer}"), &[-1, 2, -1, vision])),
    );
    sites
}

/// The layer that a site of keys and values belongs to.
pub(crate) fn layer(config: &Config, site: &str) -> Option<usize> {
    let number = site.strip_prefix(VISUAL_KV)?;
    let layers = config.vision.num_hidden_layers as usize;
    (0..layers).find(|layer| layer.to_string() == number)
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
