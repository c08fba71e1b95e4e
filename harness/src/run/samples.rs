//! The samples that a strategy can access: those of one task, or of one prediction batch, and no
//! others.

use super::Embedded;
use super::embed;
use crate::domain::image::augment::{AugmentKey, augment};
use crate::domain::image::prefetch;
use crate::domain::{Domain, DomainError, Split};
use crate::features::{EMBEDDING, Features};
use crate::stream::Augmentation;
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
    /// How training images are augmented.
    pub augmentation: Augmentation,
    /// The cell's seed, for augmentation.
    pub seed: u64,
}

impl LentSamples<'_> {
    fn backbone(&self, backbone: usize) -> Result<&Embedded> {
        self.embedded.get(backbone).ok_or_else(|| {
            Error::failed(format!(
                "backbone {backbone} does not exist; number of the strategy's backbones: {}",
                self.embedded.len()
            ))
        })
    }

    fn indices_of(&self, rows: &[u32]) -> Result<Vec<usize>> {
        rows.iter()
            .map(|&row| {
                self.indices.get(row as usize).copied().ok_or_else(|| {
                    Error::failed(format!(
                        "row {row} does not exist; number of rows: {}",
                        self.indices.len()
                    ))
                })
            })
            .collect()
    }

    fn rows_of(&self, features: &Features, rows: &[u32]) -> Result<Tensor> {
        let rows: Vec<usize> = self
            .indices_of(rows)?
            .into_iter()
            .map(|index| self.domain.row(self.split, index))
            .collect();
        Ok(features.tensor(&rows))
    }
}

impl SampleSource for LentSamples<'_> {
    fn features(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        self.rows_of(&self.backbone(backbone)?.features, rows)
    }

    fn output(&self, backbone: usize, output: &str, rows: &[u32]) -> Result<Tensor> {
        if output == EMBEDDING {
            return self.features(backbone, rows);
        }
        let embedded = self.backbone(backbone)?;
        match embedded.outputs.get(output) {
            Some(features) => self.rows_of(features, rows),
            None if embedded.handle.info().outputs.iter().any(|o| o == output) => {
                Err(Error::unsupported(format!(
                    "the output `{output}` was not declared; name it in `Declaration::reads`"
                )))
            }
            None => Err(Error::unsupported(format!(
                "backbone {backbone} has no output `{output}`"
            ))),
        }
    }

    fn images(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        let spec = &self.backbone(backbone)?.handle.info().image;
        let samples: Vec<_> = self
            .indices_of(rows)?
            .into_iter()
            .map(|index| (self.split, index))
            .collect();
        embed::images(self.domain, self.domain_name, spec, &samples)
            .map_err(|error| Error::data(error.to_string()))
    }

    fn augmented_images(&self, backbone: usize, rows: &[u32], draw: u64) -> Result<Tensor> {
        if self.split == Split::Test {
            return Err(Error::unsupported(
                "augmented images are for training batches only",
            ));
        }
        if self.augmentation.is_none() {
            return self.images(backbone, rows);
        }
        let spec = &self.backbone(backbone)?.handle.info().image;
        let indices = self.indices_of(rows)?;
        let pixels = prefetch::all(indices.len(), |at| {
            let image = self.domain.image(self.split, indices[at])?;
            let key = AugmentKey {
                seed: self.seed,
                sample: indices[at] as u64,
                draw,
            };
            Ok(augment(&image, spec, key))
        })
        .map_err(|error: DomainError| Error::data(error.to_string()))?;
        let (height, width) = (i64::from(spec.height), i64::from(spec.width));
        Tensor::from_vec(pixels.concat(), &[rows.len() as i64, 3, height, width])
    }
}
