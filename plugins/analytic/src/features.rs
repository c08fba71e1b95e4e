//! Features and labels as the strategies of this crate read them: f64, on their device.
//!
//! Sums of squares lose half of their digits, and a ridge or a covariance is inverted afterwards,
//! so everything here is computed in f64. The features of a task stay f32, as the backbone returned
//! them, and become f64 chunk by chunk.

use clbench_torch::During;
use clbench_torch::bridge;
use clbench_torch::features::Output;
use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use harness_abi::{BackboneInfo, Batch, Class, Error, Host, Result, Task};
use std::collections::BTreeSet;

/// Rows that become f64 at once. Limits the memory for expanded features, which can be 15,000 wide.
pub const ROWS_AT_ONCE: i64 = 1024;

/// What a strategy reads, and where it computes.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The output of the backbone that is an image's feature.
    pub output: Output,
    /// d, the width of a feature.
    pub width: i64,
    /// N, the number of classes of the stream.
    pub classes: i64,
    /// Where to compute.
    pub device: Device,
}

impl Source {
    /// Checks that the backbone has the output.
    ///
    /// # Errors
    ///
    /// If it has not.
    pub fn new(
        output: Output,
        info: &BackboneInfo,
        classes: u32,
        device: Device,
    ) -> Result<Source> {
        Ok(Source {
            output,
            width: output.width(info)?.into(),
            classes: classes.into(),
            device,
        })
    }

    /// A task's samples.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or are not those of the stream.
    pub fn of_task(&self, task: &Task<'_>) -> Result<Samples> {
        let features = self
            .output
            .of_task(task, &task.rows(), self.device)
            .and_then(|features| self.checked(features))?;
        Samples::new(features, task.labels(), self.classes)
    }

    /// The features of a batch of test images, f64 `[images, width]`.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn of_batch(&self, batch: &Batch<'_>) -> Result<Tensor> {
        self.output
            .of_batch(batch, self.device)
            .and_then(|features| self.checked(features))?
            .f_to_kind(Kind::Double)
            .during("reading a batch's features")
    }

    fn checked(&self, features: Tensor) -> Result<Tensor> {
        match features.size()[..] {
            [_, width] if width == self.width => Ok(features),
            _ => Err(Error::failed(format!(
                "the features should have shape [rows, {}], not {:?}",
                self.width,
                features.size()
            ))),
        }
    }
}

/// The class ids of a batch's candidates, i64 `[candidates]`.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn ids(classes: &[Class], device: Device) -> Result<Tensor> {
    let ids: Vec<i64> = classes.iter().map(|class| class.id.into()).collect();
    Tensor::f_from_slice(&ids)
        .and_then(|ids| ids.f_to_device(device))
        .during("reading the candidate classes")
}

/// A copy of scores for the host: f32 on the CPU.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn for_the_host(scores: Result<Tensor, TchError>) -> Result<harness_abi::Tensor> {
    let scores = scores
        .and_then(|scores| scores.f_to_kind(Kind::Float))
        .and_then(|scores| scores.f_to_device(Device::Cpu))
        .during("scoring a batch")?;
    bridge::copy_out(&scores)
}

/// Training samples.
#[derive(Debug)]
pub struct Samples {
    /// f32 or f64 `[rows, width]`, as the backbone returned them.
    pub features: Tensor,
    /// The classes that have a sample, in ascending order.
    pub present: Vec<i64>,
    /// The class of every row as a position in `present`, i64 `[rows]`.
    targets: Tensor,
}

/// Some rows of [`Samples`].
#[derive(Debug)]
pub struct Chunk {
    /// f64 `[rows, width]`.
    pub features: Tensor,
    /// f64 `[rows, present classes]`.
    pub one_hot: Tensor,
}

impl Samples {
    /// Samples with the class ids `labels`, which are below `classes`.
    ///
    /// # Errors
    ///
    /// If a label is out of range, or there is not one for each row.
    pub fn new(features: Tensor, labels: &[i64], classes: i64) -> Result<Samples> {
        if features.size()[0] != labels.len() as i64 {
            return Err(Error::failed(format!(
                "there are {} features, but {} labels",
                features.size()[0],
                labels.len()
            )));
        }
        if let Some(label) = labels.iter().find(|label| !(0..classes).contains(label)) {
            return Err(Error::failed(format!(
                "a sample has class {label}, but the stream has classes 0 to {}",
                classes - 1
            )));
        }
        let present: BTreeSet<i64> = labels.iter().copied().collect();
        let present: Vec<i64> = present.into_iter().collect();
        let targets: Vec<i64> = labels
            .iter()
            .map(|label| present.partition_point(|id| id < label) as i64)
            .collect();
        let targets = Tensor::f_from_slice(&targets)
            .and_then(|targets| targets.f_to_device(features.device()))
            .during("preparing the labels")?;
        Ok(Samples {
            features,
            present,
            targets,
        })
    }

