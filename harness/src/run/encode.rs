//! Encodes a domain's images with a backbone, batch by batch.

use super::{Event, Events, Interrupt};
use crate::domain::image::prefetch::{self, prefetch};
use crate::domain::{Domain, SampleDigest, Split};
use crate::error::Error;
use crate::features::{Block, EMBEDDING, FeatureKey, RowWriter};
use crate::plugin::{Kind, Loaded};
use crate::results::CellBackbone;
use harness_abi::backbone::{ImageInfo, Inputs};
use harness_abi::{BackboneHandle, Tensor};
use harness_images::prepare;
use std::io;
use std::ops::Range;
use std::path::Path;

/// A backbone and the images that it encodes.
pub(super) struct Encoder<'a> {
    pub domain: &'a Domain,
    /// The domain's name in the scenario.
    pub domain_name: &'a str,
    pub backbone: &'a CellBackbone,
    pub plugin: &'a Loaded,
    pub handle: &'a BackboneHandle,
    /// Where progress is sent.
    pub events: &'a Events,
    pub interrupt: &'a Interrupt,
}

/// An output, and where the rows of its features are written.
pub(super) type Target<'a> = (&'a FeatureKey, &'a Path);

impl Encoder<'_> {
    /// Computes some rows of the outputs, in batches of this size, writes them, and returns their
    /// widths. `hashed` gets the digests of each batch's images after its rows.
    ///
    /// # Errors
    ///
    /// If an image cannot be read, the backbone fails or returns infinite or NaN values, or a file
    /// cannot be written.
    pub(super) fn write(
        &self,
        rows: Range<usize>,
        batch_size: usize,
        targets: &[Target<'_>],
        hashed: &mut dyn FnMut(&[SampleDigest]) -> io::Result<()>,
    ) -> Result<Vec<Option<usize>>, Error> {
        let info = self.handle.info();
        let samples = &self.domain.rows()[rows.clone()];
        let failed = self.plugin.failed(Kind::Backbone, &self.backbone.use_);
        let opened = targets.iter().map(|(_, path)| {
            let writer = RowWriter::open(path, rows.start);
            writer.map_err(unwritable(path))
        });
        let mut writers = opened.collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<&FeatureKey> = targets.iter().map(|(key, _)| *key).collect();
        // The first batch tells the width of an output; later batches must have the same.
        let mut widths: Vec<_> = keys.iter().map(|key| key.width).collect();
        let mut done = 0;
        let pixels = |at: usize| pixels(self.domain, self.domain_name, &info.image, samples[at]);
        prefetch(samples.len(), 2 * batch_size, pixels, |mut pixels| {
            for batch in samples.chunks(batch_size) {
                self.interrupt.check()?;
                let pixels: Vec<_> = pixels
                    .by_ref()
                    .take(batch.len())
                    .collect::<Result<_, _>>()?;
                let (images, digests): (Vec<_>, Vec<_>) = pixels.into_iter().unzip();
                let images = image_batch(&info.image, images)?;
                let blocks = self
                    .blocks(&keys, &widths, batch, &images)
                    .map_err(|error| Error::from(failed(error)))?;
                for ((writer, block), (_, path)) in writers.iter_mut().zip(&blocks).zip(targets) {
                    writer.push(block).map_err(unwritable(path))?;
                }
                if let [(_, path), ..] = targets {
                    hashed(&digests).map_err(unwritable(path))?;
                }
                widths = blocks.iter().map(|block| Some(block.width)).collect();
                done += batch.len() as u64;
                self.events.send(&Event::Progress {
                    phase: "image".into(),
                    done,
                    total: samples.len() as u64,
                });
            }
            Ok::<_, Error>(())
        })?;
        for (writer, (_, path)) in writers.iter_mut().zip(targets) {
            writer.flush().map_err(unwritable(path))?;
        }
        Ok(widths)
    }

    /// The rows of a batch, for each output.
    fn blocks(
        &self,
        keys: &[&FeatureKey],
        widths: &[Option<usize>],
        batch: &[(Split, usize)],
        images: &Tensor,
    ) -> harness_abi::Result<Vec<Block>> {
        let block = |(key, tensor, width): (&FeatureKey, Tensor, Option<usize>)| {
            let (what, view) = (named(&key.output), tensor.view());
            if view.shape().len() != 2 {
                return Err(harness_abi::Error::unsupported(format!(
                    "{what} of {} images has shape {:?}; strategies can only read outputs with one row per image, \
                     [images, width]",
                    batch.len(),
                    view.shape()
                )));
            }
            let width = width.map_or(-1, |width| width as i64);
            view.expect_shape(&what, &[batch.len() as i64, width])?;
            let width = view.shape()[1] as usize;
            let values = view.to_vec::<f32>()?;
            match values.iter().position(|value| !value.is_finite()) {
                None => Ok(Block { width, values }),
                Some(at) => {
                    let (split, index) = batch[at / width];
                    Err(harness_abi::Error::failed(format!(
                        "{what} of `{}` contains an infinite or NaN value",
                        self.domain.samples(split)[index].name
                    )))
                }
            }
        };
        let names: Vec<&str> = keys.iter().map(|key| key.output.as_str()).collect();
        let tensors = encoded(self.handle, images, &names)?;
        let each = keys.iter().copied().zip(tensors).zip(widths);
        each.map(|((key, tensor), &width)| block((key, tensor, width)))
            .collect()
    }
}

