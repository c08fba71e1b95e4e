//! The texts of classes: a name in one or several templates, averaged as in CLIP's code: scale each
//! text's feature to unit length, average, scale again.

use super::class_texts::{TextFeatures, check_template, filled, text_features};
use super::cosine::unit_rows;
use crate::bridge::During;
use harness_abi::{BackboneHandle, Class, Error, Result};
use tch::{Device, Kind, Tensor};

/// Encodes classes, each once.
#[derive(Debug)]
pub struct ClassTexts {
    templates: Option<Vec<String>>,
    backbone: BackboneHandle,
    device: Device,
    cache: TextFeatures,
}

impl ClassTexts {
    /// Texts in the given templates; `None` for the templates of each class's domain.
    pub fn new(
        templates: Option<Vec<String>>,
        backbone: BackboneHandle,
        device: Device,
    ) -> ClassTexts {
        ClassTexts {
            templates,
            backbone,
            device,
            cache: TextFeatures::default(),
        }
    }

    /// The features of classes, of unit length, f32 `[classes, width]`.
    ///
    /// # Errors
    ///
    /// If a class has no template, or the backbone fails.
    pub fn of(&mut self, classes: &[Class]) -> Result<Tensor> {
        let (templates, backbone, device) = (&self.templates, &self.backbone, self.device);
        self.cache.of(classes, |missing| {
            encoded(templates.as_deref(), backbone, device, missing)
        })
    }
}

/// Checks the parameter `templates`, if it is set. `instead` says how to use each domain's own
/// templates, such as "remove the key".
///
/// # Errors
///
/// [`Error::parameter`] if the list is empty, or a template lacks its placeholder.
pub fn check_templates(templates: Option<&[String]>, instead: &str) -> Result<()> {
    let Some(templates) = templates else {
        return Ok(());
    };
    if templates.is_empty() {
        return Err(Error::parameter(
            "templates",
            format!("must not be empty; list templates, or {instead} to use each domain's own"),
        ));
    }
    for (number, template) in templates.iter().enumerate() {
        check_template(template, &format!("templates[{number}]"))?;
    }
    Ok(())
}

fn encoded(
    templates: Option<&[String]>,
    backbone: &BackboneHandle,
    device: Device,
    classes: &[&Class],
) -> Result<Tensor> {
    let mut texts = Vec::new();
    let mut counts = Vec::with_capacity(classes.len());
    for class in classes {
        let its = templates.unwrap_or(&class.templates);
        if its.is_empty() {
            return Err(Error::failed(format!(
                "class `{}` has no template; give its domain some, or set the parameter `templates`",
                class.name
            )));
        }
        texts.extend(its.iter().map(|template| filled(template, &class.name)));
        counts.push(its.len() as i64);
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let features = text_features(backbone, &texts, device)?;
    let averaged = || {
        let means = unit_rows(&features)?
            .f_split_with_sizes(&counts, 0)?
            .iter()
            .map(|its| its.f_mean_dim(0, false, Kind::Float))
            .collect::<Result<Vec<_>, _>>()?;
        unit_rows(&Tensor::f_stack(&means, 0)?)
    };
    averaged().during("averaging text features")
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness_abi::testkit::ToyBackbone;

    fn class(id: u32, name: &str, templates: &[&str]) -> Class {
        Class {
            id,
            name: name.into(),
            templates: templates.iter().map(|&template| template.into()).collect(),
        }
    }

    fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
        Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
    }

    fn unit(row: &[f64]) -> Vec<f64> {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.iter().map(|x| x / length).collect()
    }

    #[test]
    fn templates_are_averaged_as_clip_does() {
        let toy = ToyBackbone::handle();
        let (a, b, c) = (
            class(0, "grey_seal", &["a photo of a {}", "one {} at sea"]),
            class(1, "tern", &["a photo of a {}"]),
            class(2, "crab", &["a photo of a {}", "the {}"]),
        );
        let by_hand = |texts: &[&str]| {
            let embeddings = toy.encode_texts(texts).unwrap();
            let units: Vec<Vec<f64>> = embeddings
                .view()
                .as_slice::<f32>()
                .unwrap()
                .chunks(16)
                .map(|row| unit(&row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()))
                .collect();
            let sum: Vec<f64> = (0..16)
                .map(|i| units.iter().map(|row| row[i]).sum())
                .collect();
            unit(&sum)
        };
        let expected = [
            by_hand(&["a photo of a grey seal", "one grey seal at sea"]),
            by_hand(&["a photo of a tern"]),
            by_hand(&["a photo of a crab", "the crab"]),
        ];
        let close = |templates: Option<Vec<String>>, expected: &[Vec<f64>]| {
            let mut texts = ClassTexts::new(templates, toy.clone(), Device::Cpu);
            let ours = rows(&texts.of(&[a.clone(), b.clone(), c.clone()]).unwrap());
            for (ours, theirs) in ours.iter().flatten().zip(expected.iter().flatten()) {
                assert!((ours - theirs).abs() < 1e-6, "{ours}, by hand {theirs}");
            }
        };
        close(None, &expected);

        let names = ["grey seal", "tern", "crab"];
        close(Some(vec!["{}".into()]), &names.map(|name| by_hand(&[name])));
    }

    #[test]
    fn a_class_without_a_template_is_named() {
        let mut texts = ClassTexts::new(None, ToyBackbone::handle(), Device::Cpu);
        let error = texts.of(&[class(0, "tern", &[])]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "class `tern` has no template; give its domain some, or set the parameter `templates`"
        );
    }
}