    /// The number of rows.
    pub fn len(&self) -> i64 {
        self.features.size()[0]
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of the present classes, i64 `[present classes]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn ids(&self) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(&self.present)?.f_to_device(self.features.device())
    }

    /// The samples in another order, or some of them. The list of present classes stays.
    ///
    /// # Errors
    ///
    /// If an index is out of range.
    pub fn rows(&self, rows: &[i64]) -> Result<Samples, TchError> {
        let rows = Tensor::f_from_slice(rows)?.f_to_device(self.features.device())?;
        Ok(Samples {
            features: self.features.f_index_select(0, &rows)?,
            targets: self.targets.f_index_select(0, &rows)?,
            present: self.present.clone(),
        })
    }

    /// The rows of the present class at `position`, i64.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn rows_of(&self, position: usize) -> Result<Tensor, TchError> {
        self.targets
            .f_eq(position as i64)?
            .f_nonzero()?
            .f_reshape([-1])
    }

    /// The class id of every row, i64 `[rows]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn labels(&self) -> Result<Tensor, TchError> {
        self.ids()?.f_index_select(0, &self.targets)
    }

    /// The features of all rows, f64.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn all(&self) -> Result<Tensor, TchError> {
        self.features.f_to_kind(Kind::Double)
    }

    /// The one-hot labels of all rows, f64 `[rows, present classes]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn one_hot(&self) -> Result<Tensor, TchError> {
        one_hot(&self.targets, self.present.len())
    }

    /// Calls `each` with [`ROWS_AT_ONCE`] rows at a time, reports progress in `phase`, and stops if
    /// the host says so.
    ///
    /// # Errors
    ///
    /// Propagates errors from `each`; [`Error::cancelled`].
    pub fn chunks(
        &self,
        host: &Host,
        phase: &str,
        mut each: impl FnMut(Chunk) -> Result<(), TchError>,
    ) -> Result<()> {
        for start in (0..self.len()).step_by(ROWS_AT_ONCE as usize) {
            if host.cancelled() {
                return Err(Error::cancelled());
            }
            let length = ROWS_AT_ONCE.min(self.len() - start);
            self.range(start, length)
                .and_then(&mut each)
                .during(phase)?;
            host.progress(phase, (start + length) as u64, self.len() as u64);
        }
        Ok(())
    }

    fn range(&self, start: i64, length: i64) -> Result<Chunk, TchError> {
        let targets = self.targets.f_narrow(0, start, length)?;
        Ok(Chunk {
            features: self
                .features
                .f_narrow(0, start, length)?
                .f_to_kind(Kind::Double)?,
            one_hot: one_hot(&targets, self.present.len())?,
        })
    }
}

fn one_hot(targets: &Tensor, classes: usize) -> Result<Tensor, TchError> {
    let positions = Tensor::f_arange(classes as i64, (Kind::Int64, targets.device()))?;
    targets
        .f_unsqueeze(1)?
        .f_eq_tensor(&positions)?
        .f_to_kind(Kind::Double)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_need_be_neither_sorted_nor_contiguous() {
        let features = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).view((4, 1));
        let samples = Samples::new(features, &[7, 2, 7, 4], 9).unwrap();
        assert_eq!(samples.present, [2, 4, 7]);
        let one_hot = Vec::<f64>::try_from(samples.one_hot().unwrap().view(-1)).unwrap();
        let expected = [0., 0., 1., 1., 0., 0., 0., 0., 1., 0., 1., 0.];
        assert_eq!(one_hot, expected);
        let rows = Vec::<i64>::try_from(samples.rows_of(2).unwrap()).unwrap();
        assert_eq!(rows, [0, 2]);
        let error = Samples::new(Tensor::from_slice(&[1.0_f32]).view((1, 1)), &[9], 9);
        assert_eq!(
            error.unwrap_err().to_string(),
            "a sample has class 9, but the stream has classes 0 to 8"
        );
    }
}
