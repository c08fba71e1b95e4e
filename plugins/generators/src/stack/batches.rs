//! The batches of an epoch: classes stacked, each in its own random order.

use super::plan::{Plan, Step};
use clbench_torch::tch::{TchError, Tensor};
use clbench_torch::{During, Noise};
use harness_abi::Result;
use std::ops::Range;

/// The samples of all classes, and their order.
#[derive(Debug)]
pub(crate) struct Batches {
    /// The samples of all classes, concatenated in the order of the stack, `[samples, width]`.
    samples: Tensor,
    /// Each class's rows of `samples`, batch after batch, i64 `[classes, samples of the largest]`.
    /// Padding repeats the class's first row, so that the network's outputs for it are finite; it
    /// has no other effect.
    rows: Tensor,
    shuffles: Vec<Shuffle>,
}

/// Consecutive classes of the stack with equally many samples. Each size is shuffled separately,
/// because a permutation consumes as many random numbers as its length.
#[derive(Debug)]
struct Shuffle {
    /// The classes' part of [`Batches::rows`], a view.
    target: Tensor,
    /// The classes' first rows, `[classes, 1]`.
    offsets: Tensor,
    size: i64,
    noise: Noise,
}

impl Batches {
    /// Creates the batches of `samples`, `[samples, width]` for each class in the order of the
    /// stack.
    pub fn new(
        plan: &Plan,
        samples: &[&Tensor],
        mut noise: impl FnMut(Range<usize>) -> Result<Noise>,
    ) -> Result<Batches> {
        let doing = "setting up the batches";
        let samples = Tensor::f_cat(samples, 0).during(doing)?;
        let mut next = 0;
        let offsets = plan.sizes.iter().map(|size| {
            next += size;
            next - size
        });
        let offsets: Vec<i64> = offsets.collect();
        let columns = plan.sizes.first().copied().unwrap_or(0);
        let rows = plan
            .sizes
            .iter()
            .zip(&offsets)
            .flat_map(|(&size, &offset)| {
                (0..columns).map(move |column| offset + if column < size { column } else { 0 })
            });
        let on_device = |numbers: &[i64], width| {
            Tensor::f_from_slice(numbers)
                .and_then(|numbers| numbers.f_view([-1, width]))
                .and_then(|numbers| numbers.f_to_device(samples.device()))
                .during(doing)
        };
        let rows = on_device(&rows.collect::<Vec<_>>(), columns)?;

        let mut shuffles = Vec::new();
        let mut start = 0;
        for equal in plan.sizes.chunk_by(|one, next| one == next) {
            let classes = start..start + equal.len();
            start = classes.end;
            // With a single batch, the order does not matter.
            if equal[0] <= plan.batch_size {
                break;
            }
            let size = equal[0];
            let target = rows
                .f_narrow(0, classes.start as i64, equal.len() as i64)
                .and_then(|rows| rows.f_narrow(1, 0, size))
                .during(doing)?;
            shuffles.push(Shuffle {
                target,
                offsets: on_device(&offsets[classes.clone()], 1)?,
                size,
                noise: noise(classes)?,
            });
        }
        Ok(Batches {
            samples,
            rows,
            shuffles,
        })
    }

    /// Shuffles the samples at the start of an epoch.
    pub fn shuffle(&mut self) -> Result<(), TchError> {
        for shuffle in &mut self.shuffles {
            let order = shuffle.noise.permutation(shuffle.size)?;
            let rows = order.f_add(&shuffle.offsets)?;
            shuffle.target.f_copy_(&rows)?;
        }
        Ok(())
    }

    /// The batches of a step, `[active, rows, width]`.
    pub fn of(&self, step: &Step) -> Result<Tensor, TchError> {
        let rows = self
            .rows
            .f_narrow(0, 0, step.active)?
            .f_narrow(1, step.start, step.rows)?
            .f_reshape([-1])?;
        let width = self.samples.size()[1];
        self.samples
            .f_index_select(0, &rows)?
            .f_view([step.active, step.rows, width])
    }
}
