//! The text features of classes: the zero-shot classifier that every adapter starts from.
//!
//! A class is represented by its name in one or more templates, averaged as in CLIP's code: scale
//! each text's feature to unit length, average, scale again. An adapter scores all classes that it
//! was trained on, also when a later task lists only its own. [`Seen`] keeps their features.

use crate::stored;
use clbench_torch::During;
use clbench_torch::bridge::state;
use clbench_torch::prompting::class_texts::{TextFeatures, check_template, filled, text_features};
use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::{BackboneHandle, Class, Error, Result, State};
use std::collections::HashMap;

/// Encodes classes, each once.
#[derive(Debug)]
pub struct Texts {
    /// The templates of all classes; `None`: each domain's own.
    templates: Option<Vec<String>>,
    backbone: BackboneHandle,
    device: Device,
    cache: TextFeatures,
}

impl Texts {
    /// Texts in the given templates; `None` for each domain's own.
    pub fn new(templates: Option<Vec<String>>, backbone: BackboneHandle, device: Device) -> Texts {
        Texts {
            templates,
            backbone,
            device,
            cache: TextFeatures::default(),
        }
    }

    /// The features of classes, of unit length, `[classes, width]`.
    ///
    /// # Errors
    ///
    /// If a class has no template, or the backbone fails.
    pub fn of(&mut self, classes: &[Class]) -> Result<Tensor> {
        let (templates, backbone, device) = (&self.templates, &self.backbone, self.device);
        self.cache.of(classes, |classes| {
            encoded(templates.as_deref(), backbone, device, classes)
        })
    }
}

