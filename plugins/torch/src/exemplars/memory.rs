//! The memory: the kept samples, their classes, and how many samples each class has had.

use super::parameters::Settings;
use super::picks::{Choices, Pick};
use crate::bridge::{self, During, state};
use crate::training::GradientMode;
use harness_abi::{Error, Result, State};
use tch::{Device, Kind, TchError, Tensor};

/// Exemplars of past tasks: one row each, a feature or an image.
#[derive(Debug)]
pub struct Memory {
    settings: Settings,
    /// `[exemplars, …]`, by ascending class and in the order of the picks; a reservoir is in no
    /// particular order.
    rows: Tensor,
    /// The class of every exemplar.
    labels: Vec<i64>,
    /// The number of samples that each class of the stream has had.
    seen: Vec<i64>,
}

/// The samples of a task, for a memory to choose from.
#[derive(Debug)]
pub struct Offer<'a> {
    /// Their features, `[rows, width]`, of any length.
    pub features: &'a Tensor,
    /// Their classes.
    pub labels: &'a [i64],
    /// The features of the exemplars in the memory, `[exemplars, width]`, if its rows are images.
    pub kept: Option<&'a Tensor>,
    /// Seeds the draws.
    pub seed: u64,
    /// The task's number, which seeds the draws too.
    pub task: u32,
}

impl Memory {
    /// Creates an empty memory for a stream of `classes` classes. Its rows have the given shape and
    /// type, such as f32 `[width]` or u8 `[3, height, width]`.
    ///
    /// # Errors
    ///
    /// If the device is not available.
    pub fn new(
        settings: Settings,
        classes: u32,
        row: &[i64],
        kind: Kind,
        device: Device,
    ) -> Result<Memory> {
        let shape = [&[0], row].concat();
        Ok(Memory {
            settings,
            rows: Tensor::f_empty(shape, (kind, device)).during("making an exemplar memory")?,
            labels: Vec::new(),
            seen: vec![0; classes as usize],
        })
    }

    /// The number of exemplars.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The exemplars, `[exemplars, …]`.
    pub fn rows(&self) -> &Tensor {
        &self.rows
    }

    /// The class of every exemplar.
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// The number of samples that each class of the stream has had, by class id.
    pub fn seen(&self) -> &[i64] {
        &self.seen
    }

