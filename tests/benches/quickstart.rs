//! What a newcomer waits for: `clbench run scenarios/quickstart.yaml -j 2` for one of its three
//! seeds, as a process of its own; and each strategy's two cells alone, with stored features.
//!
//! A run takes its time from both cores; compare within one run of this benchmark.

use clbench_tests::{Dir, build, root};
use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};

const STRATEGIES: [&str; 9] = [
    "zero-shot",
    "coop",
    "cgil",
    "l2p",
    "nearest-class-mean",
    "ranpac",
    "linear-head",
    "linear-head-joint",
    "prompt-tuning-joint",
];

/// Runs the quickstart's first seed in an empty folder.
fn run(dir: &Dir, options: &[&str]) {
    let scenario = root().join("scenarios/quickstart.yaml");
    let scenario = scenario.to_str().expect("a path in UTF-8");
    let args = ["run", scenario, "--seed", "1992", "--out", "out"];
    dir.clbench(args.iter().chain(options)).succeeds();
}

fn quickstart(c: &mut Criterion) {
    // Not within the time of the first run.
    build();
    let mut group = c.benchmark_group("quickstart");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.bench_function("a seed, -j 2", |b| {
        b.iter_batched(
            Dir::new,
            |dir| run(&dir, &["-j", "2"]),
            BatchSize::PerIteration,
        );
    });
    for strategy in STRATEGIES {
        let prepared = || {
            // Zero-shot's run leaves the features, and the second run computes its own cells only.
            let dir = Dir::new();
            run(&dir, &["--only", "zero-shot"]);
            std::fs::remove_dir_all(dir.path("out")).expect("the first run's folder");
            dir
        };
        group.bench_function(BenchmarkId::new("one strategy", strategy), |b| {
            let alone = |dir: Dir| run(&dir, &["--only", strategy]);
            b.iter_batched(prepared, alone, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, quickstart);
criterion_main!(benches);
