//! Reading a scenario: one of thirteen rows, and one with a hundred strategies and a grid of ten each.

use criterion::{Criterion, criterion_group, criterion_main};
use harness::scenario::Scenario;
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;

fn large() -> String {
    let mut yaml = String::from(
        "seeds: [1, 2, 3]\nstream: {tasks: 5}\ndomains: {digits: {source: digits}}\nbackbones: {pixels: }\nstrategies:\n",
    );
    for strategy in 0..100 {
        let _ = write!(
            yaml,
            "  s{strategy}:\n    use: linear-head\n    parameters: {{epochs: 3}}\n    grid: {{lr: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}\n"
        );
    }
    yaml
}

fn parse(c: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let comparison = std::fs::read_to_string(root.join("scenarios/comparison.yaml"))
        .expect("the scenario is there");
    let file = Path::new("scenario.yaml");
    for (name, yaml) in [("comparison", comparison), ("1,000 rows", large())] {
        c.bench_function(&format!("read a scenario: {name}"), |b| {
            b.iter(|| Scenario::parse(black_box(&yaml), file, &[]).expect("it is valid"));
        });
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
