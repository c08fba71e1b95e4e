//! What a user waits for with a scenario of 10,000 cells, each command as a process of its own:
//! planning, the scripts for Slurm, all that a run does before its first cell, a run whose cells all
//! have records, and a leaderboard. Goal: under ten seconds each on two cores.
//!
//! The scenarios have 100 rows with 100 seeds, 10 domains with 100 rows and 10 seeds, and 10,000
//! rows with one seed. One cell is run; the records of all are made from its record.

use clbench_tests::{Dir, build, signal, wait_for};
use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use harness::id::TaskId;
use harness::results::{AfterTask, CellRecord, RunFolder};
use harness::run::Job;
use harness_abi::Matrix;
use rustix::process::Signal;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

const CELLS: u32 = 10_000;
const TASKS: u32 = 5;

/// A scenario of as many cells: domains × learning rates × numbers of epochs × seeds.
struct Shape {
    name: &'static str,
    domains: u32,
    rates: u32,
    epochs: u32,
    seeds: u32,
}

const SHAPES: [Shape; 3] = [
    Shape {
        name: "100 rows, 100 seeds",
        domains: 1,
        rates: 10,
        epochs: 10,
        seeds: 100,
    },
    Shape {
        name: "10 domains, 100 rows, 10 seeds",
        domains: 10,
        rates: 10,
        epochs: 10,
        seeds: 10,
    },
    Shape {
        name: "10,000 rows, 1 seed",
        domains: 1,
        rates: 100,
        epochs: 100,
        seeds: 1,
    },
];

impl Shape {
    fn scenario(&self) -> String {
        let rates: Vec<f64> = (1..=self.rates).map(|n| f64::from(n) / 1000.0).collect();
        let epochs: Vec<u32> = (1..=self.epochs).collect();
        let seeds: Vec<u32> = (0..self.seeds).collect();
        let domains = (0..self.domains).map(|n| format!("  digits-{n}: {{source: digits}}\n"));
        format!(
            "name: many\nseeds: {seeds:?}\nstream: {{tasks: {TASKS}}}\n\
             backbones: {{pixels: {{parameters: {{size: 8}}}}}}\n\
             strategies: {{linear-head: {{grid: {{lr: {rates:?}, epochs: {epochs:?}}}}}}}\n\
             domains:\n{}",
            domains.collect::<String>()
        )
    }
}

/// A folder with the scenario, and the record of one of its cells.
fn prepared(shape: &Shape) -> (Dir, CellRecord) {
    let dir = Dir::new();
    dir.write("scenario.yaml", shape.scenario());
    let row = "linear-head[lr=0.001,epochs=1]";
    let one = ["--only", row, "--domain", "digits-0", "--seed", "0"];
    dir.clbench(["run", "scenario.yaml", "--out", "one"].iter().chain(&one))
        .succeeds();
    let folder = RunFolder::new(dir.path("one"));
    let mut record = folder.every_record().expect("a folder with a record");
    let record = record.remove(0).expect("a good record");
    (dir, record)
}

/// Writes a record of every cell of the plan. They differ in how many images of the first class are
/// classified correctly after the last task.
fn write_records(dir: &Dir, of_one: &CellRecord) {
    let plan = dir.clbench(["plan", "scenario.yaml", "--json"]).succeeds();
    let folder = RunFolder::new(dir.path("full"));
    folder.create().expect("a fresh folder");
    let ids = plan.stdout.lines().enumerate().map(|(number, line)| {
        let mut record = of_one.clone();
        record.cell = Job::parse(line).expect("a line of a plan").cell;
        let last = AfterTask(TASKS);
        let classes = record.classes.as_mut().expect("a record of this version");
        let correct = Some(number as u64 % 50);
        for (candidates, counts) in [
            (Matrix::Seen, &mut classes.seen),
            (Matrix::All, &mut classes.all),
        ] {
            let row = &mut counts[last.index()];
            row[0] = correct;
            let task = row[0].zip(row[1]).map(|(one, other)| one + other);
            (record.matrices).set(candidates, last, TaskId(1), task);
        }
        // Not `write_atomic`, which would sync to disk ten thousand times.
        fs::write(folder.record(&record.cell.id), record.to_bytes()).expect("disk space");
    });
    assert_eq!(ids.count() as u32, CELLS);
}

/// Runs the scenario in an empty folder until a cell has started.
fn until_first_cell(dir: &Dir) {
    let run = ["run", "scenario.yaml", "--out", "fresh"];
    let process = dir.clbench(run).start();
    let cells = dir.path("fresh/cells");
    wait_for("the first cell", || {
        let mut files = fs::read_dir(&cells).into_iter().flatten().flatten();
        files.any(|file| {
            file.path()
                .extension()
                .is_some_and(|ending| ending == "log")
        })
    });
    signal(process.id(), Signal::TERM);
    process.wait_with_output().expect("a process of this one");
    fs::remove_dir_all(dir.path("fresh")).expect("a folder of ours");
}

fn many_cells(c: &mut Criterion) {
    build();
    let mut group = c.benchmark_group("10,000 cells");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for shape in &SHAPES {
        let (dir, record) = prepared(shape);
        write_records(&dir, &record);
        // All that is asked of a cluster with an empty queue.
        let answer = "#!/bin/sh\necho 'MaxArraySize = 1001'\n";
        let scontrol = dir.write("bin/scontrol", answer);
        fs::set_permissions(scontrol, Permissions::from_mode(0o755)).expect("a file of ours");
        let path = format!("{}:/usr/bin:/bin", dir.path("bin").display());
        let mut command = |name: &str, args: &[&str]| {
            group.bench_function(BenchmarkId::new(name, shape.name), |b| {
                b.iter(|| dir.clbench(args).env("PATH", &path).succeeds());
            });
        };
        command("plan", &["plan", "scenario.yaml"]);
        command("plan --json", &["plan", "scenario.yaml", "--json"]);
        let submit = [
            "run",
            "scenario.yaml",
            "--out",
            "fresh",
            "--on",
            "slurm",
            "--dry-run",
        ];
        command("run --on slurm --dry-run", &submit);
        command("run, complete", &["run", "scenario.yaml", "--out", "full"]);
        command("leaderboard", &["leaderboard", "full"]);
        group.bench_function(BenchmarkId::new("run, first cell", shape.name), |b| {
            b.iter_batched(|| (), |()| until_first_cell(&dir), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, many_cells);
criterion_main!(benches);
