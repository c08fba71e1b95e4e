//! Files that are not a domain's: scenarios, plans, plugins, features, results.

use super::target::Target;
use harness::domain::content::{Content, ContentMemory, Trust};
use harness::domain::{ContentDigest, Domain};
use harness::features::{
    Block, FeatureKey, FeatureMaker, FeatureStore, FeatureWriter, Origin, RowWriter,
};
use harness::id::Seed;
use harness::metric::{Choice, PluginMetrics};
use harness::plugin::PluginFile;
use harness::report::Leaderboard;
use harness::report::export::EXPORTS;
use harness::results::{CellRecord, Checkpoint, CheckpointParts, RunFolder, Shown, load};
use harness::run::Job;
use harness::scenario::{Scenario, SetOverride};
use harness_abi::manifest::SECTION;
use harness_abi::{State, Tensor};
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::Path;
use tempfile::TempDir;

/// A scenario may repeat its parameters and templates for every cell.
const SCENARIO: (usize, usize) = (1 << 30, 10_000);
const TEXT: (usize, usize) = (8 << 20, 2000);

#[test]
fn scenario() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("s.yaml");
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let seeds = [
        "digits",
        "fashion-mnist",
        "prompts",
        "comparison",
        "cgil-generators",
    ];
    let seed = |name| fs::read(scenarios.join(name).with_extension("yaml")).unwrap();
    Target {
        name: "scenario",
        seeds: seeds.map(seed).to_vec(),
        most: SCENARIO,
        repair: None,
        read: Box::new(|bytes| {
            fs::write(&file, bytes).unwrap();
            // An error is written with the line that it is about.
            match Scenario::load(&file, &[], &[]) {
                Ok(_) => true,
                Err(error) => error.to_string().is_empty(),
            }
        }),
    }
    .run();
}

/// A file that changes another, which is whole.
#[test]
fn scenario_that_extends() {
    let dir = TempDir::new().unwrap();
    let base = "seeds: [1]\nstream: {tasks: 5}\nbackbones: {pixels: {}}\n\
                domains: {digits: {source: digits}}\n\
                strategies: {linear-head: {parameters: {lr: 0.1}}, coop: {}}\n";
    fs::write(dir.path().join("base.yaml"), base).unwrap();
    let change = "extends: base.yaml\nwithout: [strategies.coop, domains.digits.source]\n\
                  domains: {digits: {source: digits, stream: {task_sizes: [5, 5]}}}\n\
                  backbones: {clip: {parameters: {path: weights}}}\n\
                  strategies: {linear-head: {parameters: {lr: 0.2}}, mine: {backbone: clip}}\n";
    let file = dir.path().join("s.yaml");
    Target {
        name: "scenario_that_extends",
        seeds: vec![change.as_bytes().to_vec()],
        most: SCENARIO,
        repair: None,
        read: Box::new(|bytes| {
            fs::write(&file, bytes).unwrap();
            match Scenario::load(&file, &[], &[]) {
                Ok(_) => true,
                Err(error) => error.to_string().is_empty(),
            }
        }),
    }
    .run();
}

#[test]
fn set_override() {
    let text = "seeds: [1]\nstream: {tasks: 5}\ndomains: {digits: {source: digits}}\n\
                strategies: {linear-head: {grid: {lr: [0.1, 0.2]}}}\n";
    Target {
        name: "set_override",
        seeds: [
            "strategies.linear-head.grid={lr: [0.003, 0.01], epochs: [1, 2]}",
            "domains.digits.templates=['a {}']",
            "stream.task_sizes=[5, 5]",
        ]
        .map(|set| set.as_bytes().to_vec())
        .to_vec(),
        most: SCENARIO,
        repair: None,
        read: Box::new(move |bytes| {
            let Ok(set) = String::from_utf8_lossy(bytes).parse::<SetOverride>() else {
                return false;
            };
            match Scenario::parse(text, Path::new("s.yaml"), &[set]) {
                // Two ways to cut a stream.
                Err(error) => error.to_string().contains("`tasks` and `task_sizes`"),
                Ok(_) => true,
            }
        }),
    }
    .run();
}

fn plugin() -> Value {
    json!({ "name": "heads", "version": "0.1.0", "hash": "h" })
}

