//! The strategy `zero-shot`: CLIP without training (Radford et al., *Learning Transferable Visual
//! Models From Natural Language Supervision*, ICML 2021, section 3.1).
//!
//! Each class is represented by a text: its name in its domain's template. The text features of
//! several templates are averaged as in CLIP's own code: normalise each, average, normalise again.
//! An image's logit for a class is the model's logit scale times the cosine similarity.

use clbench_torch::bridge::{device, threads};
use clbench_torch::prompting::class_texts::{scored, unit_features};
use clbench_torch::prompting::templates::{ClassTexts, check_templates};
use clbench_torch::prompting::text_encoder;
use clbench_torch::tch::Device;
use clbench_torch::training::GradientMode;
use harness_abi::{
    Batch, Declaration, Error, Learned, Outline, ParameterSet, Result, Setting, State, Strategy,
    Task,
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
        check_templates(self.templates.as_deref(), "remove the key")
    }
}

/// CLIP without training. It learns nothing and forgets nothing; its state is empty.
#[derive(Debug)]
pub struct ZeroShot {
    scale: f64,
    device: Device,
    texts: ClassTexts,
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
        let device = device::named(&setting.device)?;
        Ok(ZeroShot {
            scale: text_encoder::logit_scale(backbone.info())?,
            texts: ClassTexts::new(parameters.templates, backbone, device),
            device,
        })
    }

    fn learn(&mut self, _: &Task<'_>) -> Result<Learned> {
        Ok(Learned::default())
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<harness_abi::Tensor> {
        let _mode = GradientMode::off();
        let images = unit_features(&batch.features(0)?, self.device)?;
        let texts = self.texts.of(batch.classes())?;
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

#[cfg(test)]
mod tests {
    use super::*;

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
