//! What a method needs of a backbone's image encoder, asked for before anything is trained.

use clbench_torch::prompting::images::{CLASS_TOKEN, prefix_site};
use harness_abi::backbone::BackboneInfo;
use harness_abi::{Error, Result};

/// The numbers of an image encoder that takes prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderShape {
    /// The width of a token.
    pub width: i64,
    /// How many layers take keys and values.
    pub layers: u32,
}

impl EncoderShape {
    /// The image encoder of a backbone that has those sites and outputs, and the class token to make queries of.
    ///
    /// # Errors
    ///
    /// Names all that it lacks.
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
                "backbone `{}` lacks the {}, by which this strategy puts prompts into an image encoder; name one that has \
                 them with `backbone:`, such as `vit` or `clip`",
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
                "backbone `{}` does not say how wide its prompts are",
                info.name
            ))
        })?;
        Ok(EncoderShape {
            width,
            layers: layers(info),
        })
    }
}

/// How many layers of a backbone take keys and values.
pub fn layers(info: &BackboneInfo) -> u32 {
    let takes = |layer: &u32| {
        let site = prefix_site(*layer);
        info.sites.iter().any(|has| has.name == site)
    };
    (0..).take_while(takes).count() as u32
}

/// The sites of prompts that stand before the keys and values of those layers, counted from 1 as the papers do.
///
/// # Errors
///
/// At the path `parameter`, for a layer that is not there or stands twice, or for none at all.
pub fn prefix_sites(info: &BackboneInfo, layers: &[u32], parameter: &str) -> Result<Vec<String>> {
    let there = self::layers(info);
    let wrong = |problem: String| Error::parameter(parameter, problem);
    if layers.is_empty() {
        return Err(wrong("must name at least one layer".into()));
    }
    if there == 0 {
        return Err(Error::unsupported(format!(
            "backbone `{}` lacks the sites `visual.kv.…`, by which this strategy puts prompts into the layers of an image \
             encoder; name one that has them with `backbone:`, such as `vit` or `clip`",
            info.name
        )));
    }
    for (at, layer) in layers.iter().enumerate() {
        if !(1..=there).contains(layer) {
            return Err(wrong(format!(
                "must name layers from 1 to {there}, which is how many backbone `{}` has, got {layer}",
                info.name
            )));
        }
        if layers[..at].contains(layer) {
            return Err(wrong(format!("names layer {layer} twice")));
        }
    }
    Ok(layers.iter().map(|layer| prefix_site(layer - 1)).collect())
}