/// A cell of two tasks, without its id.
fn cell() -> Value {
    json!({
        "id": "", "scenario": "s", "seed": 1, "threads": 1, "device": "cpu",
        "stream": {
            "name": "digits", "limit": null, "validation": null,
            "domains": [{ "name": "digits", "split_hash": "h", "templates": ["a {}"] }],
            "spec": { "tasks": { "count": 2 }, "class_order": "listed" },
        },
        "backbones": [{
            "name": "pixels", "use": "pixels", "plugin": plugin(), "parameters": {},
            "fingerprint": "f", "dtype": "f32",
        }],
        "strategy": {
            "row": "head[lr=0.1]", "use": "head", "plugin": plugin(), "regime": "sequential",
            "parameters": { "lr": 0.1 }, "provenance": null, "trials": null,
        },
    })
}

#[test]
fn plan_line() {
    let mut job: Job = serde_json::from_value(json!({
        "format": 4, "save_predictions": false, "cell": cell(),
        "paths": {
            "sources": [{ "digits": {} }], "trust": ["inode"],
            "backbones": [{ "plugin": "/b.so", "folder": "/" }],
            "strategy": { "plugin": "/s.so", "folder": "/" },
        },
    }))
    .unwrap();
    job.cell.id = job.cell.proper_id();
    Target {
        name: "plan_line",
        seeds: vec![job.line().into_bytes()],
        most: TEXT,
        repair: None,
        read: Box::new(|bytes| Job::parse(&String::from_utf8_lossy(bytes)).is_ok()),
    }
    .run();
}

fn record() -> CellRecord {
    let mut record: CellRecord = serde_json::from_value(json!({
        "format": 3, "checksum": "", "cell": cell(),
        "stream": {
            "domains": [{ "content_digest": "c", "n_train": 400, "n_test": 200 }],
            "class_order_digest": "",
            "classes": ["zero", "one", "two", "three"], "task_sizes": [2, 2],
        },
        "declaration": harness_abi::Declaration::default(),
        "matrices": {
            "n": [100, 100],
            "seen": [[null, null], [95, null], [90, 80]],
            "all": [[20, 20], [95, 30], [90, 80]],
            "task": [[50, 50], [99, 60], [99, 99]],
        },
        "classes": {
            "n": [50, 50, 50, 50],
            "seen": [[], [48, 47], [45, 45, 40, 40]],
            "all": [[10, 10, 10, 10], [48, 47, 15, 15], [45, 45, 40, 40]],
            "task": [[25, 25, 25, 25], [50, 49, 30, 30], [50, 49, 50, 49]],
        },
        "confusion": [
            [0, 0, 45], [0, 1, 5], [1, 1, 45], [1, 2, 5], [2, 2, 40], [2, 3, 10], [3, 0, 10],
            [3, 3, 40],
        ],
        "scalars": [{ "name": "loss", "task": 1, "steps": [1, 2], "values": [0.5, 0.25] }],
        "costs": {
            "wall_seconds": { "features": 0.25, "learn": 1.5, "evaluate": 0.5, "total": 2.5 },
            "peak_memory_bytes": 50_000_000, "optimiser_steps": 120, "state_bytes": 2600,
        },
    }))
    .unwrap();
    record.cell.id = record.cell.proper_id();
    record.stream.class_order_digest = record.proper_order_digest().as_str().to_owned();
    record
}

/// Puts the right checksum into a damaged record, as a forger would.
fn checksum(bytes: &mut [u8]) {
    const KEY: &[u8] = b"\"checksum\":\"";
    let found = bytes.windows(KEY.len()).position(|window| window == KEY);
    let Some(at) = found.map(|at| at + KEY.len()) else {
        return;
    };
    if bytes.len() < at + 64 {
        return;
    }
    bytes[at..at + 64].fill(b'0');
    let hash = blake3::hash(bytes).to_hex();
    bytes[at..at + 64].copy_from_slice(hash.as_bytes());
}

/// A record, and the tables that are made from it.
#[test]
fn record_file() {
    let dir = TempDir::new().unwrap();
    let folder = RunFolder::new(dir.path());
    folder.create().unwrap();
    let record = record();
    let path = folder.record(&record.cell.id);
    record.write_atomic(&path).unwrap();
    let seed = fs::read(&path).unwrap();
    let metrics = PluginMetrics::load(&[]).unwrap();
    Target {
        name: "record_file",
        seeds: vec![seed],
        most: TEXT,
        repair: Some(|bytes| checksum(bytes)),
        read: Box::new(|bytes| {
            fs::write(&path, bytes).unwrap();
            let Ok(loaded) = load(std::slice::from_ref(&folder), Shown::Current) else {
                return false;
            };
            let board = Leaderboard::build(&loaded.records, &metrics, &Choice::default(), None);
            board.is_ok_and(|board| {
                EXPORTS
                    .iter()
                    .all(|export| !export.write(&board, Some(80)).is_empty())
            })
        }),
    }
    .run();
}

