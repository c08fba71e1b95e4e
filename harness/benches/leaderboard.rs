//! From 10,000 cell records on disk to a leaderboard, and from there to a page. Goals: under one
//! second, and under ten.

use criterion::{Criterion, criterion_group, criterion_main};
use harness::domain::content::Trust;
use harness::id::{ClassId, Seed, TaskId};
use harness::metric::{Choice, MetricInfo, MetricSet};
use harness::plugin::PluginId;
use harness::published::Published;
use harness::report::{Leaderboard, Page};
use harness::results::{
    AccuracyMatrices, AfterTask, Cell, CellBackbone, CellDomain, CellRecord, CellStrategy,
    CellStream, Costs, LearnedDomain, LearnedStream, Predicted, RECORD_FORMAT, RunFolder, Shown,
    WallSeconds, load,
};
use harness::run::Scorer;
use harness::scenario::Regime;
use harness::stream::{Augmentation, ClassOrder, Cut, Stream, StreamSpec, Tasks};
use harness_abi::Declaration;
use harness_abi::Matrix;
use std::collections::BTreeMap;
use std::hint::black_box;

/// 10 domains × 100 strategies × 10 seeds, each of 10 tasks of 2 classes.
const DOMAINS: u64 = 10;
const STRATEGIES: u64 = 100;
const SEEDS: u64 = 10;
const TASKS: u32 = 10;

/// Final average accuracy.
struct Faa([MetricInfo; 1]);

impl MetricSet for Faa {
    fn infos(&self) -> &[MetricInfo] {
        &self.0
    }

    fn compute(&self, record: &CellRecord) -> Result<Vec<Option<f64>>, String> {
        let last = AfterTask(TASKS);
        let on = |task| record.matrices.accuracy(Matrix::Seen, last, task);
        let sum: Option<f64> = record.matrices.tasks().map(on).sum();
        Ok(vec![sum.map(|sum| sum / f64::from(TASKS))])
    }
}

fn spec() -> StreamSpec {
    let cut = Cut {
        tasks: Tasks::Count(TASKS),
        class_order: ClassOrder::Listed,
    };
    StreamSpec::of_domain(cut, Augmentation::None)
}

fn matrices(seed: u64) -> AccuracyMatrices {
    let mut matrices = AccuracyMatrices::new(vec![10; TASKS as usize]);
    let names: Vec<String> = (0..2 * TASKS).map(|class| class.to_string()).collect();
    let stream = Stream::new(&spec(), &[&names], Seed(0)).expect("two classes per task");
    let scorer = Scorer::new(&stream, true);
    let mut logits = [0.0; 2 * TASKS as usize];
    for after in matrices.rows() {
        let mut tally = scorer.row(after);
        for (index, task) in matrices.tasks().flat_map(|task| [task; 10]).enumerate() {
            let TaskId(number) = task;
            let class = 2 * (number - 1);
            // Some correct, some wrong, by a rule that differs between cells.
            logits[class as usize] = ((index as u64 + seed + u64::from(after.0)) % 3) as f32;
            let image = Predicted {
                domain: "digits",
                task,
                name: "image",
                class: ClassId(class),
            };
            tally
                .add(&image, &logits)
                .expect("finite logits of the right width");
        }
        tally.write_to(&mut matrices).expect("ten images per task");
    }
    matrices
}

