//! A backbone's features of a domain, from the store or computed now.

use super::{CellBackbone, Event, Events, Interrupt};
use crate::domain::prepare::prepare;
use crate::domain::{Domain, Split};
use crate::error::Error;
use crate::features::{FeatureKey, FeatureStore, Features};
use crate::plugin::{Kind, Loaded};
use harness_abi::backbone::ImageInfo;
use harness_abi::{BackboneHandle, Tensor};
use std::io;

/// A backbone with its features of one domain.
#[derive(Debug)]
pub struct Embedded {
    /// The backbone.
    pub handle: BackboneHandle,
    /// Its features, a row per sample, train before test.
    pub features: Features,
}

/// What embedding needs, the same for every backbone.
#[derive(Debug, Clone, Copy)]
pub struct Embedder<'a> {
    /// The domain.
    pub domain: &'a Domain,
    /// Its name in the scenario.
    pub domain_name: &'a str,
    /// Where features are kept.
    pub store: &'a FeatureStore,
    /// Who hears of it.
    pub events: &'a Events,
    /// Whether to stop.
    pub interrupt: &'a Interrupt,
}

impl Embedder<'_> {
    /// Opens or computes the features of all samples.
    ///
    /// # Errors
    ///
    /// If the store cannot be used, an image cannot be read, or the backbone fails or gives numbers that are none.
    pub fn embed(
        &self,
        backbone: &CellBackbone,
        plugin: &Loaded,
        handle: BackboneHandle,
    ) -> Result<Embedded, Error> {
        let samples: Vec<(Split, usize)> = [Split::Train, Split::Test]
            .into_iter()
            .flat_map(|split| {
                (0..self.domain.samples(split).len()).map(move |index| (split, index))
            })
            .collect();
        let info = handle.info();
        let key = FeatureKey {
            fingerprint: info.fingerprint.clone(),
            plugin_hash: backbone.plugin.hash.clone(),
            device_kind: info.device.split(':').next().unwrap_or_default().to_owned(),
            dtype: info.dtype.clone(),
            image: info.image.clone(),
            split_hash: self.domain.split_hash().as_str().to_owned(),
            stamp: self.domain.stamp().as_str().to_owned(),
            rows: samples.len(),
            width: info.embedding_width as usize,
        };
        let notice = |line: &str| {
            eprintln!("{line}");
            self.events.send(&Event::Warning(line.to_owned()));
        };
        let failed = plugin.failed(Kind::Backbone, &backbone.use_);
        let compute = |push: &mut dyn FnMut(&[f32]) -> io::Result<()>| {
            let mut done = 0;
            for batch in samples.chunks(info.image_batch.max(1) as usize) {
                self.interrupt.check()?;
                let values = self
                    .embeddings(&handle, batch)?
                    .map_err(|error| Error::from(failed(error)))?;
                push(&values)
                    .map_err(|error| Error::Internal(format!("writing features: {error}")))?;
                done += batch.len();
                self.events.send(&Event::Progress {
                    phase: "image".into(),
                    done: done as u64,
                    total: samples.len() as u64,
                });
            }
            Ok(())
        };
        let (features, _) = self
            .store
            .open_or_compute::<Error>(&key, &notice, compute)?;
        Ok(Embedded { handle, features })
    }

    /// The outer error is an image's, the inner one the backbone's.
    fn embeddings(
        &self,
        handle: &BackboneHandle,
        batch: &[(Split, usize)],
    ) -> Result<harness_abi::Result<Vec<f32>>, Error> {
        let info = handle.info();
        let images = image_batch(self.domain, self.domain_name, &info.image, batch)?;
        let width = info.embedding_width as usize;
        let embed = || {
            let embeddings = handle.encode_images(images.view())?;
            let view = embeddings.view();
            view.expect_shape("the embeddings", &[batch.len() as i64, width as i64])?;
            let values = view.to_vec::<f32>()?;
            match values.iter().position(|value| !value.is_finite()) {
                None => Ok(values),
                Some(at) => {
                    let (split, index) = batch[at / width];
                    Err(harness_abi::Error::failed(format!(
                        "the embedding of `{}` has a number that is infinite or not a number",
                        self.domain.samples(split)[index].name
                    )))
                }
            }
        };
        Ok(embed())
    }
}

/// Some images as a backbone takes them: u8 `[batch, 3, height, width]`.
pub(super) fn image_batch(
    domain: &Domain,
    domain_name: &str,
    spec: &ImageInfo,
    samples: &[(Split, usize)],
) -> Result<Tensor, Error> {
    let (height, width) = (spec.height as usize, spec.width as usize);
    let mut pixels = Vec::with_capacity(samples.len() * 3 * height * width);
    for &(split, index) in samples {
        let image = domain
            .image(split, index)
            .map_err(Error::domain(domain_name))?;
        pixels.extend(prepare(&image, spec));
    }
    let shape = [samples.len() as i64, 3, height as i64, width as i64];
    Tensor::from_vec(pixels, &shape).map_err(|error| Error::Internal(error.to_string()))
}
