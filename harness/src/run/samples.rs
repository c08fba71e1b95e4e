//! The samples that a strategy can access: those of one task, or of one prediction batch, and no
//! others.

use super::Embedded;
use super::encode;
use super::pool::{Pool, PooledDomain, PooledSample};
use crate::domain::image::prefetch;
use crate::domain::{Domain, DomainError, Split};
use crate::features::EMBEDDING;
use crate::stream::Augmentation;
use harness_abi::foreign::SampleSource;
use harness_abi::{Error, Result, Tensor};
use harness_images::{AugmentKey, augment};

/// Some samples of a split.
pub(super) struct LentSamples<'a> {
    pub pool: &'a Pool,
    pub embedded: &'a [Embedded],
    pub split: Split,
    /// The numbers of the samples in the split.
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

    /// Rows of an output that every domain has.
    fn rows_of(&self, embedded: &Embedded, output: &str, rows: &[u32]) -> Result<Tensor> {
        let features = |domain: usize| {
            let features = embedded.domains[domain].of_output(output);
            features.expect("an output is stored for all domains or none")
        };
        let places: Vec<(usize, usize)> = (self.indices_of(rows)?.into_iter())
            .map(|index| {
                let PooledSample { domain, index, .. } = self.pool.sample(self.split, index);
                let row = self.pool.domains()[domain].domain.row(self.split, index);
                (domain, row)
            })
            .collect();
        let first = places.first().map_or(0, |(domain, _)| *domain);
        if places.iter().all(|(domain, _)| *domain == first) {
            let rows: Vec<usize> = places.into_iter().map(|(_, row)| row).collect();
            return Ok(features(first).tensor(&rows));
        }
        let width = features(first).width();
        let mut values = Vec::with_capacity(places.len() * width);
        for &(domain, row) in &places {
            values.extend_from_slice(features(domain).row(row));
        }
        Tensor::from_vec(values, &[places.len() as i64, width as i64])
    }

    /// The domain of a sample, its name, and the sample's place in it.
    fn place(&self, index: usize) -> (&Domain, &str, (Split, usize)) {
        let PooledSample { domain, index, .. } = self.pool.sample(self.split, index);
        let PooledDomain { domain, name, .. } = &self.pool.domains()[domain];
        (domain, name, (self.split, index))
    }
}

impl SampleSource for LentSamples<'_> {
    fn features(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        self.rows_of(self.backbone(backbone)?, EMBEDDING, rows)
    }

    fn output(&self, backbone: usize, output: &str, rows: &[u32]) -> Result<Tensor> {
        let embedded = self.backbone(backbone)?;
        let mut domains = embedded.domains.iter();
        match domains.all(|domain| domain.of_output(output).is_some()) {
            true => self.rows_of(embedded, output, rows),
            false if embedded.handle.info().outputs.iter().any(|o| o == output) => {
                Err(Error::unsupported(format!(
                    "the output `{output}` was not declared; name it in `Declaration::reads`"
                )))
            }
            false => Err(Error::unsupported(format!(
                "backbone {backbone} has no output `{output}`"
            ))),
        }
    }

    fn images(&self, backbone: usize, rows: &[u32]) -> Result<Tensor> {
        let spec = &self.backbone(backbone)?.handle.info().image;
        let indices = self.indices_of(rows)?;
        encode::images(spec, indices.len(), |at| self.place(indices[at]))
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
            let (domain, _, (split, index)) = self.place(indices[at]);
            let image = domain.image(split, index)?;
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
