//! What a strategy needs of a backbone's text encoder, asked for before anything is trained.

use super::texts::{CONTEXT, EMBEDDING};
use harness_abi::backbone::{BackboneInfo, TextInfo};
use harness_abi::{Error, Result};

/// The factor between cosine similarity and logits, of a backbone that can compare images with
/// texts.
///
/// # Errors
///
/// If it has no text encoder or no such factor.
pub fn logit_scale(info: &BackboneInfo) -> Result<f64> {
    text(info)?;
    info.logit_scale.ok_or_else(|| {
        Error::unsupported(format!(
            "backbone `{}` has no logit scale, the factor between cosine similarity and logits; {NAME_ANOTHER}",
            info.name
        ))
    })
}

/// The text encoder of a backbone in which contexts of so many tokens can be learned.
///
/// # Errors
///
/// If it has none, or takes no context, or cannot hold so many tokens beside the start, the end, a
/// name of one and a full stop. The last one is a [`parameter`](Error::parameter) error at the path
/// `parameter`.
pub fn with_room_for(info: &BackboneInfo, tokens: u32, parameter: &str) -> Result<TextInfo> {
    let text = text(info)?;
    let site = info.sites.iter().any(|site| site.name == CONTEXT);
    if !site || !info.outputs.iter().any(|output| output == EMBEDDING) {
        return Err(Error::unsupported(format!(
            "backbone `{}` takes no learned context: it needs the site `{CONTEXT}` and the output `{EMBEDDING}`; \
             {NAME_ANOTHER}",
            info.name
        )));
    }
    let most = text.context_length.saturating_sub(4);
    if tokens > most {
        return Err(Error::parameter(
            parameter,
            format!(
                "must be at most {most}, got {tokens}: backbone `{}` reads {} tokens, and the start, the end, a class name \
                 and its full stop need 4 of them or more",
                info.name, text.context_length
            ),
        ));
    }
    Ok(text.clone())
}

const NAME_ANOTHER: &str = "name one that has with `backbone:`, such as `clip`";

fn text(info: &BackboneInfo) -> Result<&TextInfo> {
    info.text.as_ref().ok_or_else(|| {
        Error::unsupported(format!(
            "backbone `{}` has no text encoder, and this strategy compares images with class names; {NAME_ANOTHER}",
            info.name
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::testkit::ToyBackbone;

    #[test]
    fn what_a_backbone_lacks_is_named() {
        let toy = ToyBackbone::handle().info().clone();
        assert_eq!(logit_scale(&toy).unwrap(), 10.0);
        assert_eq!(with_room_for(&toy, 20, "tokens").unwrap().width, 8);
        assert_eq!(
            with_room_for(&toy, 21, "tokens").unwrap_err().to_string(),
            "parameter `tokens`: must be at most 20, got 21: backbone `toy` reads 24 tokens, and the start, the end, a class \
             name and its full stop need 4 of them or more"
        );
        let mut without = toy.clone();
        without.sites.retain(|site| site.name != CONTEXT);
        assert_eq!(
            with_room_for(&without, 4, "tokens")
                .unwrap_err()
                .to_string(),
            "backbone `toy` takes no learned context: it needs the site `text.context` and the output `embedding`; name one \
             that has with `backbone:`, such as `clip`"
        );
        without = toy.clone();
        without.logit_scale = None;
        assert_eq!(
            logit_scale(&without).unwrap_err().to_string(),
            "backbone `toy` has no logit scale, the factor between cosine similarity and logits; name one that has with \
             `backbone:`, such as `clip`"
        );
        without.text = None;
        let no_text = "backbone `toy` has no text encoder, and this strategy compares images with class names; name one \
                       that has with `backbone:`, such as `clip`";
        assert_eq!(logit_scale(&without).unwrap_err().to_string(), no_text);
        let error = with_room_for(&without, 4, "tokens").unwrap_err();
        assert_eq!(error.to_string(), no_text);
    }
}