fn record(domain: u64, strategy: u64, seed: u64) -> CellRecord {
    let hash = |what: &str| blake3::hash(what.as_bytes()).to_hex().to_string();
    let row = format!("strategy-{strategy}");
    let domain = format!("domain-{domain}");
    let plugin = |name: &str| PluginId {
        name: name.into(),
        version: "0.1.0".into(),
        hash: hash(&format!("{name} file")),
    };
    let mut record = CellRecord {
        format: RECORD_FORMAT,
        checksum: String::new(),
        cell: Cell {
            id: String::new(),
            scenario: "bench".into(),
            stream: CellStream {
                name: domain.clone(),
                domains: vec![CellDomain {
                    split_hash: hash(&domain),
                    name: domain.clone(),
                    templates: vec!["a photo of a {}".into()],
                    shots: None,
                }],
                spec: spec(),
                limit: None,
                validation: None,
            },
            backbones: vec![CellBackbone {
                name: "clip".into(),
                use_: "clip".into(),
                plugin: plugin("clip"),
                parameters: serde_json::json!({}),
                fingerprint: hash("clip weights"),
                dtype: "f32".into(),
            }],
            strategy: CellStrategy {
                sources: BTreeMap::new(),
                label: None,
                use_: "strategy".into(),
                plugin: plugin("strategies"),
                regime: Regime::Sequential,
                parameters: serde_json::json!({"epochs": 5, "learning_rate": 0.03, "row": row}),
                row,
                provenance: None,
                trials: None,
            },
            seed: Seed(seed),
            threads: 1,
            device: "cpu".into(),
        },
        stream: LearnedStream {
            domains: vec![LearnedDomain {
                content_digest: hash(&format!("{domain} images")),
                trust: Trust::Inode,
                n_train: 1000,
                n_test: 100,
            }],
            class_order_digest: String::new(),
            classes: (0..2 * TASKS)
                .map(|class| format!("class {class}"))
                .collect(),
            class_domains: Vec::new(),
            task_sizes: vec![2; TASKS as usize],
            task_domains: Vec::new(),
            task_classes: Vec::new(),
        },
        declaration: Declaration {
            scores_unseen: true,
            trainable_parameters: 10_000,
            ..Declaration::default()
        },
        versions: BTreeMap::new(),
        matrices: matrices(seed),
        classes: None,
        confusion: None,
        scalars: Vec::new(),
        costs: Costs {
            wall_seconds: WallSeconds {
                features: 1.25,
                learn: 30.5,
                evaluate: 4.125,
                total: 36.5,
            },
            peak_memory_bytes: Some(500_000_000),
            optimiser_steps: 5_000,
            state_bytes: 40_000,
            checkpoints: None,
        },
    };
    record.cell.id = record.cell.proper_id();
    record.stream.class_order_digest = record.proper_order_digest().as_str().to_owned();
    record
}

fn write_records(folder: &RunFolder) {
    // Not `write_atomic`, which would sync to disk ten thousand times.
    folder.create().expect("a fresh folder");
    for domain in 0..DOMAINS {
        for strategy in 0..STRATEGIES {
            for seed in 0..SEEDS {
                let record = record(domain, strategy, seed);
                std::fs::write(folder.record(&record.cell.id), record.to_bytes())
                    .expect("disk space");
            }
        }
    }
}

fn leaderboard(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folders = [RunFolder::new(dir.path())];
    write_records(&folders[0]);
    let metrics = Faa([MetricInfo {
        name: "faa".into(),
        unit: "%".into(),
        higher_is_better: true,
        matrix: Some(Matrix::Seen),
        summary: "final average accuracy".into(),
    }]);
    let build = || {
        let records = load(&folders, Shown::Current)
            .expect("good records")
            .records;
        assert_eq!(records.len() as u64, DOMAINS * STRATEGIES * SEEDS);
        Leaderboard::build(&records, &metrics, &Choice::default(), None).expect("a leaderboard")
    };
    let mut group = criterion.benchmark_group("leaderboard");
    group.sample_size(10);
    group.bench_function("10,000 records", |bencher| {
        bencher.iter(|| black_box(build()))
    });
    let published = Published::built_in().expect("it is part of the program");
    let records = load(&folders, Shown::Current)
        .expect("good records")
        .records;
    group.bench_function("page of 10,000 records", |bencher| {
        bencher.iter(|| {
            let page = Page::of(&records, &metrics, &Choice::default(), &published, None);
            black_box(page.expect("a page").html())
        });
    });
    group.finish();
}

criterion_group!(benches, leaderboard);
criterion_main!(benches);
