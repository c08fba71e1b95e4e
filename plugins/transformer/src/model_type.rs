//! `model_type`: which model a `config.json` of transformers describes.
//!
//! Many models share the layout of a CLIP's or a ViT's folder, and some even the names of their
//! tensors. So the type is read before anything else: another model is an error that says which
//! model it is, instead of one about the first setting or tensor that differs.

use serde_json::Value;

/// The models that a backbone reads.
#[derive(Debug, Clone, Copy)]
pub struct Reads {
    /// The backbone's name in a scenario.
    pub backbone: &'static str,
    /// What it reads, with an example.
    pub models: &'static str,
    /// The types that it reads. A configuration without a type is left to the backbone.
    pub types: &'static [&'static str],
}

/// The backbone that reads a model of another type, or a published conversion of it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Backbone {
    Clip,
    Vit,
}

/// Types, what they are called, and the backbone to use instead, if there is one.
const KNOWN: [(&str, &str, Option<Backbone>); 30] = [
    ("align", "an ALIGN model", None),
    ("altclip", "an AltCLIP model", None),
    ("beit", "a BEiT model", None),
    ("bert", "a BERT model", None),
    ("blip", "a BLIP model", None),
    ("blip-2", "a BLIP-2 model", None),
    ("chinese_clip", "a Chinese-CLIP model", None),
    ("clap", "a CLAP model", None),
    ("clip", "a CLIP model", Some(Backbone::Clip)),
    ("clip_text_model", "only the text encoder of a CLIP", None),
    (
        "clip_vision_model",
        "only the image encoder of a CLIP",
        None,
    ),
    ("clipseg", "a CLIPSeg model", None),
    ("convnext", "a ConvNeXT model", None),
    (
        "deit",
        "a DeiT model in transformers' layout",
        Some(Backbone::Vit),
    ),
    ("dinov2", "a DINOv2 model", None),
    ("dinov2_with_registers", "a DINOv2 model", None),
    ("dinov3_vit", "a DINOv3 model", None),
    ("flava", "a FLAVA model", None),
    ("groupvit", "a GroupViT model", None),
    ("metaclip_2", "a MetaCLIP 2 model", None),
    ("owlv2", "an OWLv2 model", None),
    ("owlvit", "an OWL-ViT model", None),
    ("resnet", "a ResNet", None),
    ("siglip", "a SigLIP model", None),
    ("siglip2", "a SigLIP 2 model", None),
    ("swin", "a Swin Transformer", None),
    (
        "vision-text-dual-encoder",
        "a pair of encoders of other models",
        None,
    ),
    (
        "vit",
        "a ViT model in transformers' layout",
        Some(Backbone::Vit),
    ),
    ("vit_mae", "a ViT-MAE model", None),
    ("xclip", "an X-CLIP model", None),
];

impl Reads {
    /// Checks the type of a configuration.
    ///
    /// # Errors
    ///
    /// A message, without the file's name, if the backbone does not read models of this type.
    pub fn check(&self, config: &Value) -> Result<(), String> {
        let Some(model_type) = config["model_type"].as_str() else {
            return Ok(());
        };
        if self.types.contains(&model_type) {
            return Ok(());
        }
        let known = KNOWN.iter().find(|(name, ..)| *name == model_type);
        let called = known.map_or("another model", |(_, called, _)| called);
        let instead = match known.and_then(|(.., backbone)| *backbone) {
            Some(Backbone::Clip) => "; use the backbone `clip`",
            Some(Backbone::Vit) => {
                "; use the backbone `vit` with the model from timm, such as \
                 `timm/vit_base_patch16_224.augreg_in21k`"
            }
            None => "",
        };
        let Reads {
            backbone, models, ..
        } = self;
        Err(format!(
            "this is {called} (`model_type: {model_type}`); `{backbone}` reads {models}{instead}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn another_model_is_named_with_what_to_use() {
        let reads = Reads {
            backbone: "clip",
            models: "CLIP",
            types: &["clip"],
        };
        let said = |config: Value| reads.check(&config).unwrap_err();
        assert_eq!(
            said(json!({ "model_type": "siglip" })),
            "this is a SigLIP model (`model_type: siglip`); `clip` reads CLIP"
        );
        assert_eq!(
            said(json!({ "model_type": "vit" })),
            "this is a ViT model in transformers' layout (`model_type: vit`); `clip` reads CLIP; use the backbone `vit` \
             with the model from timm, such as `timm/vit_base_patch16_224.augreg_in21k`"
        );
        assert_eq!(
            said(json!({ "model_type": "wav2vec2" })),
            "this is another model (`model_type: wav2vec2`); `clip` reads CLIP"
        );
        for read in [json!({ "model_type": "clip" }), json!({}), json!([])] {
            reads.check(&read).unwrap();
        }
    }

    #[test]
    fn the_known_types_are_sorted() {
        assert!(KNOWN.is_sorted_by_key(|(name, ..)| *name));
    }
}
