//! A backbone's outputs on a domain, read from the store or computed: its embeddings, and the other
//! outputs that a strategy reads.

use super::content;
use super::{Event, Events, Interrupt};
use crate::domain::content::{Content, ContentMemory, ContentSurvey};
use crate::domain::image::prefetch::{self, prefetch};
use crate::domain::image::prepare::prepare;
use crate::domain::{ContentDigest, Domain, SampleDigest, Split};
use crate::error::Error;
use crate::features::{Block, EMBEDDING, FeatureKey, FeatureMaker, FeatureStore, Features};
use crate::plugin::{Kind, Loaded};
use crate::results::CellBackbone;
use crate::terminal;
use harness_abi::backbone::{ImageInfo, Inputs};
use harness_abi::{BackboneHandle, Tensor};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

/// A backbone with its features of a stream's domains.
#[derive(Debug)]
pub struct Embedded {
    /// The backbone.
    pub handle: BackboneHandle,
    /// Its features of each domain.
    pub domains: Vec<DomainFeatures>,
}

/// A backbone's features of one domain: one row per sample, train before test.
#[derive(Debug)]
pub struct DomainFeatures {
    /// Its embeddings.
    pub embeddings: Features,
    /// Its other outputs that strategies read, by name.
    pub outputs: BTreeMap<String, Features>,
}

impl DomainFeatures {
    /// The features of an output.
    pub(super) fn of_output(&self, output: &str) -> Option<&Features> {
        match output {
            EMBEDDING => Some(&self.embeddings),
            _ => self.outputs.get(output),
        }
    }
}

/// The inputs of embedding that are the same for every backbone.
#[derive(Debug, Clone, Copy)]
pub struct Embedder<'a> {
    /// The domain.
    pub domain: &'a Domain,
    /// Its name in the scenario.
    pub domain_name: &'a str,
    /// Where features are stored.
    pub store: &'a FeatureStore,
    /// Where the domain's images are remembered.
    pub memory: &'a ContentMemory,
    /// Where progress and warnings are sent.
    pub events: &'a Events,
    /// Whether to stop.
    pub interrupt: &'a Interrupt,
}

impl Embedder<'_> {
    /// Opens or computes the embeddings of all samples, and the given other outputs. Missing ones
    /// are computed in one pass over the images. From then on, the domain's content is known.
    ///
    /// # Errors
    ///
    /// If the store cannot be used, an image cannot be read, or the backbone fails or returns
    /// infinite or NaN values.
    pub fn embed(
        &self,
        backbone: &CellBackbone,
        plugin: &Loaded,
        handle: &BackboneHandle,
        outputs: &[String],
    ) -> Result<DomainFeatures, Error> {
        let samples: Vec<(Split, usize)> = [Split::Train, Split::Test]
            .into_iter()
            .flat_map(|split| {
                (0..self.domain.samples(split).len()).map(move |index| (split, index))
            })
            .collect();
        let info = handle.info();
        let embedding = FeatureKey {
            fingerprint: info.fingerprint.clone(),
            plugin_hash: backbone.plugin.hash.clone(),
            device_kind: info.device.split(':').next().unwrap_or_default().to_owned(),
            dtype: info.dtype.clone(),
            image: info.image.clone(),
            split_hash: self.domain.split_hash().as_str().to_owned(),
            content: String::new(),
            rows: samples.len(),
            width: Some(info.embedding_width as usize),
            output: EMBEDDING.to_owned(),
        };
        let other = |output: &String| FeatureKey {
            width: None,
            output: output.clone(),
            ..embedding.clone()
        };
        let keys: Vec<FeatureKey> = [embedding.clone()]
            .into_iter()
            .chain(outputs.iter().map(other))
            .collect();
        let making = Making {
            embedder: self,
            plugin,
            use_: &backbone.use_,
            handle,
            samples: &samples,
            survey: RefCell::new(None),
        };
        let found = self.store.open_or_compute(&keys, &making)?;
        let mut found = found.into_iter().map(|(features, _)| features);
        Ok(DomainFeatures {
            embeddings: found.next().expect("the embedding is the first key"),
            outputs: outputs.iter().cloned().zip(found).collect(),
        })
    }
}

