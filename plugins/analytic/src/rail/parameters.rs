//! The parameters of RAIL.

use clbench_torch::features::Output;
use clbench_torch::prompting::templates::check_templates;
use harness_abi::{Choice, Error, ParameterSet, Result};
use serde::Deserialize;

/// The published template.
const TEMPLATE: &str = "a photo of a {}.";

/// The parameters of `rail`. The defaults are the published settings
/// (`configs/analytic_clip.yaml`, `primal_RAIL.py` and `dual_RAIL.py` of
/// linghan1997/Regression-based-Analytic-Incremental-Learning).
///
/// ```yaml
/// use: rail
/// parameters:
///   form: dual
///   gamma: 1
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The form of the regression.
    #[parameter(default = Form::Primal)]
    pub form: Form,
    /// λ, the ridge. Not set: 0.1 in the primal form, 0.001 in the dual form.
    #[parameter(above = 0)]
    pub lambda: Option<f64>,
    /// M, the width of the random projection of the primal form. 0: the unit features as they are.
    /// Not set: 15,000. The sums take 8 M² bytes of memory and 4 M² of a state.
    pub projection_width: Option<u32>,
    /// γ, the inverse squared width of the kernel of the dual form, exp(−γ‖x − z‖²). Not set: 0.1.
    #[parameter(above = 0)]
    pub gamma: Option<f64>,
    /// The weight of the regression's scores where they count; zero-shot's probabilities have the
    /// rest.
    #[parameter(default = 0.8, at_least = 0, at_most = 1)]
    pub fusion: f64,
    /// The templates of all classes, each with `{}` where the class name goes; several are
    /// averaged, as CLIP does. Not set: `a photo of a {}.`.
    pub templates: Option<Vec<String>>,
    /// Whether classes use their domain's own templates instead.
    #[parameter(default = false)]
    pub domain_templates: bool,
    /// The output of the backbone that the regression reads. Texts are compared with the embedding.
    #[parameter(default = Output::Embedding)]
    pub output: Output,
}

/// The form of a ridge regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Choice)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// On randomly projected features. Keeps sums; its cost does not grow with the samples.
    Primal,
    /// With a Gaussian kernel. Keeps the features of all samples and solves a system of their
    /// number.
    Dual,
}

impl Parameters {
    /// λ.
    pub fn lambda(&self) -> f64 {
        self.lambda.unwrap_or(match self.form {
            Form::Primal => 0.1,
            Form::Dual => 0.001,
        })
    }

    /// M, for the primal form; 0: no projection.
    pub fn projection_width(&self) -> u32 {
        self.projection_width.unwrap_or(15_000)
    }

    /// γ, for the dual form.
    pub fn gamma(&self) -> f64 {
        self.gamma.unwrap_or(0.1)
    }

    /// The templates of all classes; `None`: each domain's own.
    pub fn templates(&self) -> Option<Vec<String>> {
        match self.domain_templates {
            true => None,
            false => Some(
                self.templates
                    .clone()
                    .unwrap_or_else(|| vec![TEMPLATE.into()]),
            ),
        }
    }

    /// Checks what ranges cannot: parameters that depend on each other.
    ///
    /// # Errors
    ///
    /// With the key that does not fit the others.
    pub fn check(&self) -> Result<()> {
        if self.form == Form::Primal && self.gamma.is_some() {
            return Err(Error::parameter(
                "gamma",
                "applies to `form: dual` only; remove it",
            ));
        }
        if self.form == Form::Dual && self.projection_width.is_some() {
            return Err(Error::parameter(
                "projection_width",
                "applies to `form: primal` only; remove it",
            ));
        }
        if self.domain_templates && self.templates.is_some() {
            return Err(Error::parameter(
                "domain_templates",
                "conflicts with `templates`; remove one of them",
            ));
        }
        check_templates(self.templates.as_deref(), "set `domain_templates: true`")
    }
}