/// Records of three seeds in one file.
#[test]
fn packed_records() {
    let dir = TempDir::new().unwrap();
    let folder = RunFolder::new(dir.path().join("run"));
    folder.create().unwrap();
    for seed in 1..4 {
        let mut record = record();
        record.cell.seed = Seed(seed);
        record.cell.id = record.cell.proper_id();
        let path = folder.record(&record.cell.id);
        record.write_atomic(&path).unwrap();
    }
    let packed = RunFolder::new(dir.path().join("run.records"));
    folder.pack(packed.path()).unwrap();
    Target {
        name: "packed_records",
        seeds: vec![fs::read(packed.path()).unwrap()],
        most: TEXT,
        repair: None,
        read: Box::new(|bytes| {
            fs::write(packed.path(), bytes).unwrap();
            let read = load(std::slice::from_ref(&packed), Shown::Current);
            read.is_ok() && packed.run_file().is_ok()
        }),
    }
    .run();
}

/// Puts the right hash at the end of a damaged checkpoint.
fn rehash(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len().saturating_sub(32));
    let hash = blake3::hash(bytes);
    bytes.extend(hash.as_bytes());
}

/// A checkpoint, and the state in it.
#[test]
fn checkpoint() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("c.checkpoint");
    let mut state = State::default();
    state
        .write(&json!({ "tasks": [1], "names": ["a", "b"] }))
        .unwrap();
    let means = Tensor::from_vec(vec![0.5_f32; 12], &[3, 4]).unwrap();
    let counts = Tensor::from_vec(vec![7_i64, 8], &[2]).unwrap();
    state.tensors = vec![("means".into(), means), ("counts".into(), counts)];
    let parts = CheckpointParts {
        record: &record(),
        learned: 1,
        rows: &[],
        state: &state.to_bytes().unwrap(),
    };
    parts.write(&path).unwrap();
    Target {
        name: "checkpoint",
        seeds: vec![fs::read(&path).unwrap()],
        most: TEXT,
        repair: Some(rehash),
        read: Box::new(|bytes| {
            let read = Checkpoint::read_from(bytes, bytes.len() as u64);
            read.is_ok_and(|read| {
                State::from_bytes(read.state).is_ok_and(|state| state.to_bytes().is_ok())
            })
        }),
    }
    .run();
}

#[test]
fn run_json() {
    let dir = TempDir::new().unwrap();
    let folder = RunFolder::new(dir.path());
    folder.create().unwrap();
    let record = record();
    let id = &record.cell.id;
    record.write_atomic(&folder.record(id)).unwrap();
    let metrics = json!([["faa", { "file": "/m.so", "id": plugin() }]]);
    let one_plan = json!({
        "format": 2, "scenario": "s", "description": null, "domains": ["digits"], "seeds": [1],
        "strategies": ["head[lr=0.1]"], "cells": [id], "rank_by": null, "columns": ["faa"],
        "metrics": metrics,
    });
    let plans = json!({
        "format": 3, "scenario": "s", "plans": [{
            "selection": { "seeds": [1] }, "description": null, "domains": ["digits"],
            "seeds": [1], "metrics": metrics, "rank_by": null, "columns": ["faa"],
            "cells": [{ "id": id, "stream": "digits", "row": "head[lr=0.1]", "seed": 1 }],
        }],
    });
    Target {
        name: "run_json",
        seeds: [one_plan, plans]
            .map(|run| run.to_string().into_bytes())
            .to_vec(),
        most: TEXT,
        repair: None,
        read: Box::new(|bytes| {
            fs::write(dir.path().join("run.json"), bytes).unwrap();
            load(std::slice::from_ref(&folder), Shown::Current).is_ok()
        }),
    }
    .run();
}