    /// The exemplars of each class that has some, `[exemplars, …]`, with its id, in ascending order.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn by_class(&self) -> Result<Vec<(i64, Tensor)>> {
        let classes = 0..self.seen.len() as i64;
        let rows_of = |class| -> Vec<i64> {
            let rows = (0_i64..).zip(&self.labels);
            let rows = rows.filter(|&(_, &label)| label == class);
            rows.map(|(row, _)| row).collect()
        };
        classes
            .map(|class| (class, rows_of(class)))
            .filter(|(_, rows)| !rows.is_empty())
            .map(|(class, rows)| Ok((class, select(&self.rows, &rows)?)))
            .collect::<Result<_, TchError>>()
            .during("selecting the exemplars of a class")
    }

    /// Chooses anew, among the exemplars and the samples of a task, and counts these samples.
    /// `read` returns the contents of the task's rows that come in, one row of the memory each, in
    /// the order given; it is not called if none does.
    ///
    /// # Errors
    ///
    /// If a label is not a class of the stream, or `read` fails.
    pub fn update(
        &mut self,
        offer: &Offer<'_>,
        read: impl FnOnce(&[u32]) -> Result<Tensor>,
    ) -> Result<()> {
        let _mode = GradientMode::off();
        let classes = self.seen.len() as i64;
        if let Some(label) = offer
            .labels
            .iter()
            .find(|label| !(0..classes).contains(label))
        {
            return Err(Error::failed(format!(
                "a sample has class {label}, but the stream has {classes} classes"
            )));
        }
        let picks = Choices {
            settings: self.settings,
            kept_labels: &self.labels,
            kept_features: offer.kept.unwrap_or(&self.rows),
            new_labels: offer.labels,
            new_features: offer.features,
            seen: &self.seen,
            seed: offer.seed,
            task: offer.task,
        }
        .picks()?;

        let new: Vec<u32> = (picks.iter())
            .filter_map(|pick| match *pick {
                Pick::New(row) => Some(row as u32),
                Pick::Kept(_) => None,
            })
            .collect();
        let doing = "updating the exemplar memory";
        let all = match new.is_empty() {
            true => self.rows.shallow_clone(),
            false => {
                let contents = read(&new)?.f_to_device(self.rows.device()).during(doing)?;
                self.expect(&contents, new.len())?;
                Tensor::f_cat(&[&self.rows, &contents], 0).during(doing)?
            }
        };
        // What came in stands after the exemplars, in the order of the picks.
        let mut next = self.labels.len() as i64;
        let mut rows = Vec::with_capacity(picks.len());
        let mut labels = Vec::with_capacity(picks.len());
        for pick in picks {
            let (row, label) = match pick {
                Pick::Kept(row) => (row as i64, self.labels[row]),
                Pick::New(row) => {
                    next += 1;
                    (next - 1, offer.labels[row])
                }
            };
            rows.push(row);
            labels.push(label);
        }
        self.rows = select(&all, &rows).during(doing)?;
        self.labels = labels;
        for &label in offer.labels {
            self.seen[label as usize] += 1;
        }
        Ok(())
    }

    /// Adds the memory to a state.
    ///
    /// # Errors
    ///
    /// If libtorch runs out of memory.
    pub fn put(&self, written: &mut State) -> Result<()> {
        state::put(written, "exemplars", &self.rows)?;
        for (name, numbers) in [
            ("exemplar_labels", &self.labels),
            ("exemplar_seen", &self.seen),
        ] {
            let numbers = Tensor::f_from_slice(numbers).during("writing the exemplar memory")?;
            state::put(written, name, &numbers)?;
        }
        Ok(())
    }

    /// Takes the memory out of a state.
    ///
    /// # Errors
    ///
    /// If the state does not belong to such a memory.
    pub fn take(&mut self, written: &mut State) -> Result<()> {
        let labels = written.take("exemplar_labels")?.view().to_vec::<i64>()?;
        let seen = written.take("exemplar_seen")?.view().to_vec::<i64>()?;
        let rows = bridge::copy_in(written.take("exemplars")?.view())?;
        self.expect(&rows, labels.len())?;
        let classes = 0..seen.len() as i64;
        if seen.len() != self.seen.len() || !labels.iter().all(|label| classes.contains(label)) {
            return Err(Error::failed(
                "the state's exemplars are not of the classes of this stream",
            ));
        }
        self.rows = rows
            .f_to_device(self.rows.device())
            .during("restoring the exemplar memory")?;
        (self.labels, self.seen) = (labels, seen);
        Ok(())
    }

    /// Checks that there are `rows` rows of the memory's shape and type.
    fn expect(&self, contents: &Tensor, rows: usize) -> Result<()> {
        let shape = [&[rows as i64], &self.rows.size()[1..]].concat();
        if contents.size() == shape && contents.kind() == self.rows.kind() {
            return Ok(());
        }
        Err(Error::failed(format!(
            "the exemplars should be {:?} {shape:?}, not {:?} {:?}",
            self.rows.kind(),
            contents.kind(),
            contents.size()
        )))
    }
}

fn select(rows: &Tensor, index: &[i64]) -> Result<Tensor, TchError> {
    let index = Tensor::f_from_slice(index)?.f_to_device(rows.device())?;
    rows.f_index_select(0, &index)
}

#[cfg(test)]
mod tests {
    use super::super::{Budget, Selection, herding, unit_rows};
    use super::*;
    use crate::Generator;

    const WIDTH: i64 = 6;
    const SELECTIONS: [Selection; 3] =
        [Selection::Herding, Selection::Random, Selection::Reservoir];

    fn settings(budget: Budget, selection: Selection) -> Settings {
        Settings { budget, selection }
    }

    fn memory(budget: Budget, selection: Selection) -> Memory {
        let settings = settings(budget, selection);
        Memory::new(settings, 6, &[WIDTH], Kind::Float, Device::Cpu).unwrap()
    }

    /// Samples of the given classes; the first number of a feature tells which sample it is.
    fn samples(labels: &[i64], first: usize) -> Tensor {
        let rows = labels.len() as i64;
        let features = Generator::new(2, "samples", first as u32)
            .normal_tensor(&[rows, WIDTH], 1.0, Device::Cpu)
            .unwrap();
        let numbers: Vec<f32> = (first..first + labels.len()).map(|n| n as f32).collect();
        features
            .narrow(1, 0, 1)
            .copy_(&Tensor::from_slice(&numbers).view((rows, 1)));
        features
    }

