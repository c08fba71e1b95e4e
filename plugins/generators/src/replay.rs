//! The generators of all classes seen so far, and what they draw together.
//!
//! A class has one generator for each task in which it arrived: usually one, several if it comes
//! back in later tasks, as in domain-incremental streams. All classes contribute the same number of
//! embeddings; a class with several generators takes equal shares from them.

use crate::{Fitted, Generator};
use clbench_torch::bridge::state;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::{During, Noise};
use harness_abi::{Error, Result, State};

/// The name of the state's tensor that says which class a generator belongs to. It is absent if
/// generator c belongs to class c.
const CLASSES: &str = "generator classes";

/// The generators of all classes seen so far.
#[derive(Debug, Default)]
pub struct Replay {
    fitted: Fitted,
    /// The class of each generator, in the order in which they were fitted.
    classes: Vec<u32>,
}

/// Embeddings drawn for all classes.
#[derive(Debug)]
pub struct Drawn {
    /// f32 `[classes · count, width]`, the classes in ascending order.
    pub features: Tensor,
    /// The class ids, in ascending order; each has `count` rows.
    pub classes: Vec<u32>,
}

impl Replay {
    /// Adds the generators of a task's classes.
    ///
    /// # Errors
    ///
    /// If they are of another kind or size than those already here.
    pub fn extend(&mut self, fitted: Fitted, classes: &[u32]) -> Result<()> {
        self.fitted.extend(fitted)?;
        self.classes.extend(classes);
        Ok(())
    }

    /// Random numbers for [`draw`](Self::draw): one stream per generator. The first generator of a
    /// class has the class's own stream, so its draws do not depend on whether the class comes back;
    /// `classes` is the number of classes of the whole stream.
    ///
    /// # Errors
    ///
    /// If the device is not available.
    pub fn noise(
        &self,
        seed: u64,
        purpose: &str,
        task: u32,
        classes: u32,
        device: Device,
    ) -> Result<Noise> {
        let earlier = |at: usize| {
            let same = |class: &&u32| **class == self.classes[at];
            self.classes[..at].iter().filter(same).count() as u32
        };
        let streams = self.classes.iter().enumerate();
        let streams: Vec<u32> = streams
            .map(|(at, class)| earlier(at) * classes + class)
            .collect();
        Noise::new(seed, purpose, task, &streams, device)
    }

    /// Draws `count` embeddings of every class.
    ///
    /// # Errors
    ///
    /// Errors from libtorch, or if the generators are of another kind than `generator`.
    pub fn draw(&self, generator: &dyn Generator, count: i64, noise: &mut Noise) -> Result<Drawn> {
        let shares = Shares::new(&self.classes, count);
        let drawn = generator.draw(&self.fitted, shares.most, noise)?;
        let features = shares
            .of(&drawn)
            .during("selecting the embeddings of classes")?;
        Ok(Drawn {
            features,
            classes: shares.classes,
        })
    }

    /// Copies the generators into a state.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn put(&self, written: &mut State) -> Result<()> {
        self.fitted.put(written)?;
        if self.one_each() {
            return Ok(());
        }
        let classes: Vec<i64> = self.classes.iter().map(|&class| class.into()).collect();
        let classes = Tensor::f_from_slice(&classes).during("storing the generators")?;
        state::put(written, CLASSES, &classes)
    }

    /// Restores all generators of `classes` classes from a state, bit for bit.
    ///
    /// # Errors
    ///
    /// If the state's generators do not belong to these classes, or libtorch reports an error.
    pub fn take(written: &mut State, classes: u32, device: Device) -> Result<Replay> {
        let has_several = written.tensors.iter().any(|(name, _)| name == CLASSES);
        let owners: Vec<u32> = match has_several {
            false => (0..classes).collect(),
            true => {
                let stored: Vec<i64> = written.take(CLASSES)?.view().to_vec()?;
                let known = |&class: &i64| u32::try_from(class).ok().filter(|&c| c < classes);
                stored
                    .iter()
                    .map(known)
                    .collect::<Option<_>>()
                    .ok_or_else(|| {
                        Error::failed(format!(
                            "the state's generators belong to classes {stored:?}, but only {classes} classes were seen"
                        ))
                    })?
            }
        };
        Ok(Replay {
            fitted: Fitted::take(written, owners.len() as i64, device)?,
            classes: owners,
        })
    }

    /// Whether generator c belongs to class c.
    fn one_each(&self) -> bool {
        self.classes
            .iter()
            .copied()
            .eq(0..self.classes.len() as u32)
    }
}

/// How many embeddings each generator contributes.
struct Shares {
    /// The class ids, in ascending order.
    classes: Vec<u32>,
    /// For each class, its generators and their shares, whose sum is `count`.
    generators: Vec<Vec<(usize, i64)>>,
    /// The largest share.
    most: i64,
}

impl Shares {
    fn new(owners: &[u32], count: i64) -> Shares {
        let mut classes = owners.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let generators: Vec<Vec<(usize, i64)>> = classes
            .iter()
            .map(|class| {
                let own: Vec<usize> = (0..owners.len())
                    .filter(|&at| owners[at] == *class)
                    .collect();
                let (each, rest) = (count / own.len() as i64, count % own.len() as i64);
                let share = |position: i64| each + i64::from(position < rest);
                own.into_iter().zip((0..).map(share)).collect()
            })
            .collect();
        let shares = generators.iter().flatten().map(|&(_, share)| share);
        Shares {
            most: shares.max().unwrap_or(0),
            classes,
            generators,
        }
    }

