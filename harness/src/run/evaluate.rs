//! One row of the accuracy matrices: every test image, predicted once.

use super::samples::LentSamples;
use super::{Embedded, Interrupt};
use crate::atomic::PendingFile;
use crate::domain::{Domain, Split};
use crate::error::Error;
use crate::matrix::{AccuracyMatrices, AfterTask, Scorer};
use crate::plugin::{Kind, Loaded};
use crate::stream::Augmentation;
use crate::stream::Stream;
use harness_abi::Class;
use harness_abi::foreign::ForeignStrategy;
use harness_random::shuffled;
use std::path::{Path, PathBuf};

/// Images of all tasks are mixed, in this seed's order: a batch says nothing about its images' task.
const ORDER_SEED: u64 = 0;
const BATCH: usize = 256;

/// What evaluation needs, the same for every row.
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
    /// Predicts and counts a row; writes the predictions down if wanted.
    pub(super) fn row(
        &self,
        strategy: &mut ForeignStrategy,
        after: AfterTask,
        matrices: &mut AccuracyMatrices,
        mut predictions: Option<&mut PredictionWriter>,
    ) -> Result<(), Error> {
        let samples = self.domain.samples(Split::Test);
        let order = shuffled(samples.len(), ORDER_SEED);
        let candidates = &self.classes[..self.scorer.width(after) as usize];
        let mut tally = self.scorer.row(after);
        let failed = self.plugin.failed(Kind::Strategy, self.strategy_name);
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
                if let Some(writer) = predictions.as_deref_mut() {
                    writer.write(after, &samples[index].name, truth.0, logits)?;
                }
            }
        }
        Ok(matrices.set_row(&tally)?)
    }
}

/// `--save-predictions`: a CSV of row, sample, class id and the logits over the classes in stream order.
pub(super) struct PredictionWriter {
    csv: csv::Writer<PendingFile>,
    path: PathBuf,
    classes: usize,
}

impl PredictionWriter {
    /// A file that will be at `path`.
    pub(super) fn create(path: &Path, classes: &[Class]) -> Result<PredictionWriter, Error> {
        let mut writer = PredictionWriter {
            csv: csv::Writer::from_writer(PendingFile::create(path).map_err(Error::file(path))?),
            path: path.to_owned(),
            classes: classes.len(),
        };
        let header = ["after_task", "sample", "class"]
            .into_iter()
            .map(str::to_owned);
        let logits = classes.iter().map(|class| format!("logit_{}", class.id));
        writer.record(header.chain(logits))?;
        Ok(writer)
    }

    fn write(
        &mut self,
        after: AfterTask,
        sample: &str,
        class: u32,
        logits: &[f32],
    ) -> Result<(), Error> {
        let fields = [after.to_string(), sample.to_owned(), class.to_string()].into_iter();
        // Classes that the strategy cannot score yet have no logit.
        let missing = self.classes - logits.len();
        let logits = logits.iter().map(f32::to_string);
        self.record(
            fields
                .chain(logits)
                .chain(std::iter::repeat_n(String::new(), missing)),
        )
    }

    fn record(&mut self, fields: impl Iterator<Item = String>) -> Result<(), Error> {
        self.csv
            .write_record(fields)
            .map_err(|error| Error::Internal(format!("writing predictions: {error}")))
    }

    /// Puts the file at its place.
    pub(super) fn finish(self) -> Result<(), Error> {
        let file = self
            .csv
            .into_inner()
            .map_err(|error| Error::Internal(format!("writing predictions: {error}")))?;
        file.commit().map_err(Error::file(&self.path))
    }
}