/// Whatever is in the store, the features are those that are computed.
#[test]
fn features() {
    const ROWS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let dir = TempDir::new().unwrap();
    let store = FeatureStore::new(dir.path());
    let key: FeatureKey = serde_json::from_value(json!({
        "fingerprint": "f", "plugin_hash": "p", "device_kind": "cpu", "dtype": "f32",
        "image": { "height": 8, "width": 8, "resize": "stretch", "filter": "bicubic" },
        "split_hash": "s", "rows": 3, "output": "tokens",
    }))
    .unwrap();
    struct Images(ContentDigest);
    impl FeatureMaker for Images {
        type Error = io::Error;

        fn content(&self, _others: &dyn Fn() -> bool) -> io::Result<Option<ContentDigest>> {
            Ok(Some(self.0.clone()))
        }

        fn compute(&self, missing: &[FeatureWriter]) -> io::Result<ContentDigest> {
            let values = ROWS.to_vec();
            let mut rows = RowWriter::open(missing[0].path(), 0)?;
            rows.push(&Block { width: 2, values })?;
            rows.flush()?;
            Ok(self.0.clone())
        }

        fn notice(&self, _line: &str) {}
    }
    let images = Images(Content::of(Vec::new()).digest().clone());
    let open = || {
        let found = store.open_or_compute(std::slice::from_ref(&key), &images);
        let (features, origin) = found.unwrap().remove(0);
        assert_eq!(features.data(), ROWS);
        origin == Origin::Stored
    };
    open();
    let stored = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut stored = stored.filter(|path| path.extension() == Some("features".as_ref()));
    let path = stored.next().unwrap();
    let seed = fs::read(&path).unwrap();
    Target {
        name: "features",
        seeds: vec![seed],
        most: (16 << 20, 100),
        repair: None,
        read: Box::new(|bytes| {
            // Files of the store are replaced, never changed.
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
            open()
        }),
    }
    .run();
}

/// Whatever is remembered, the content is that of the images.
#[test]
fn content_memory() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("images");
    for image in [
        "train/a/0.png",
        "train/b/0.png",
        "test/a/0.png",
        "test/b/0.png",
    ] {
        let path = root.join(image);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::new(2, 2).save(&path).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
    }
    let source = serde_json::from_value(json!({ "image-folder": { "path": root } })).unwrap();
    let domain = Domain::open(&source).unwrap();
    // By modification time alone, since nothing can set the time of a change.
    let memory = ContentMemory::new(dir.path().join("memory")).trusting(Trust::Stat);
    let digest = || {
        let survey = domain.survey(&memory);
        let unread = survey.unread();
        let content = survey.read(&|| true).unwrap().unwrap();
        let digest = content.digest().clone();
        survey.remember(&content);
        (digest, unread)
    };
    let (expected, _) = digest();
    let stored = fs::read_dir(dir.path().join("memory")).unwrap().next();
    let path = stored.unwrap().unwrap().path();
    Target {
        name: "content_memory",
        seeds: vec![fs::read(&path).unwrap()],
        most: (8 << 20, 2000),
        // Not the hash: a memory with another digest and the right hash is believed, as the cache
        // belongs to the user.
        repair: None,
        read: Box::new(|bytes| {
            fs::write(&path, bytes).unwrap();
            let (found, unread) = digest();
            assert_eq!(found, expected);
            unread == 0
        }),
    }
    .run();
}

#[test]
fn plugin_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("plugin.so");
    Target {
        name: "plugin_file",
        seeds: vec![elf()],
        most: (8 << 20, 2000),
        repair: None,
        read: Box::new(|bytes| {
            fs::write(&path, bytes).unwrap();
            PluginFile::open(&path).is_ok()
        }),
    }
    .run();
}

/// A shared library with nothing but a manifest.
fn elf() -> Vec<u8> {
    let manifest = json!({
        "abi": harness_abi::ABI_VERSION, "plugin": "p", "version": "1", "runtime": null,
        "backbones": [], "strategies": [], "metrics": [],
    })
    .to_string();
    let names = format!("\0.shstrtab\0{SECTION}\0");
    let machine: u16 = if cfg!(target_arch = "aarch64") {
        183
    } else {
        62
    };
    let (header, program) = (64_u64, 56_u64);
    let at = header + program;
    let names_at = at + manifest.len() as u64;
    let sections_at = names_at + names.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    fn halves(file: &mut Vec<u8>, values: &[u16]) {
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    fn words(file: &mut Vec<u8>, values: &[u32]) {
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    fn longs(file: &mut Vec<u8>, values: &[u64]) {
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    halves(&mut file, &[3]);
    halves(&mut file, &[machine]);
    words(&mut file, &[1]);
    longs(&mut file, &[0, header, sections_at]);
    words(&mut file, &[0]);
    halves(&mut file, &[header as u16, program as u16, 1, 64, 3, 1]);
    // One segment: the whole file.
    words(&mut file, &[1, 4]);
    longs(&mut file, &[0, 0, 0, sections_at, sections_at, 4096]);
    file.extend(manifest.bytes());
    file.extend(names.bytes());
    let mut section = |name: u32, kind: u32, at: u64, length: usize| {
        words(&mut file, &[name]);
        words(&mut file, &[kind]);
        longs(&mut file, &[0, 0, at, length as u64]);
        words(&mut file, &[0, 0]);
        longs(&mut file, &[1, 0]);
    };
    section(0, 0, 0, 0);
    section(1, 3, names_at, names.len());
    section(11, 1, at, manifest.len());
    file
}
