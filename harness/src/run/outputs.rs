//! The outputs of its backbones that are stored for a strategy: those that its declaration says it
//! reads.
//!
//! A declaration names outputs, not backbones, so each output is stored for every backbone of the
//! strategy that has it. If none of them has it, the scenario is wrong, which is reported before
//! anything is computed.

use crate::error::Error;
use crate::features::EMBEDDING;
use harness_abi::backbone::BackboneInfo;

/// For each of a strategy's backbones (its name in the scenario, and its info), the outputs to
/// store in addition to the embedding, in the order of the declaration.
///
/// # Errors
///
/// If no backbone has one of them.
pub(super) fn outputs_read(
    row: &str,
    reads: &[String],
    backbones: &[(&str, &BackboneInfo)],
) -> Result<Vec<Vec<String>>, Error> {
    let mut kept = vec![Vec::new(); backbones.len()];
    for read in reads.iter().filter(|read| *read != EMBEDDING) {
        let mut offered = false;
        for (kept, (_, info)) in kept.iter_mut().zip(backbones) {
            if info.outputs.contains(read) {
                offered = true;
                if !kept.contains(read) {
                    kept.push(read.clone());
                }
            }
        }
        if !offered {
            return Err(lacking(row, read, backbones));
        }
    }
    Ok(kept)
}

fn lacking(row: &str, read: &str, backbones: &[(&str, &BackboneInfo)]) -> Error {
    let offers = backbones.iter().map(|(name, info)| {
        let others = info.outputs.iter().map(String::as_str);
        let outputs: Vec<String> = [EMBEDDING]
            .into_iter()
            .chain(others.filter(|&output| output != EMBEDDING))
            .map(|output| format!("`{output}`"))
            .collect();
        format!("backbone `{name}` offers {}", outputs.join(", "))
    });
    let offers = match backbones {
        [] => "it has no backbone".to_owned(),
        _ => offers.collect::<Vec<_>>().join("; "),
    };
    Error::Protocol {
        strategy: row.to_owned(),
        what: format!(
            "it reads output `{read}`, but {offers}; use a backbone that offers `{read}`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::backbone::{Filter, ImageInfo, Resize};

    fn info(outputs: &[&str]) -> BackboneInfo {
        BackboneInfo {
            name: "a model".into(),
            fingerprint: "f".into(),
            embedding_width: 4,
            image: ImageInfo {
                height: 8,
                width: 8,
                resize: Resize::Stretch,
                filter: Filter::Bicubic,
            },
            text: None,
            logit_scale: None,
            device: "cpu".into(),
            dtype: "f32".into(),
            sites: Vec::new(),
            outputs: outputs.iter().copied().map(String::from).collect(),
            output_widths: Default::default(),
            image_batch: 8,
        }
    }

    fn read(
        reads: &[&str],
        backbones: &[(&str, &BackboneInfo)],
    ) -> Result<Vec<Vec<String>>, String> {
        let reads: Vec<String> = reads.iter().copied().map(String::from).collect();
        outputs_read("l2p", &reads, backbones).map_err(|error| error.to_string())
    }

    #[test]
    fn an_output_is_stored_once_for_each_backbone_that_has_it() {
        let (clip, vit) = (
            info(&["embedding", "class_token"]),
            info(&["class_token", "tokens"]),
        );
        let both = [("clip", &clip), ("vit", &vit)];
        let kept = read(
            &["tokens", "embedding", "class_token", "class_token"],
            &both,
        )
        .unwrap();
        assert_eq!(kept, [vec!["class_token"], vec!["tokens", "class_token"]]);
        assert_eq!(read(&[], &both).unwrap(), [[""; 0], [""; 0]]);
        assert_eq!(
            read(&["embedding"], &[("pixels", &info(&[]))]).unwrap(),
            [[""; 0]]
        );
    }

    #[test]
    fn the_message_about_a_missing_output_lists_those_on_offer() {
        let (pixels, clip) = (info(&[]), info(&["embedding", "class_token", "tokens"]));
        let message = |backbones: &[_]| read(&["queries"], backbones).unwrap_err();
        assert_eq!(
            message(&[("pixels", &pixels)]),
            "strategy `l2p`: it reads output `queries`, but backbone `pixels` offers `embedding`; use a backbone that \
             offers `queries`"
        );
        assert_eq!(
            message(&[("clip", &clip), ("pixels", &pixels)]),
            "strategy `l2p`: it reads output `queries`, but backbone `clip` offers `embedding`, `class_token`, `tokens`; \
             backbone `pixels` offers `embedding`; use a backbone that offers `queries`"
        );
        assert_eq!(
            message(&[]),
            "strategy `l2p`: it reads output `queries`, but it has no backbone; use a backbone that offers `queries`"
        );
    }
}
