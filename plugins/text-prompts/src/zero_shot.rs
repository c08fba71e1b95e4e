//! The strategy `zero-shot`: CLIP without training (Radford et al., *Learning Transferable Visual
//! Models From Natural Language Supervision*, ICML 2021, section 3.1).
//!
//! Each class is represented by a text: its name in its domain's template. The text features of
//! several templates are averaged as in CLIP's own code: normalise each, average, normalise again.
//! An image's logit for a class is the model's logit scale times the cosine similarity.

use clbench_torch::During;
use clbench_torch::bridge::{device, threads};
use clbench_torch::prompting::class_texts::{
    TextFeatures, check_template, filled, scored, text_features, unit_features,
};
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::{Device, Kind, Tensor};
use clbench_torch::training::GradientMode;
use harness_abi::{
    BackboneHandle, Batch, Class, Declaration, Error, Learned, Outline, ParameterSet, Result,
    Setting, State, Strategy, Task,
};
use serde::Deserialize;

/// The parameters of `zero-shot`.
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Templates used for every domain, each with `{}` where the class name goes; several are
    /// averaged, as CLIP does. Not set: each domain's own templates.
    pub templates: Option<Vec<String>>,
}

impl Parameters {
    fn check(&self) -> Result<()> {
        let Some(templates) = &self.templates else {
            return Ok(());
        };
        if templates.is_empty() {
            return Err(Error::parameter(
                "templates",
                "must not be empty; list templates, or remove the key to use each domain's own",
            ));
        }
        for (number, template) in templates.iter().enumerate() {
            check_template(template, &format!("templates[{number}]"))?;
        }
        Ok(())
    }
}

/// CLIP without training. It learns nothing and forgets nothing; its state is empty.
#[derive(Debug)]
pub struct ZeroShot {
    parameters: Parameters,
    backbone: BackboneHandle,
    scale: f64,
    device: Device,
    features: TextFeatures,
}

impl Strategy for ZeroShot {
    type Parameters = Parameters;

    fn check(parameters: &Parameters, outline: &Outline) -> Result<Declaration> {
        parameters.check()?;
        device::named(&outline.device)?;
        text_encoder::logit_scale(outline.backbone()?)?;
        Ok(Declaration {
            keeps: Vec::new(),
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: 0,
            ..Declaration::default()
        })
    }

    fn create(parameters: Parameters, setting: Setting) -> Result<Self> {
        parameters.check()?;
        threads::set(setting.threads)?;
        let backbone = setting.backbone()?.clone();
        Ok(ZeroShot {
            parameters,
            scale: text_encoder::logit_scale(backbone.info())?,
            backbone,
            device: device::named(&setting.device)?,
            features: TextFeatures::default(),
        })
    }

    fn learn(&mut self, _: &Task<'_>) -> Result<Learned> {
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let images = unit_features(&batch.features(0)?, self.device)?;
        let (parameters, backbone, device) = (&self.parameters, &self.backbone, self.device);
        let texts = self.features.of(batch.classes(), |classes| {
            encoded(parameters, backbone, device, classes)
        })?;
        scored(&images, &texts, self.scale)
    }

    fn state(&self) -> Result<State> {
        Ok(State::default())
    }

    fn restore(&mut self, state: State) -> Result<()> {
        match state.tensors.first() {
            None => Ok(()),
            Some((name, _)) => Err(Error::failed(format!(
                "the state has a tensor `{name}`, but `zero-shot` keeps nothing; it is not a state of this \
                 strategy"
            ))),
        }
    }
}

/// The text features of the classes, `[classes, width]`: the normalised mean of the normalised
/// features of a class's templates.
fn encoded(
    parameters: &Parameters,
    backbone: &BackboneHandle,
    device: Device,
    classes: &[&Class],
) -> Result<Tensor> {
    let mut texts = Vec::new();
    let mut templates = Vec::with_capacity(classes.len());
    for class in classes {
        let its = parameters.templates.as_ref().unwrap_or(&class.templates);
        if its.is_empty() {
            return Err(Error::failed(format!(
                "class `{}` has no template; give its domain some, or set the parameter `templates`",
                class.name
            )));
        }
        texts.extend(its.iter().map(|template| filled(template, &class.name)));
        templates.push(its.len() as i64);
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embeddings = text_features(backbone, &texts, device)?;
    let averaged = || {
        let unit = unit_rows(&embeddings)?;
        let means = unit
            .f_split_with_sizes(&templates, 0)?
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
        let close = |parameters: &Parameters, expected: &[Vec<f64>]| {
            let ours = encoded(parameters, &toy, Device::Cpu, &[&a, &b, &c]).unwrap();
            let ours = rows(&unit_rows(&ours).unwrap());
            for (ours, theirs) in ours.iter().flatten().zip(expected.iter().flatten()) {
                assert!((ours - theirs).abs() < 1e-6, "{ours}, by hand {theirs}");
            }
        };
        close(&Parameters::default(), &expected);

        let parameters = Parameters {
            templates: Some(vec!["{}".into()]),
        };
        let names = ["grey seal", "tern", "crab"];
        close(&parameters, &names.map(|name| by_hand(&[name])));
    }

    #[test]
    fn a_class_without_a_template_is_named() {
        let error = encoded(
            &Parameters::default(),
            &ToyBackbone::handle(),
            Device::Cpu,
            &[&class(0, "tern", &[])],
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            "class `tern` has no template; give its domain some, or set the parameter `templates`"
        );
    }

    #[test]
    fn an_invalid_template_is_reported_with_its_key() {
        let message = |json: &str| {
            let parameters = harness_abi::parameters::parse::<Parameters>(json.as_bytes());
            let checked = parameters.and_then(|parameters| parameters.check());
            checked.unwrap_err().to_string()
        };
        assert_eq!(
            message(r#"{"templates": ["a {}", "a photo"]}"#),
            "parameter `templates[1]`: the template `a photo` must contain `{}`, the placeholder for the class \
             name, exactly once, not 0 times"
        );
        assert_eq!(
            message(r#"{"templates": []}"#),
            "parameter `templates`: must not be empty; list templates, or remove the key to use each domain's own"
        );
        assert_eq!(
            message(r#"{"template": ["{}"]}"#),
            "parameter `template`: no such parameter; did you mean `templates`?"
        );
    }
}
