//! The samples that a strategy is lent: of one task, or of one prediction batch. Nothing else can be reached through
//! them.

use super::Embedded;
use super::embed::image_batch;
use crate::domain::augment::{AugmentKey, augment};
use crate::domain::{Domain, Split};
use harness_abi::foreign::SampleSource;
use harness_abi::{Error, Result, Tensor};

/// Some samples of a split.
pub(super) struct LentSamples<'a> {
    pub domain: &'a Domain,
    pub domain_name: &'a str,
    pub embedded: &'a [Embedded],
    pub split: Split,
    /// Indices into the split.
    pub indices: &'a [usize],
    /// The cell's seed, for augmentation.
    pub seed: u64,
}

impl LentSamples<'_> {
    fn backbone(&self, backbone: usize) -> Result<&Embedded> {
        self.embedded.get(backbone).ok_or_else(|| {
            Error::failed(format!(
                "backbone {backbone} was asked for, but the strategy has {}",
                self.embedded.len()
            ))
        })
    }

    fn indices_of(&self, rows: &[u32]) -> Result<Vec<usize>> {
        rows.iter()
            .map(|&row| {
                self.indices.get(row as usize).copied().ok_or_else(|| {
                    Error::failed(format!(
                        "row {row} was asked for, but there are {}",
                        self.indices.len()
                    ))
                })
            })
            .collect()
    }
}

impl SampleSource for LentSamples<'_> {
    fn features(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        let features = &self.backbone(backbone)?.features;
        let rows: Vec<usize> = self
            .indices_of(rows)?
            .into_iter()
            .map(|index| self.domain.row(self.split, index))
            .collect();
        Ok(features.tensor(&rows))
    }

    fn images(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        let spec = &self.backbone(backbone)?.handle.info().image;
        let samples: Vec<_> = self
            .indices_of(rows)?
            .into_iter()
            .map(|index| (self.split, index))
            .collect();
        image_batch(self.domain, self.domain_name, spec, &samples)
            .map_err(|error| Error::data(error.to_string()))
    }

    fn augmented_images(&self, backbone: usize, rows: &[u32], draw: u64) -> Result<Tensor> {
        if self.split == Split::Test {
            return Err(Error::unsupported(
                "augmented images are for training batches only",
            ));
        }
        let spec = &self.backbone(backbone)?.handle.info().image;
        let mut pixels = Vec::new();
        for index in self.indices_of(rows)? {
            let image = self
                .domain
                .image(self.split, index)
                .map_err(|error| Error::data(error.to_string()))?;
            let key = AugmentKey {
                seed: self.seed,
                sample: index as u64,
                draw,
            };
            pixels.extend(augment(&image, spec, key));
        }
        let (height, width) = (i64::from(spec.height), i64::from(spec.width));
        Tensor::from_vec(pixels, &[rows.len() as i64, 3, height, width])
    }
}
