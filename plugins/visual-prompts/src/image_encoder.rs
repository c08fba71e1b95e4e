//! Checks, before training, that a backbone's image encoder has what a method needs.

use clbench_torch::prompting::images::{CLASS_TOKEN, prefix_site};
use harness_abi::backbone::BackboneInfo;
use harness_abi::{Error, Result};

/// The shape of an image encoder that takes prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderShape {
    /// The width of a token.
    pub width: i64,
    /// The number of layers that take prefixes.
    pub layers: u32,
}

impl EncoderShape {
    /// The shape of a backbone's image encoder, checked to have these sites and outputs, and the
    /// class token for queries.
    ///
    /// # Errors
    ///
    /// If something is missing; the error names all of it.
    pub fn of(info: &BackboneInfo, sites: &[String], outputs: &[&str]) -> Result<EncoderShape> {
        let lacks_site = |site: &&String| !info.sites.iter().any(|has| has.name == **site);
        let lacks_output = |output: &&&str| !info.outputs.iter().any(|has| has == **output);
        let missing: Vec<String> = sites
            .iter()
            .filter(lacks_site)
            .map(|site| format!("site `{site}`"))
            .chain(
                [CLASS_TOKEN]
                    .iter()
                    .chain(outputs.iter().filter(|output| **output != CLASS_TOKEN))
                    .filter(lacks_output)
                    .map(|output| format!("output `{output}`")),
            )
            .collect();
        if !missing.is_empty() {
            return Err(Error::unsupported(format!(
                "backbone `{}` lacks the {}, which this strategy needs to prompt an image encoder; set `backbone:` to one \
                 that has them, such as `vit` or `clip`",
                info.name,
                missing.join(", the ")
            )));
        }
        let width = |site: &String| {
            let site = info.sites.iter().find(|has| has.name == *site)?;
            site.shape.last().copied().filter(|&width| width > 0)
        };
        let width = sites.iter().find_map(width).ok_or_else(|| {
            Error::unsupported(format!(
                "backbone `{}` does not declare the width of its prompts",
                info.name
            ))
        })?;
        Ok(EncoderShape {
            width,
            layers: layers(info),
        })
    }
}

/// The number of a backbone's layers that take prefixes.
pub fn layers(info: &BackboneInfo) -> u32 {
    let takes = |layer: &u32| {
        let site = prefix_site(*layer);
        info.sites.iter().any(|has| has.name == site)
    };
    (0..).take_while(takes).count() as u32
}

/// The prefix-tuning sites of `layers`, which count from 1 as in the papers.
///
/// # Errors
///
/// A [`parameter`](Error::parameter) error at the path `parameter` if `layers` is empty, or has a
/// layer twice or out of range.
pub fn prefix_sites(info: &BackboneInfo, layers: &[u32], parameter: &str) -> Result<Vec<String>> {
    let there = self::layers(info);
    let wrong = |problem: String| Error::parameter(parameter, problem);
    if layers.is_empty() {
        return Err(wrong("must contain at least one layer".into()));
    }
    if there == 0 {
        return Err(Error::unsupported(format!(
            "backbone `{}` lacks the sites `visual.kv.…`, which this strategy needs to prompt the layers of an image \
             encoder; set `backbone:` to one that has them, such as `vit` or `clip`",
            info.name
        )));
    }
    for (at, layer) in layers.iter().enumerate() {
        if !(1..=there).contains(layer) {
            return Err(wrong(format!(
                "layers must be from 1 to {there}, the number of layers of backbone `{}`, got {layer}",
                info.name
            )));
        }
        if layers[..at].contains(layer) {
            return Err(wrong(format!("contains layer {layer} twice")));
        }
    }
    Ok(layers.iter().map(|layer| prefix_site(layer - 1)).collect())
}
