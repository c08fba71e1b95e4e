//! Checks, before training, that a backbone's text encoder has what a strategy needs.

use super::texts::{CONTEXT, EMBEDDING};
use harness_abi::backbone::{BackboneInfo, TextInfo};
use harness_abi::{Error, Result};

/// The logit scale, the factor between cosine similarity and logits, of a backbone that compares
/// images with texts.
///
/// # Errors
///
/// If the backbone has no text encoder or no logit scale.
pub fn logit_scale(info: &BackboneInfo) -> Result<f64> {
    text(info)?;
    info.logit_scale.ok_or_else(|| {
        Error::unsupported(format!(
            "backbone `{}` has no logit scale (the factor between cosine similarity and logits); {NAME_ANOTHER}",
            info.name
        ))
    })
}

/// The text encoder of a backbone, checked to support a learned context of `tokens` tokens.
///
/// # Errors
///
/// If the backbone has no text encoder, does not take a learned context, or has no room for this
/// many tokens beside the start, the end, a one-token name and a full stop. The last is a
/// [`parameter`](Error::parameter) error at the path `parameter`.
pub fn with_room_for(info: &BackboneInfo, tokens: u32, parameter: &str) -> Result<TextInfo> {
    let text = text(info)?;
    let site = info.sites.iter().any(|site| site.name == CONTEXT);
    if !site || !info.outputs.iter().any(|output| output == EMBEDDING) {
        return Err(Error::unsupported(format!(
            "backbone `{}` does not take a learned context: it lacks the site `{CONTEXT}` or the output `{EMBEDDING}`; \
             {NAME_ANOTHER}",
            info.name
        )));
    }
    let most = text.context_length.saturating_sub(4);
    if tokens > most {
        return Err(Error::parameter(
            parameter,
            format!(
                "must be at most {most}, got {tokens}: backbone `{}` takes {} tokens, of which start, end, class name and \
                 full stop need at least 4",
                info.name, text.context_length
            ),
        ));
    }
    Ok(text.clone())
}

const NAME_ANOTHER: &str = "set `backbone:` to one that has, such as `clip`";

fn text(info: &BackboneInfo) -> Result<&TextInfo> {
    info.text.as_ref().ok_or_else(|| {
        Error::unsupported(format!(
            "backbone `{}` has no text encoder, which this strategy needs to compare images with class names; {NAME_ANOTHER}",
            info.name
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::testkit::ToyBackbone;

    #[test]
    fn errors_name_what_the_backbone_lacks() {
        let toy = ToyBackbone::handle().info().clone();
        assert_eq!(logit_scale(&toy).unwrap(), 10.0);
        assert_eq!(with_room_for(&toy, 20, "tokens").unwrap().width, 8);
        assert_eq!(
            with_room_for(&toy, 21, "tokens").unwrap_err().to_string(),
            "parameter `tokens`: must be at most 20, got 21: backbone `toy` takes 24 tokens, of which start, end, class \
             name and full stop need at least 4"
        );
        let mut without = toy.clone();
        without.sites.retain(|site| site.name != CONTEXT);
        assert_eq!(
            with_room_for(&without, 4, "tokens")
                .unwrap_err()
                .to_string(),
            "backbone `toy` does not take a learned context: it lacks the site `text.context` or the output `embedding`; set \
             `backbone:` to one that has, such as `clip`"
        );
        without = toy.clone();
        without.logit_scale = None;
        assert_eq!(
            logit_scale(&without).unwrap_err().to_string(),
            "backbone `toy` has no logit scale (the factor between cosine similarity and logits); set `backbone:` to one \
             that has, such as `clip`"
        );
        without.text = None;
        let no_text = "backbone `toy` has no text encoder, which this strategy needs to compare images with class names; set \
                       `backbone:` to one that has, such as `clip`";
        assert_eq!(logit_scale(&without).unwrap_err().to_string(), no_text);
        let error = with_room_for(&without, 4, "tokens").unwrap_err();
        assert_eq!(error.to_string(), no_text);
    }
}
