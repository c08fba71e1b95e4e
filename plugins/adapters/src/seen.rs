//! The classes that an adapter was trained on, with their text features.
//!
//! An adapter scores all of them, also when a later task lists only its own.

use crate::stored;
use clbench_torch::During;
use clbench_torch::bridge::state;
use clbench_torch::prompting::templates::ClassTexts;
use clbench_torch::tch::{Device, Kind, Tensor};
use harness_abi::{Class, Error, Result, State};
use std::collections::HashMap;

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
    /// As for [`ClassTexts::of`].
    pub fn add(&mut self, classes: &[Class], texts: &mut ClassTexts) -> Result<usize> {
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
        self.texts = state::taken(written, "seen.texts", &shape, options)?;
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

    fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
        Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
    }

    #[test]
    fn a_class_that_comes_back_keeps_its_position() {
        let templates = Some(vec!["{}".into()]);
        let mut texts = ClassTexts::new(templates, ToyBackbone::handle(), Device::Cpu);
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
}