/// Outputs of a batch of images, in one pass through the model. The embedding comes first if it is
/// among them.
fn encoded(
    handle: &BackboneHandle,
    images: &Tensor,
    names: &[&str],
) -> harness_abi::Result<Vec<Tensor>> {
    // Every backbone has an embedding, but not every one lists it among the outputs of `forward`.
    let in_forward = handle.info().outputs.iter().any(|name| name == EMBEDDING);
    let (apart, names) = match names {
        [EMBEDDING, rest @ ..] if rest.is_empty() || !in_forward => (true, rest),
        _ => (false, names),
    };
    let mut tensors = Vec::new();
    if apart {
        tensors.push(handle.encode_images(images.view())?);
    }
    if !names.is_empty() {
        let inputs = Inputs::Images {
            images: images.view(),
            options: b"",
        };
        tensors.extend(handle.forward(&inputs, &[], names)?.outputs);
    }
    Ok(tensors)
}

/// The name of an output in messages.
fn named(output: &str) -> String {
    match output {
        EMBEDDING => "the embedding".to_owned(),
        _ => format!("output `{output}`"),
    }
}

/// Some images as input for a backbone: u8 `[batch, 3, height, width]`, decoded on all cores.
/// `sample` tells the domain, its name, and the sample of each.
pub(super) fn images<'a>(
    spec: &ImageInfo,
    batch: usize,
    sample: impl Fn(usize) -> (&'a Domain, &'a str, (Split, usize)) + Sync,
) -> Result<Tensor, Error> {
    let pixels = |at: usize| {
        let (domain, name, sample) = sample(at);
        let pixels = pixels(domain, name, spec, sample);
        pixels.map(|(pixels, _)| pixels)
    };
    image_batch(spec, prefetch::all(batch, pixels)?)
}

/// One image as input for a backbone, u8 `[3, height, width]`, and the digest of its bytes.
fn pixels(
    domain: &Domain,
    domain_name: &str,
    spec: &ImageInfo,
    (split, index): (Split, usize),
) -> Result<(Vec<u8>, SampleDigest), Error> {
    let (image, digest) = domain
        .hashed_image(split, index)
        .map_err(Error::domain(domain_name))?;
    Ok((prepare(&image, spec), digest))
}

/// A batch of such images.
fn image_batch(spec: &ImageInfo, pixels: Vec<Vec<u8>>) -> Result<Tensor, Error> {
    let shape = [
        pixels.len() as i64,
        3,
        spec.height.into(),
        spec.width.into(),
    ];
    Tensor::from_vec(pixels.concat(), &shape).map_err(|error| Error::Internal(error.to_string()))
}

/// For `map_err`: the error that a file of the feature store cannot be written. People know the
/// store's folder, not the temporary names of its files.
pub(super) fn unwritable(path: &Path) -> impl Fn(io::Error) -> Error {
    let folder = path.parent().unwrap_or(path).to_owned();
    move |source| Error::Features {
        path: folder.clone(),
        source,
    }
}
