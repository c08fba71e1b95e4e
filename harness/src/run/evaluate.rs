//! One row of the accuracy matrices: every test image, predicted once.

use super::samples::LentSamples;
use super::score::Scorer;
use super::{Embedded, Interrupt};
use crate::domain::{Domain, Split};
use crate::error::Error;
use crate::plugin::{Kind, Loaded};
use crate::results::{AccuracyMatrices, AfterTask, Predictions};
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
    pub domain: &'a Domain,
    pub domain_name: &'a str,
    pub stream: &'a Stream,
    pub classes: &'a [Class],
    pub embedded: &'a [Embedded],
    pub plugin: &'a Loaded,
    pub strategy_name: &'a str,
    pub scorer: &'a Scorer,
    pub interrupt: &'a Interrupt,
}

impl Evaluation<'_> {
    /// Predicts and counts a row, and saves its predictions if they are saved.
    pub(super) fn row(
        &self,
        strategy: &mut ForeignStrategy,
        after: AfterTask,
        matrices: &mut AccuracyMatrices,
        predictions: Option<&mut Predictions>,
    ) -> Result<(), Error> {
        let samples = self.domain.samples(Split::Test);
        let order = shuffled(samples.len(), ORDER_SEED);
        let candidates = &self.classes[..self.scorer.width(after) as usize];
        let mut tally = self.scorer.row(after);
        let failed = self.plugin.failed(Kind::Strategy, self.strategy_name);
        let mut writer = match predictions {
            Some(predictions) => Some(predictions.row(after)?),
            None => None,
        };
        for indices in order.chunks(BATCH) {
            self.interrupt.check()?;
            let lent = LentSamples {
                domain: self.domain,
                domain_name: self.domain_name,
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
                let truth = self.stream.class_of(samples[index].label);
                tally.add(&samples[index].name, logits, truth)?;
                if let Some(writer) = &mut writer {
                    writer.write(&samples[index].name, truth, logits)?;
                }
            }
        }
        tally.write_to(matrices)?;
        match writer {
            Some(writer) => Ok(writer.finish()?),
            None => Ok(()),
        }
    }
}
