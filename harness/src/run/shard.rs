//! A shard: consecutive samples of a domain, whose features one process computes. The shards of a
//! domain can be computed at the same time.
//!
//! A shard begins where a batch begins, so every batch is the one that a single process would
//! encode, and the features are the same bit for bit. All processes write to the same files, each
//! its own rows: those of the features, and one with the digests of the images that were read.

use super::embed::feature_keys;
use super::encode::{Encoder, unwritable};
use super::host::host;
use super::opened::{Plugins, features_of, open_backbone};
use super::{Caches, Event, Events, Interrupt, Job};
use crate::domain::SampleDigest;
use crate::error::Error;
use crate::features::FeatureKey;
use crate::plugin::Kind;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// With fewer batches than this, another process is not worth its start.
const LEAST_BATCHES: usize = 8;

/// Bytes of a digest in a file.
const DIGEST: usize = size_of::<[u8; 32]>();

/// Splits the rows of a domain for at most this many processes. Every shard but the last consists
/// of whole batches.
pub(super) fn shards(rows: usize, batch: usize, processes: usize) -> Vec<Range<usize>> {
    let batches = rows.div_ceil(batch);
    let shards = (batches / LEAST_BATCHES).clamp(1, processes.max(1));
    let border = |shard: usize| (batches * shard / shards * batch).min(rows);
    (0..shards)
        .map(|shard| border(shard)..border(shard + 1))
        .collect()
}

/// A request for the features of a shard. The process answers with the width of each output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureRequest {
    /// A cell with the domain and the backbone.
    pub(super) job: Job,
    /// The index of the domain in the cell's stream.
    pub(super) domain: usize,
    /// The index of the backbone among the cell's.
    pub(super) backbone: usize,
    /// The samples.
    pub(super) rows: Range<usize>,
    /// The number of images in a batch.
    pub(super) batch: usize,
    /// What to compute, each with the file in which to write it: a name in the store's folder,
    /// because the path of that folder need not be Unicode.
    pub(super) outputs: Vec<(FeatureKey, String)>,
    /// The file for the digests of the images, in the same folder.
    pub(super) digests: String,
}

impl FeatureRequest {
    /// Computes and writes the features.
    ///
    /// # Errors
    ///
    /// If the domain or the backbone cannot be opened or has changed since the run was planned, an
    /// image cannot be read, the backbone fails, or a file cannot be written.
    pub fn run(
        &self,
        caches: &Caches,
        events: &Arc<Events>,
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        let job = &self.job;
        let (backbone, paths) = (
            &job.cell.backbones[self.backbone],
            &job.paths.backbones[self.backbone],
        );
        let domain = job.open_domain(self.domain)?;
        let host = host(events.clone(), interrupt.clone(), Arc::default());
        let mut plugins = Plugins::on(&job.cell.device);
        let (handle, plugin) = open_backbone(job, self.backbone, &mut plugins, &host, events)?;
        events.stage(features_of(backbone, paths));
        let names: Vec<String> = (self.outputs.iter())
            .map(|(key, _)| key.output.clone())
            .collect();
        let keys = feature_keys(&domain, backbone, handle.info(), &names);
        if !self.outputs.iter().all(|(key, _)| keys.contains(key)) {
            let changed = harness_abi::Error::failed(
                "its description (images, device or embedding) changed after the run was planned",
            );
            return Err(plugin.failed(Kind::Backbone, &backbone.use_)(changed).into());
        }
        // If the content is known, every image is checked against it.
        let memory = caches.content.trusting(job.paths.trust[self.domain]);
        if let Some(content) = domain.survey(&memory).content() {
            domain.know_content(content);
        }
        let encoder = Encoder {
            domain: &domain,
            domain_name: &job.cell.stream.domains[self.domain].name,
            backbone,
            plugin: &plugin,
            handle: &handle,
            events,
            interrupt,
        };
        let folder = caches.features.folder();
        let outputs = self.outputs.iter();
        let paths: Vec<_> = outputs
            .map(|(key, name)| (key, folder.join(name)))
            .collect();
        let targets: Vec<_> = paths
            .iter()
            .map(|(key, path)| (*key, path.as_path()))
            .collect();
        let path = folder.join(&self.digests);
        let mut digests = DigestWriter::open(&path, self.rows.start).map_err(unwritable(&path))?;
        let widths = encoder.write(self.rows.clone(), self.batch, &targets, &mut |hashed| {
            digests.push(hashed)
        })?;
        digests.flush().map_err(unwritable(&path))?;
        let widths = serde_json::to_value(widths).expect("plain data");
        events.send(&Event::Answer(widths));
        Ok(())
    }
}

/// Writes the digests of consecutive samples.
struct DigestWriter(BufWriter<File>);

impl DigestWriter {
    fn open(path: &Path, first: usize) -> io::Result<DigestWriter> {
        let mut file = File::options().write(true).open(path)?;
        file.seek(SeekFrom::Start((first * DIGEST) as u64))?;
        Ok(DigestWriter(BufWriter::new(file)))
    }

    fn push(&mut self, digests: &[SampleDigest]) -> io::Result<()> {
        let mut digests = digests.iter();
        digests.try_for_each(|digest| self.0.write_all(digest.as_bytes()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The digests of all samples, once all shards are done; `None` if some are missing.
pub(super) fn read_digests(path: &Path, rows: usize) -> io::Result<Option<Vec<SampleDigest>>> {
    let bytes = fs::read(path)?;
    let (digests, rest) = bytes.as_chunks::<DIGEST>();
    // A digest that nobody wrote is zero: it is in a hole of the file.
    let whole = digests.len() == rows && rest.is_empty() && !digests.contains(&[0; DIGEST]);
    Ok(whole.then(|| {
        digests
            .iter()
            .copied()
            .map(SampleDigest::from_bytes)
            .collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_whole_batches_and_leave_no_row_out() {
        assert_eq!(shards(2000, 64, 2), [0..1024, 1024..2000]);
        assert_eq!(shards(961, 64, 2), [0..512, 512..961]);
        // Too few batches, or images, for a second process.
        for (rows, processes) in [(2000, 1), (960, 2), (0, 2)] {
            let all = 0..rows;
            assert_eq!(shards(rows, 64, processes), [all]);
        }
        for (rows, batch, processes) in [(60_000, 128, 7), (1797, 64, 64), (999_999, 1, 16)] {
            let shards = shards(rows, batch, processes);
            assert!(shards.len() <= processes);
            let (first, last) = (&shards[0], &shards[shards.len() - 1]);
            assert_eq!((first.start, last.end), (0, rows));
            for pair in shards.windows(2) {
                assert_eq!(pair[0].end, pair[1].start);
                assert_eq!(pair[0].end % batch, 0);
                assert!(pair[0].len() >= LEAST_BATCHES * batch);
            }
        }
    }

    #[test]
    fn digests_that_a_process_left_out_are_missed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digests");
        File::create(&path).unwrap();
        let all: Vec<_> = (0..5u8).map(|n| SampleDigest::of(&[n])).collect();
        let write = |rows: Range<usize>| {
            let mut writer = DigestWriter::open(&path, rows.start).unwrap();
            writer.push(&all[rows]).unwrap();
            writer.flush().unwrap();
            read_digests(&path, 5).unwrap()
        };
        assert_eq!(write(3..5), None);
        assert_eq!(write(0..2), None);
        assert_eq!(write(2..3), Some(all.clone()));
        assert_eq!(read_digests(&path, 6).unwrap(), None);
    }
}