    fn learn(memory: &mut Memory, features: &Tensor, labels: &[i64], task: u32) {
        let offer = Offer {
            features,
            labels,
            kept: None,
            seed: 1,
            task,
        };
        let read = |rows: &[u32]| {
            let rows: Vec<i64> = rows.iter().map(|&row| row.into()).collect();
            Ok(features.index_select(0, &Tensor::from_slice(&rows)))
        };
        memory.update(&offer, read).unwrap();
    }

    /// Which samples are kept.
    fn numbers(memory: &Memory) -> Vec<usize> {
        let numbers = Vec::<f32>::try_from(memory.rows().select(1, 0)).unwrap();
        numbers.into_iter().map(|number| number as usize).collect()
    }

    fn of_class(memory: &Memory, class: i64) -> Vec<usize> {
        let all = numbers(memory).into_iter().zip(memory.labels());
        all.filter(|&(_, &label)| label == class)
            .map(|(number, _)| number)
            .collect()
    }

    #[test]
    fn a_total_is_shared_by_the_classes_and_older_classes_keep_their_first_picks() {
        let first = [vec![0; 9], vec![1; 2], vec![2; 9]].concat();
        let second = [vec![4; 9], vec![3; 1]].concat();
        for selection in [Selection::Herding, Selection::Random] {
            let mut memory = memory(Budget::Total(17), selection);
            learn(&mut memory, &samples(&first, 0), &first, 1);
            let before: Vec<_> = (0..3).map(|class| of_class(&memory, class)).collect();
            // ⌊17/3⌋ = 5, and class 1 has two samples in all.
            assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [5, 2, 5]);
            learn(&mut memory, &samples(&second, 20), &second, 2);
            // ⌊17/5⌋ = 3.
            for (class, before) in before.iter().enumerate() {
                let after = of_class(&memory, class as i64);
                assert_eq!(after, before[..before.len().min(3)]);
            }
            assert_eq!(of_class(&memory, 3), [29]);
            assert_eq!(of_class(&memory, 4).len(), 3);
            assert!(memory.labels().is_sorted());
            assert_eq!(memory.seen(), [9, 2, 9, 1, 9, 0]);
        }
    }

    #[test]
    fn a_budget_per_class_does_not_shrink_and_what_was_picked_does_not_depend_on_it() {
        let labels = [vec![1; 9], vec![0; 9]].concat();
        for selection in [Selection::Herding, Selection::Random] {
            let picks = |budget| {
                let mut memory = memory(budget, selection);
                learn(&mut memory, &samples(&labels, 0), &labels, 1);
                learn(&mut memory, &samples(&[2], 18), &[2], 2);
                (of_class(&memory, 0), of_class(&memory, 1))
            };
            let (zero, one) = picks(Budget::PerClass(9));
            assert_eq!((zero.len(), one.len()), (9, 9));
            for size in 1..9 {
                let some = picks(Budget::PerClass(size));
                let size = size as usize;
                assert_eq!(some, (zero[..size].to_vec(), one[..size].to_vec()));
            }
        }
    }

    #[test]
    fn a_class_that_comes_back_is_herded_towards_the_mean_of_all_its_samples() {
        let (first, second) = (samples(&[0; 8], 0), samples(&[0; 5], 8));
        let mut memory = memory(Budget::PerClass(4), Selection::Herding);
        learn(&mut memory, &first, &[0; 8], 1);
        let kept = memory.rows().copy();
        learn(&mut memory, &second, &[0; 5], 2);

        let (old, new) = (unit_rows(&kept).unwrap(), unit_rows(&second).unwrap());
        let sum = |rows: &Tensor| rows.sum_dim_intlist([0].as_slice(), false, Kind::Double);
        let mean = (sum(&old) * (8.0 / 4.0) + sum(&new)) / 13.0;
        let order = herding(&Tensor::cat(&[old, new], 0), &mean, 4).unwrap();
        let pool = Tensor::cat(&[kept, second], 0);
        let order: Vec<i64> = order.into_iter().map(|row| row as i64).collect();
        assert_eq!(
            memory.rows(),
            &pool.index_select(0, &Tensor::from_slice(&order))
        );
        assert_eq!((memory.seen()[0], memory.len()), (13, 4));
    }

    #[test]
    fn a_memory_that_is_large_enough_keeps_every_sample_of_every_task() {
        for selection in SELECTIONS {
            let mut memory = memory(Budget::Total(60), selection);
            for (task, first) in [(1, 0), (2, 6)] {
                let labels = [0, 3, 3, 1, 0, 0];
                learn(&mut memory, &samples(&labels, first), &labels, task);
            }
            let mut numbers = numbers(&memory);
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..12), "{selection:?}");
        }
    }

    #[test]
    fn a_memory_of_nothing_stays_empty_but_counts() {
        for selection in SELECTIONS {
            let mut memory = memory(Budget::Total(0), selection);
            learn(&mut memory, &samples(&[0, 1], 0), &[0, 1], 1);
            assert!(memory.is_empty() && memory.by_class().unwrap().is_empty());
            assert_eq!(memory.seen(), [1, 1, 0, 0, 0, 0]);
        }
    }

    /// Images, which are read only if they are kept; their features come from outside.
    #[test]
    fn a_memory_of_images_keeps_the_same_samples_as_one_of_features() {
        let mut by_feature = memory(Budget::PerClass(3), Selection::Herding);
        let settings = settings(Budget::PerClass(3), Selection::Herding);
        let mut by_image = Memory::new(settings, 6, &[3, 2, 2], Kind::Uint8, Device::Cpu).unwrap();
        for (task, labels) in [(1, vec![0; 7]), (2, vec![0, 1, 1, 1, 1, 0])] {
            let features = samples(&labels, 7 * (task as usize - 1));
            let kept = by_feature.rows().copy();
            let offer = Offer {
                features: &features,
                labels: &labels,
                kept: Some(&kept),
                seed: 1,
                task,
            };
            let read = |rows: &[u32]| {
                let numbers = rows.iter().map(|&row| row as u8 + 7 * (task as u8 - 1));
                let pixels: Vec<u8> = numbers.flat_map(|number| [number; 12]).collect();
                Ok(Tensor::from_slice(&pixels).view((-1, 3, 2, 2)))
            };
            by_image.update(&offer, read).unwrap();
            learn(&mut by_feature, &features, &labels, task);
        }
        let pictures = by_image.rows().view((-1, 12)).select(1, 5);
        let pictures = Vec::<u8>::try_from(pictures).unwrap();
        let pictures: Vec<usize> = pictures.into_iter().map(usize::from).collect();
        assert_eq!(pictures, numbers(&by_feature));
        assert_eq!(by_image.labels(), by_feature.labels());
        assert_eq!(by_image.labels(), [0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_restored_memory_is_the_same_bit_for_bit() {
        for selection in SELECTIONS {
            let budget = Budget::Total(8);
            let labels = [0, 0, 1, 5, 1, 0, 0, 5, 5, 1];
            let mut first = memory(budget, selection);
            let bytes = |memory: &Memory| {
                let mut state = State::default();
                memory.put(&mut state).unwrap();
                state.to_bytes().unwrap()
            };
            let mut restored = memory(budget, selection);
            for task in 1..3 {
                learn(&mut first, &samples(&labels, 0), &labels, task);
                let mut state = State::from_bytes(bytes(&first)).unwrap();
                restored.take(&mut state).unwrap();
                assert_eq!(bytes(&restored), bytes(&first));
            }
            learn(&mut first, &samples(&[2, 2], 10), &[2, 2], 3);
            learn(&mut restored, &samples(&[2, 2], 10), &[2, 2], 3);
            assert_eq!(bytes(&restored), bytes(&first));
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let features = samples(&[0], 0);
        let error = |label, contents: &[i64]| {
            let offer = Offer {
                features: &features,
                labels: &[label],
                kept: None,
                seed: 1,
                task: 1,
            };
            let contents = Tensor::zeros(contents, (Kind::Float, Device::Cpu));
            memory(Budget::Total(8), Selection::Random)
                .update(&offer, |_| Ok(contents))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error(6, &[1, WIDTH]),
            "a sample has class 6, but the stream has 6 classes"
        );
        assert_eq!(
            error(5, &[1, 2]),
            "the exemplars should be Float [1, 6], not Float [1, 2]"
        );

        let mut state = State::default();
        let mut first = memory(Budget::Total(8), Selection::Random);
        learn(&mut first, &features, &[5], 1);
        first.put(&mut state).unwrap();
        let settings = settings(Budget::Total(8), Selection::Random);
        let mut other = Memory::new(settings, 3, &[WIDTH], Kind::Float, Device::Cpu).unwrap();
        assert_eq!(
            other.take(&mut state).unwrap_err().to_string(),
            "the state's exemplars are not of the classes of this stream"
        );
    }
}