/// Checks a list of templates, the parameter `templates`.
///
/// # Errors
///
/// If it is empty, or a template lacks its placeholder.
pub fn check_templates(templates: &[String]) -> Result<()> {
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
                "class `{}` has no template; give its domain some, or set a template in the parameters",
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

/// The classes of all tasks so far, in the order of their arrival, with their text features.
#[derive(Debug)]
pub struct Seen {
    ids: Vec<u32>,
    /// Of unit length, `[seen, width]`.
    texts: Tensor,
}

impl Seen {
    /// No classes yet.
    ///
    /// # Errors
    ///
    /// If the device is not available.
    pub fn new(width: u32, device: Device) -> Result<Seen> {
        let texts = Tensor::f_zeros([0, i64::from(width)], (Kind::Float, device));
        Ok(Seen {
            ids: Vec::new(),
            texts: texts.during("making room for text features")?,
        })
    }

    /// The same classes, sharing their features.
    pub fn share(&self) -> Seen {
        Seen {
            ids: self.ids.clone(),
            texts: self.texts.shallow_clone(),
        }
    }

    /// The classes' ids.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The classes' ids, as labels are given.
    pub fn labels(&self) -> Vec<i64> {
        self.ids.iter().map(|&id| id.into()).collect()
    }

    /// Their text features, of unit length, `[seen, width]`.
    pub fn texts(&self) -> &Tensor {
        &self.texts
    }

    /// Adds a task's classes, without those that came before. Returns how many were new; they are
    /// the last ones.
    ///
    /// # Errors
    ///
    /// As for [`Texts::of`].
    pub fn add(&mut self, classes: &[Class], texts: &mut Texts) -> Result<usize> {
        let new: Vec<Class> = classes
            .iter()
            .filter(|class| !self.ids.contains(&class.id))
            .cloned()
            .collect();
        if !new.is_empty() {
            let features = texts.of(&new)?;
            self.texts = Tensor::f_cat(&[&self.texts, &features], 0)
                .during("adding the text features of a task's classes")?;
            self.ids.extend(new.iter().map(|class| class.id));
        }
        Ok(new.len())
    }

    /// The position of a class.
    ///
    /// # Errors
    ///
    /// If it was not seen.
    pub fn position(&self, class: i64) -> Result<i64> {
        match self.ids.iter().position(|&id| i64::from(id) == class) {
            Some(position) => Ok(position as i64),
            None => Err(Error::failed(format!(
                "a sample has class {class}, which is not among the classes {:?} of the tasks so far",
                self.ids
            ))),
        }
    }

    /// The positions of samples' classes, i64 `[samples]`, on the device of the texts.
    ///
    /// # Errors
    ///
    /// If a class was not seen.
    pub fn positions(&self, labels: &[i64]) -> Result<Tensor> {
        let mut known = HashMap::new();
        let mut positions = Vec::with_capacity(labels.len());
        for &label in labels {
            let position = match known.get(&label) {
                Some(&position) => position,
                None => self.position(label)?,
            };
            known.insert(label, position);
            positions.push(position);
        }
        Tensor::f_from_slice(&positions)
            .and_then(|positions| positions.f_to_device(self.texts.device()))
            .during("preparing the labels")
    }

    /// Adds the classes to a state.
    ///
    /// # Errors
    ///
    /// If memory is short.
    pub fn put(&self, written: &mut State) -> Result<()> {
        state::put(written, "seen.classes", &stored::ids(&self.ids)?)?;
        state::put(written, "seen.texts", &self.texts)
    }

    /// Restores the classes from a state.
    ///
    /// # Errors
    ///
    /// If the state does not belong to this strategy.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        let ids = stored::taken_ids(written, "seen.classes")?;
        let shape = [ids.len() as i64, self.texts.size()[1]];
        let options = (Kind::Float, self.texts.device());
        self.texts = stored::taken(written, "seen.texts", &shape, options)?;
        self.ids = ids;
        Ok(())
    }
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

    fn texts(templates: Option<&[&str]>) -> Texts {
        let templates = templates.map(|its| its.iter().map(|&it| it.into()).collect());
        Texts::new(templates, ToyBackbone::handle(), Device::Cpu)
    }

    fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
        Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
    }

    #[test]
    fn templates_are_averaged_as_clip_does() {
        let unit = |row: Vec<f64>| {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter().map(|x| x / length).collect::<Vec<_>>()
        };
        let by_hand = |texts: &[&str]| {
            let embeddings = ToyBackbone::handle().encode_texts(texts).unwrap();
            let values = embeddings.view().to_vec::<f32>().unwrap();
            let rows = values.chunks(values.len() / texts.len());
            let units: Vec<Vec<f64>> = rows
                .map(|row| unit(row.iter().map(|&x| x.into()).collect()))
                .collect();
            unit(
                (0..units[0].len())
                    .map(|i| units.iter().map(|row| row[i]).sum())
                    .collect(),
            )
        };
        let classes = [
            class(4, "grey_seal", &["a photo of a {}", "one {} at sea"]),
            class(1, "tern", &["a photo of a {}"]),
        ];
        let close = |ours: &Tensor, expected: [Vec<f64>; 2]| {
            for (ours, theirs) in rows(ours).iter().flatten().zip(expected.iter().flatten()) {
                assert!((ours - theirs).abs() < 1e-6, "{ours}, by hand {theirs}");
            }
        };
        let own = texts(None).of(&classes).unwrap();
        close(
            &own,
            [
                by_hand(&["a photo of a grey seal", "one grey seal at sea"]),
                by_hand(&["a photo of a tern"]),
            ],
        );
        let same = texts(Some(&["{}."])).of(&classes).unwrap();
        close(&same, [by_hand(&["grey seal."]), by_hand(&["tern."])]);
    }

    #[test]
    fn a_class_that_comes_back_keeps_its_position() {
        let mut texts = texts(Some(&["{}"]));
        let mut seen = Seen::new(16, Device::Cpu).unwrap();
        let class = |id| class(id, ["seal", "tern", "crab", "gull"][id as usize], &[]);
        assert_eq!(seen.add(&[class(3), class(0)], &mut texts).unwrap(), 2);
        let first = rows(seen.texts());
        assert_eq!(seen.add(&[class(0), class(2)], &mut texts).unwrap(), 1);
        assert_eq!(seen.ids(), [3, 0, 2]);
        assert_eq!(rows(seen.texts())[..2], first);
        let positions = seen.positions(&[2, 0, 3, 3]).unwrap();
        assert_eq!(Vec::<i64>::try_from(positions).unwrap(), [2, 1, 0, 0]);
        assert_eq!(
            seen.positions(&[1]).unwrap_err().to_string(),
            "a sample has class 1, which is not among the classes [3, 0, 2] of the tasks so far"
        );
    }

    #[test]
    fn a_class_without_a_template_is_named() {
        let error = texts(None).of(&[class(0, "tern", &[])]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "class `tern` has no template; give its domain some, or set a template in the parameters"
        );
    }
}