/// The features of one backbone on the domain, being made.
struct Making<'a> {
    embedder: &'a Embedder<'a>,
    plugin: &'a Loaded,
    use_: &'a str,
    handle: &'a BackboneHandle,
    /// All samples, train before test.
    samples: &'a [(Split, usize)],
    /// What was known of the images before they were read for the features.
    survey: RefCell<Option<ContentSurvey<'a>>>,
}

impl FeatureMaker for Making<'_> {
    type Error = Error;

    fn content(&self, others: &dyn Fn() -> bool) -> Result<Option<ContentDigest>, Error> {
        let &Embedder {
            domain,
            domain_name,
            memory,
            events,
            interrupt,
            ..
        } = self.embedder;
        if let Some(content) = domain.content() {
            return Ok(Some(content.digest().clone()));
        }
        let survey = domain.survey(memory);
        let known = match survey.content() {
            Some(content) => domain.know_content(content),
            None if others() => content::read(
                domain,
                domain_name,
                survey,
                interrupt,
                &content::sent(events),
            )?,
            None => {
                self.survey.replace(Some(survey));
                return Ok(None);
            }
        };
        Ok(Some(known.digest().clone()))
    }

    fn compute(
        &self,
        missing: &[&FeatureKey],
        push: &mut dyn FnMut(&[Block]) -> io::Result<()>,
    ) -> Result<ContentDigest, Error> {
        let &Embedder {
            domain,
            domain_name,
            store,
            events,
            interrupt,
            ..
        } = self.embedder;
        let (info, samples) = (self.handle.info(), self.samples);
        let failed = self.plugin.failed(Kind::Backbone, self.use_);
        // The first batch tells the width of an output; later batches must have the same.
        let mut widths: Vec<_> = missing.iter().map(|key| key.width).collect();
        let mut digests = Vec::with_capacity(samples.len());
        let batch_size = info.image_batch.max(1) as usize;
        let pixels = |at: usize| pixels(domain, domain_name, &info.image, samples[at]);
        prefetch(samples.len(), 2 * batch_size, pixels, |mut pixels| {
            for batch in samples.chunks(batch_size) {
                interrupt.check()?;
                let pixels: Vec<_> = pixels
                    .by_ref()
                    .take(batch.len())
                    .collect::<Result<_, _>>()?;
                let (images, hashed): (Vec<_>, Vec<_>) = pixels.into_iter().unzip();
                digests.extend(hashed);
                let images = image_batch(&info.image, images)?;
                let blocks = self
                    .blocks(missing, &widths, batch, &images)
                    .map_err(|error| Error::from(failed(error)))?;
                push(&blocks).map_err(|source| Error::Features {
                    path: store.folder().to_owned(),
                    source,
                })?;
                widths = blocks.iter().map(|block| Some(block.width)).collect();
                events.send(&Event::Progress {
                    phase: "image".into(),
                    done: digests.len() as u64,
                    total: samples.len() as u64,
                });
            }
            Ok::<_, Error>(())
        })?;
        // If the content was known, every image has been checked against it.
        let content = Content::of(digests);
        if let Some(survey) = self.survey.take() {
            survey.remember(&content);
        }
        Ok(domain.know_content(content).digest().clone())
    }

    fn notice(&self, line: &str) {
        terminal::say(line);
        self.embedder.events.send(&Event::Warning(line.to_owned()));
    }
}

impl Making<'_> {
    /// The rows of a batch, for each output.
    fn blocks(
        &self,
        missing: &[&FeatureKey],
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
                        self.embedder.domain.samples(split)[index].name
                    )))
                }
            }
        };
        let names: Vec<&str> = missing.iter().map(|key| key.output.as_str()).collect();
        let tensors = encoded(self.handle, images, &names)?;
        let each = missing.iter().copied().zip(tensors).zip(widths);
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
