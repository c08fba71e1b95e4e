//! Plans which classes take part in which step of an epoch.
//!
//! Classes differ in size. Each has its own batches, and step n trains the n-th batch of every
//! class that has one. Because the stack is sorted by size, largest first, the classes with a batch
//! in a step are a prefix of the stack, and the others are not computed. Batches of a step may
//! differ in length; they are padded to the longest, and row weights of 1 / length or 0 keep the
//! padding out of every sum.

use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use std::ops::Range;

/// The steps of an epoch, for classes of given sizes.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The stack's order: for each position, the index of the class in the original order.
    pub order: Vec<usize>,
    /// The number of samples of each class, in the order of the stack.
    pub sizes: Vec<i64>,
    /// Samples in a full batch.
    pub batch_size: i64,
    /// The steps of an epoch.
    pub steps: Vec<Step>,
    /// The classes that take steps, grouped by their number of steps, which is the second item.
    pub groups: Vec<(Range<i64>, u64)>,
}

/// One step of an epoch.
#[derive(Debug)]
pub(crate) struct Step {
    /// The number of classes that take part: the first ones of the stack.
    pub active: i64,
    /// The offset of the batches in each class's samples.
    pub start: i64,
    /// The length of the longest batch.
    pub rows: i64,
    /// `[active, rows, 1]`: 1 / length for the rows of a batch, 0 for its padding. `None` if all
    /// batches have `rows` rows.
    pub weights: Option<Tensor>,
}

impl Plan {
    /// Plans the steps for classes of the given sizes. A class's incomplete last batch is kept if
    /// it has at least `least` samples.
    pub fn new(
        sizes: &[i64],
        batch_size: i64,
        least: i64,
        (kind, device): (Kind, Device),
    ) -> Result<Plan, TchError> {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|&class| std::cmp::Reverse(sizes[class]));
        let sizes: Vec<i64> = order.iter().map(|&class| sizes[class]).collect();
        let steps_of = |size: i64| size / batch_size + i64::from(size % batch_size >= least);

        let mut groups: Vec<(Range<i64>, u64)> = Vec::new();
        for (class, &size) in (0..).zip(&sizes) {
            match (groups.last_mut(), steps_of(size) as u64) {
                (_, 0) => break,
                (Some((classes, steps)), own) if *steps == own => classes.end = class + 1,
                (_, own) => groups.push((class..class + 1, own)),
            }
        }

        let longest = sizes.first().map_or(0, |&size| steps_of(size));
        let steps = (0..longest).map(|step| {
            let start = step * batch_size;
            let taking_part = sizes.iter().filter(|&&size| steps_of(size) > step);
            let lengths: Vec<i64> = taking_part
                .map(|size| batch_size.min(size - start))
                .collect();
            let rows = lengths.iter().copied().max().unwrap_or(0);
            let even = lengths.iter().all(|&length| length == rows);
            let weights = (!even).then(|| {
                weights(&lengths, rows)?
                    .f_to_kind(kind)?
                    .f_to_device(device)
            });
            Ok(Step {
                active: lengths.len() as i64,
                start,
                rows,
                weights: weights.transpose()?,
            })
        });
        Ok(Plan {
            steps: steps.collect::<Result<_, TchError>>()?,
            order,
            sizes,
            batch_size,
            groups,
        })
    }

    /// The number of steps of an epoch, summed over classes.
    pub fn steps_of_classes(&self) -> u64 {
        let of_group =
            |(classes, steps): &(Range<i64>, u64)| (classes.end - classes.start) as u64 * steps;
        self.groups.iter().map(of_group).sum()
    }

    /// 1 / steps per epoch, `[classes]`; 0 for a class that takes none.
    pub fn shares(&self, kind: Kind, device: Device) -> Result<Tensor, TchError> {
        let mut shares = vec![0.0; self.order.len()];
        for (classes, steps) in &self.groups {
            shares[classes.start as usize..classes.end as usize].fill(1.0 / *steps as f64);
        }
        Tensor::f_from_slice(&shares)?
            .f_to_kind(kind)?
            .f_to_device(device)
    }

    /// The inverse of `order`: the position in the stack of each class, in the original order.
    pub fn back(&self) -> Vec<i64> {
        let mut back = vec![0; self.order.len()];
        for (position, &class) in (0..).zip(&self.order) {
            back[class] = position;
        }
        back
    }
}

/// f64 `[lengths, rows, 1]`.
fn weights(lengths: &[i64], rows: i64) -> Result<Tensor, TchError> {
    let of_length = |&length: &i64| {
        (0..rows).map(move |row| {
            if row < length {
                1.0 / length as f64
            } else {
                0.0
            }
        })
    };
    let weights: Vec<f64> = lengths.iter().flat_map(of_length).collect();
    Tensor::f_from_slice(&weights)?.f_view([-1, rows, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_sorted_by_size_and_drop_out_without_a_batch() {
        let sizes = [3, 9, 1, 8, 9, 5];
        let plan = Plan::new(&sizes, 4, 2, (Kind::Double, Device::Cpu)).unwrap();
        assert_eq!(plan.order, [1, 4, 3, 5, 0, 2]);
        assert_eq!(plan.back(), [4, 0, 5, 2, 1, 3]);
        assert_eq!(plan.sizes, [9, 9, 8, 5, 3, 1]);
        // 9 = 4 + 4 + 1 and 5 = 4 + 1, and the batch of one is dropped.
        assert_eq!(plan.groups, [(0..3, 2), (3..5, 1)]);
        assert_eq!(plan.steps_of_classes(), 8);
        let steps: Vec<_> = plan
            .steps
            .iter()
            .map(|step| (step.active, step.start, step.rows))
            .collect();
        assert_eq!(steps, [(5, 0, 4), (3, 4, 4)]);
        let weights = plan.steps[0].weights.as_ref().unwrap();
        assert_eq!(weights.size(), [5, 4, 1]);
        let third = 1.0 / 3.0;
        for (class, expected) in [(3, [0.25; 4]), (4, [third, third, third, 0.0])] {
            let row = Vec::<f64>::try_from(weights.get(class).view(-1)).unwrap();
            assert_eq!(row, expected);
        }
        assert!(plan.steps[1].weights.is_none());
    }

    #[test]
    fn classes_smaller_than_the_smallest_batch_take_no_steps() {
        let plan = Plan::new(&[1, 1], 4, 2, (Kind::Float, Device::Cpu)).unwrap();
        assert!(plan.steps.is_empty() && plan.groups.is_empty());
        assert_eq!(plan.steps_of_classes(), 0);
        // Unless a batch of one is allowed.
        let plan = Plan::new(&[1, 5], 4, 1, (Kind::Float, Device::Cpu)).unwrap();
        assert_eq!(plan.groups, [(0..1, 2), (1..2, 1)]);
    }
}
