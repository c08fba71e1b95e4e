//! One row of the accuracy matrices: every test image, predicted once.

use super::pool::{Pool, PooledSample};
use super::samples::LentSamples;
use super::score::Scorer;
use super::{Embedded, Interrupt};
use crate::domain::Split;
use crate::error::Error;
use crate::plugin::{Kind, Loaded};
use crate::results::{AfterTask, CellRecord, Predicted, Predictions};
use crate::stream::Augmentation;
use crate::stream::Stream;
use harness_abi::Class;
use harness_abi::foreign::ForeignStrategy;
use harness_random::shuffled;

/// Images of all tasks are shuffled with this seed, so a batch reveals nothing about the tasks of
/// its images.
const ORDER_SEED: u64 = 0;
const BATCH: usize = 256;

/// The inputs of evaluation that are the same for every row.
pub(super) struct Evaluation<'a> {
    pub pool: &'a Pool,
    pub stream: &'a Stream,
    pub classes: &'a [Class],
    pub embedded: &'a [Embedded],
    pub plugin: &'a Loaded,
    pub strategy_name: &'a str,
    pub scorer: &'a Scorer,
    pub interrupt: &'a Interrupt,
    /// Whether to count, in the last row, which classes are taken for which.
    pub confusion: bool,
}

impl Evaluation<'_> {
    /// Predicts and counts a row of the record, and saves its predictions if they are saved.
    pub(super) fn row(
        &self,
        strategy: &mut ForeignStrategy,
        after: AfterTask,
        record: &mut CellRecord,
        predictions: Option<&mut Predictions>,
    ) -> Result<(), Error> {
        let order = shuffled(self.pool.len(Split::Test), ORDER_SEED);
        let candidates = &self.classes[..self.scorer.width(after) as usize];
        let mut tally = self.scorer.row(after);
        if self.confusion && after.index() == self.stream.n_tasks() {
            tally = tally.with_confusion();
        }
        let failed = self.plugin.failed(Kind::Strategy, self.strategy_name);
        let mut writer = match predictions {
            Some(predictions) => Some(predictions.row(after)?),
            None => None,
        };
        for indices in order.chunks(BATCH) {
            self.interrupt.check()?;
            let lent = LentSamples {
                pool: self.pool,
                embedded: self.embedded,
                split: Split::Test,
                indices,
                augmentation: Augmentation::None,
                seed: 0,
            };
            let logits = strategy
                .predict(indices.len() as u32, candidates, &lent)
                .map_err(&failed)?;
            let logits = logits.view().as_slice::<f32>().map_err(&failed)?;
            for (&index, logits) in indices.iter().zip(logits.chunks_exact(candidates.len())) {
                let PooledSample { domain, sample, .. } = self.pool.sample(Split::Test, index);
                let predicted = Predicted {
                    domain: &self.pool.domains()[domain].name,
                    task: self.stream.task_of(domain, sample.label),
                    name: &sample.name,
                    class: self.stream.class_of(domain, sample.label),
                };
                tally.add(&predicted, logits)?;
                if let Some(writer) = &mut writer {
                    writer.write(&predicted, logits)?;
                }
            }
        }
        tally.write_to(&mut record.matrices)?;
        if let Some(counts) = &mut record.classes {
            tally.write_classes_to(counts);
        }
        record.confusion = tally.into_confusion();
        match writer {
            Some(writer) => Ok(writer.finish()?),
            None => Ok(()),
        }
    }
}