    /// Selects the shares from what all generators drew, `[generators, most, width]`; the rows of a
    /// class follow each other.
    fn of(&self, drawn: &Tensor) -> Result<Tensor, TchError> {
        let (generators, most, width) = drawn.size3()?;
        let rows = drawn.f_reshape([generators * most, width])?;
        let selected: Vec<i64> = self
            .generators
            .iter()
            .flatten()
            .flat_map(|&(at, share)| (0..share).map(move |row| at as i64 * most + row))
            .collect();
        if selected.iter().copied().eq(0..generators * most) {
            return Ok(rows);
        }
        rows.f_index_select(
            0,
            &Tensor::f_from_slice(&selected)?.f_to_device(rows.device())?,
        )
    }
}

impl Drawn {
    /// The class of each row, i64 `[classes · count]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn labels(&self) -> Result<Tensor, TchError> {
        let (rows, _) = self.features.size2()?;
        let ids: Vec<i64> = self.classes.iter().map(|&class| class.into()).collect();
        let count = rows / (ids.len() as i64).max(1);
        Tensor::f_from_slice(&ids)?
            .f_to_device(self.features.device())?
            .f_to_kind(Kind::Int64)?
            .f_repeat_interleave_self_int(count, 0, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::Gaussian;
    use crate::toy::{self, Toy};

    fn replay(tasks: &[&[u32]]) -> Replay {
        let mut replay = Replay::default();
        for &task in tasks {
            let classes: Vec<(u32, i64)> = task.iter().map(|&class| (class, 20)).collect();
            let fit = toy::fit(&Gaussian {}, &Toy::new(&classes).classes);
            replay.extend(fit.fitted, task).unwrap();
        }
        replay
    }

    fn drawn(replay: &Replay, count: i64) -> Drawn {
        let mut noise = replay.noise(1, "draws", 3, 9, Device::Cpu).unwrap();
        replay.draw(&Gaussian {}, count, &mut noise).unwrap()
    }

    #[test]
    fn without_returning_classes_all_that_the_generators_draw_is_used() {
        let replay = replay(&[&[0, 1], &[2]]);
        let mut noise = Noise::new(1, "draws", 3, &[0, 1, 2], Device::Cpu).unwrap();
        let all = Gaussian {}.draw(&replay.fitted, 5, &mut noise).unwrap();
        let drawn = drawn(&replay, 5);
        assert_eq!(drawn.features, all.reshape([15, -1]));
        let labels: Vec<i64> = Vec::try_from(drawn.labels().unwrap()).unwrap();
        assert_eq!(labels, [[0; 5], [1; 5], [2; 5]].concat());
        let mut state = State::default();
        replay.put(&mut state).unwrap();
        let names: Vec<_> = state.tensors.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, ["generator.mean", "generator.std"]);
    }

    #[test]
    fn the_generators_of_a_returning_class_share_its_draws() {
        // Class 1 has three generators, the others one each.
        let mut replay = replay(&[&[0, 1], &[1, 2], &[1]]);
        // Draws of generator g are g everywhere.
        for (name, tensor) in [("mean", 1.0), ("std", 0.0)] {
            let part = replay.fitted.tensor(name).unwrap();
            let number = Tensor::arange(5, (Kind::Float, Device::Cpu)).view((5, 1)) * tensor;
            part.shallow_clone().copy_(&number.expand_as(part));
        }
        let columns = |count| {
            let drawn = drawn(&replay, count);
            let labels: Vec<i64> = Vec::try_from(drawn.labels().unwrap()).unwrap();
            (toy::values(&drawn.features.select(1, 0)), labels)
        };
        // Generators 1, 2 and 4 belong to class 1; four draws are two, one and one.
        let (values, labels) = columns(4);
        assert_eq!(
            values,
            [0., 0., 0., 0., 1., 1., 2., 4., 3., 3., 3., 3.].map(|value: f32| value)
        );
        assert_eq!(labels, [[0; 4], [1; 4], [2; 4]].concat());
        let (values, _) = columns(2);
        assert_eq!(values, [0., 0., 1., 2., 3., 3.].map(|value: f32| value));

        let mut state = State::default();
        replay.put(&mut state).unwrap();
        let bytes = state.to_bytes().unwrap();
        let restored = Replay::take(&mut state, 3, Device::Cpu).unwrap();
        assert!(state.tensors.is_empty());
        assert_eq!(restored.classes, [0, 1, 1, 2, 1]);
        restored.put(&mut state).unwrap();
        assert_eq!(state.to_bytes().unwrap(), bytes);
        replay = restored;
        let error = {
            let mut state = State::default();
            replay.put(&mut state).unwrap();
            Replay::take(&mut state, 2, Device::Cpu).unwrap_err()
        };
        assert_eq!(
            error.to_string(),
            "the state's generators belong to classes [0, 1, 1, 2, 1], but only 2 classes were seen"
        );
    }

    #[test]
    fn generators_of_one_class_draw_different_numbers() {
        let replay = replay(&[&[0], &[0]]);
        let drawn = drawn(&replay, 8);
        let (first, second) = (
            drawn.features.narrow(0, 0, 4),
            drawn.features.narrow(0, 4, 4),
        );
        assert_ne!(first, second);
    }
}
