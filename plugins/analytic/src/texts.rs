//! The texts of classes: names in templates, averaged as in CLIP's code.

use clbench_torch::During;
use clbench_torch::prompting::class_texts::{TextFeatures, check_template, filled, text_features};
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::{BackboneHandle, Class, Error, Result};

/// The text features of classes, cached.
#[derive(Debug)]
pub struct Texts {
    /// The templates of all classes; `None`: each domain's own.
    templates: Option<Vec<String>>,
    backbone: BackboneHandle,
    device: Device,
    features: TextFeatures,
}

impl Texts {
    /// Texts in the given templates; `None` for each domain's own.
    pub fn new(templates: Option<Vec<String>>, backbone: BackboneHandle, device: Device) -> Texts {
        Texts {
            templates,
            backbone,
            device,
            features: TextFeatures::default(),
        }
    }

    /// The features of the classes, f64 `[classes, width]`, of unit length: the normalised mean of
    /// the normalised features of a class's templates.
    ///
    /// # Errors
    ///
    /// If a class has no template, or the backbone fails.
    pub fn of(&mut self, classes: &[Class]) -> Result<Tensor> {
        let (templates, backbone, device) = (&self.templates, &self.backbone, self.device);
        self.features.of(classes, |missing| {
            encoded(templates.as_deref(), backbone, device, missing)
        })
    }
}

/// Checks the parameter `templates`.
///
/// # Errors
///
/// If the list is empty, or a template has no place for the class name.
pub fn check_templates(templates: &[String]) -> Result<()> {
    if templates.is_empty() {
        return Err(Error::parameter(
            "templates",
            "must not be empty; list templates, or set `domain_templates: true` for each domain's own",
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
    let embeddings = text_features(backbone, &texts, device)?;
    let averaged = || {
        let unit = unit_rows(&embeddings.f_to_kind(Kind::Double)?)?;
        let means = unit
            .f_split_with_sizes(&counts, 0)?
            .iter()
            .map(|its| its.f_mean_dim(0, false, Kind::Double))
            .collect::<Result<Vec<_>, _>>()?;
        unit_rows(&Tensor::f_stack(&means, 0)?)
    };
    averaged().during("averaging text features")
}
