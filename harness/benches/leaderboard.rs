//! From 10,000 cell records on disk to a leaderboard; the goal is under one second.

use criterion::{Criterion, criterion_group, criterion_main};
use harness::id::{ClassId, Seed, TaskId};
use harness::matrix::{AccuracyMatrices, AfterTask, Scorer};
use harness::report::{
    BackbonePart, CellRecord, Costs, DomainPart, Leaderboard, MetricInfo, MetricSet, RECORD_FORMAT,
    Regime, StrategyPart, WallSeconds, load,
};
use harness::stream::Augmentation;
use harness_abi::Matrix;
use std::hint::black_box;
use std::path::Path;

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

fn matrices(seed: u64) -> AccuracyMatrices {
    let mut matrices = AccuracyMatrices::new(vec![10; TASKS as usize]);
    let scorer = Scorer::new(&[2; TASKS as usize], true);
    let mut logits = [0.0; 2 * TASKS as usize];
    for after in matrices.rows() {
        let mut tally = scorer.row(after);
        for (index, task) in matrices.tasks().flat_map(|task| [task; 10]).enumerate() {
            let TaskId(number) = task;
            let class = 2 * (number - 1);
            // Some right, some wrong, by a rule that differs between cells.
            logits[class as usize] = ((index as u64 + seed + u64::from(after.0)) % 3) as f32;
            tally
                .add(index, &logits, ClassId(class))
                .expect("finite logits of the right width");
        }
        matrices.set_row(&tally).expect("ten images per task");
    }
    matrices
}

fn record(domain: u64, strategy: u64, seed: u64) -> CellRecord {
    let hash = |what: &str| blake3::hash(what.as_bytes()).to_hex().to_string();
    let row = format!("strategy-{strategy}");
    let domain = format!("domain-{domain}");
    CellRecord {
        format: RECORD_FORMAT,
        id: format!("{domain}-{row}-s{seed}-{}", &hash(&row)[..12]),
        scenario: "bench".into(),
        domain: DomainPart {
            split_hash: hash(&domain),
            class_order_digest: hash(&format!("{domain}{seed}")),
            name: domain,
            n_train: 1000,
            n_test: 100,
            classes: (0..2 * TASKS)
                .map(|class| format!("class {class}"))
                .collect(),
            task_sizes: vec![2; TASKS as usize],
            augmentation: Augmentation::None,
            limit: None,
            validation: None,
        },
        backbones: vec![BackbonePart {
            name: "clip".into(),
            plugin: "clip".into(),
            plugin_version: "0.1.0".into(),
            plugin_hash: hash("clip file"),
            fingerprint: hash("clip weights"),
        }],
        strategy: StrategyPart {
            name: "strategy".into(),
            plugin: "strategies".into(),
            plugin_version: "0.1.0".into(),
            plugin_hash: hash("strategies file"),
            regime: Regime::Sequential,
            parameters: serde_json::json!({"epochs": 5, "learning_rate": 0.03, "row": row}),
            row,
            provenance: None,
            trials: None,
            keeps: vec![],
            scores_unseen: true,
            batch_dependent: false,
            trainable_parameters: 10_000,
            adaptation: None,
        },
        seed: Seed(seed),
        threads: 1,
        device: "cpu".into(),
        dtype: "f32".into(),
        matrices: matrices(seed),
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
        },
    }
}

fn write_records(dir: &Path) {
    // Written plainly: a record's own way to disk waits for the disk, ten thousand times.
    let cells = dir.join("cells");
    std::fs::create_dir(&cells).expect("a fresh folder");
    for domain in 0..DOMAINS {
        for strategy in 0..STRATEGIES {
            for seed in 0..SEEDS {
                let record = record(domain, strategy, seed);
                let json = serde_json::to_vec(&record).expect("a record serialises");
                std::fs::write(cells.join(format!("{}.json", record.id)), json)
                    .expect("disk space");
            }
        }
    }
}

fn leaderboard(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write_records(dir.path());
    let dirs = [dir.path().to_owned()];
    let metrics = Faa([MetricInfo {
        name: "faa".into(),
        unit: "%".into(),
        higher_is_better: true,
        matrix: Some(Matrix::Seen),
        summary: "final average accuracy".into(),
    }]);
    let build = || {
        let records = load(&dirs).expect("good records");
        assert_eq!(records.len() as u64, DOMAINS * STRATEGIES * SEEDS);
        Leaderboard::build(&records, &metrics, None).expect("a leaderboard")
    };
    let mut group = criterion.benchmark_group("leaderboard");
    group.sample_size(10);
    group.bench_function("10,000 records", |bencher| {
        bencher.iter(|| black_box(build()))
    });
    group.finish();
}

criterion_group!(benches, leaderboard);
criterion_main!(benches);
