//! A backbone's outputs on a domain, read from the store or computed: its embeddings, and the other
//! outputs that a strategy reads.

use super::content::{PendingContent, sent};
use super::encode::{Encoder, Target};
use super::{Event, Events, Interrupt};
use crate::domain::content::ContentMemory;
use crate::domain::{ContentDigest, Domain};
use crate::error::Error;
use crate::features::{EMBEDDING, FeatureKey, FeatureMaker, FeatureStore, FeatureWriter, Features};
use crate::plugin::Loaded;
use crate::results::CellBackbone;
use crate::terminal;
use harness_abi::BackboneHandle;
use harness_abi::backbone::BackboneInfo;
use std::collections::BTreeMap;

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
        let keys = feature_keys(self.domain, backbone, handle.info(), outputs);
        let making = Making {
            encoder: Encoder {
                domain: self.domain,
                domain_name: self.domain_name,
                backbone,
                plugin,
                handle,
                events: self.events,
                interrupt: self.interrupt,
            },
            content: PendingContent::new(self.domain, self.domain_name, self.memory),
        };
        let found = self.store.open_or_compute(&keys, &making)?;
        let mut found = found.into_iter().map(|(features, _)| features);
        Ok(DomainFeatures {
            embeddings: found.next().expect("the embedding is the first key"),
            outputs: outputs.iter().cloned().zip(found).collect(),
        })
    }
}

/// The keys of a backbone's embedding on a domain, and of the given other outputs.
pub(super) fn feature_keys(
    domain: &Domain,
    backbone: &CellBackbone,
    info: &BackboneInfo,
    outputs: &[String],
) -> Vec<FeatureKey> {
    let embedding = FeatureKey {
        fingerprint: info.fingerprint.clone(),
        plugin_hash: backbone.plugin.hash.clone(),
        device_kind: info.device.split(':').next().unwrap_or_default().to_owned(),
        dtype: info.dtype.clone(),
        image: info.image.clone(),
        split_hash: domain.split_hash().as_str().to_owned(),
        content: String::new(),
        rows: domain.n_rows(),
        width: Some(info.embedding_width as usize),
        output: EMBEDDING.to_owned(),
    };
    let other = |output: &String| FeatureKey {
        width: None,
        output: output.clone(),
        ..embedding.clone()
    };
    let others: Vec<FeatureKey> = outputs.iter().map(other).collect();
    [embedding].into_iter().chain(others).collect()
}

/// The features of one backbone on the domain, made by this process.
struct Making<'a> {
    encoder: Encoder<'a>,
    content: PendingContent<'a>,
}

impl FeatureMaker for Making<'_> {
    type Error = Error;

    fn content(&self, others: &dyn Fn() -> bool) -> Result<Option<ContentDigest>, Error> {
        let Encoder {
            events, interrupt, ..
        } = self.encoder;
        self.content.known(others, interrupt, &sent(events))
    }

    fn compute(&self, missing: &[FeatureWriter]) -> Result<ContentDigest, Error> {
        let targets: Vec<Target<'_>> = missing
            .iter()
            .map(|writer| (writer.key(), writer.path()))
            .collect();
        let rows = self.encoder.domain.n_rows();
        let batch = self.encoder.handle.info().image_batch.max(1) as usize;
        let mut digests = Vec::with_capacity(rows);
        self.encoder
            .write(0..rows, batch, &targets, &mut |hashed| {
                digests.extend_from_slice(hashed);
                Ok(())
            })?;
        self.content.read(digests)
    }

    fn notice(&self, line: &str) {
        terminal::say(line);
        self.encoder.events.send(&Event::Warning(line.to_owned()));
    }
}
