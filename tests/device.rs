//! The device and the batch size in a scenario: a bad device is reported before anything runs, and
//! the batch size does not affect results.

use crate::tables::{files, rows};
use clbench_tests::{Dir, misbehaving, nearest_class_mean, root};
use expect_test::expect;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Zero-shot and a linear head on the small CLIP.
fn scenario(dir: &Dir, name: &str, device: &str, more: &str) {
    let weights = root().join("plugins/clip/weights/small");
    dir.write(
        name,
        format!(
            "seeds: [1]\n\
             device: {device}\n\
             stream: {{tasks: 5}}\n\
             domains: {{digits: {{source: digits}}}}\n\
             backbones: {{clip: {{parameters: {{path: {}{more}}}}}}}\n\
             strategies: {{zero-shot: {{}}, linear: {{use: linear-head, parameters: {{epochs: 2}}}}}}\n",
            weights.display()
        ),
    );
}

/// The cells of a plan's lines.
fn cells(lines: &str) -> Vec<Value> {
    let jobs = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    jobs.map(|job: Value| job["cell"].clone()).collect()
}

/// A plan is made on the CPU; this device is missing on every machine.
#[test]
fn a_scenario_can_be_planned_where_its_device_is_missing() {
    let dir = Dir::new();
    let planned = |device: &str| {
        let name = format!("{}.yaml", device.replace(':', "-"));
        scenario(&dir, &name, device, "");
        cells(&dir.clbench(["plan", "--json", &name]).succeeds().stdout)
    };
    let [here, elsewhere] = ["cpu", "cuda:99"].map(planned);
    assert_eq!(here.len(), 2);
    for (here, elsewhere) in here.iter().zip(&elsewhere) {
        assert_eq!(elsewhere["device"], "cuda:99");
        assert_ne!(here["id"], elsewhere["id"]);
        assert_eq!(here["backbones"], elsewhere["backbones"]);
    }
}

/// A plan on the CPU names the cells that a run on the device computes. These plugins take any
/// device.
#[test]
fn a_plan_and_a_run_on_a_device_have_the_same_cells() {
    let dir = Dir::new();
    let yaml = |backbone: &str| {
        format!(
            "seeds: [1]\ndevice: cuda:99\nstream: {{tasks: 5}}\n\
             domains: {{digits: {{source: digits}}}}\nbackbones: {{{backbone}}}\n\
             strategies: {{nearest-class-mean: {{plugin: {}}}}}\n",
            nearest_class_mean().display()
        )
    };
    dir.write("s.yaml", yaml("pixels: {parameters: {size: 8}}"));
    let plan = ["plan", "--json", "s.yaml", "--limit", "5"];
    let planned = cells(&dir.clbench(plan).succeeds().stdout);
    let run = ["run", "s.yaml", "--limit", "5", "--out", "out"];
    dir.clbench(run).succeeds();
    let lines = fs::read_to_string(dir.path("out/plan.jsonl")).unwrap();
    assert_eq!(planned, cells(&lines));

    // A backbone whose type depends on the device breaks that, and is refused.
    let plugin = misbehaving().display().to_string();
    dir.write(
        "s.yaml",
        yaml(&format!("type-by-device: {{plugin: {plugin}}}")),
    );
    let line = dir.write("cell.json", dir.clbench(plan).succeeds().stdout);
    let refused = dir.clbench(["cell", "--out", "out"]).input(&line).outcome();
    assert_eq!(refused.code, 3);
    expect![[r#"
        error: plugin BUILD/examples/libmisbehaving.so: no such file; check the path, or build the plugin with `cargo build --release`
            log: out/cells/digits-nearest-class-mean-s1-a0443977a52d.log
    "#]].assert_eq(&refused.stderr);
}

/// The most cells at a time on each GPU, according to the diary that the strategy `diary` keeps.
pub fn used(diary: &Path) -> String {
    let diary = fs::read_to_string(diary).unwrap();
    let mut now: BTreeMap<String, usize> = BTreeMap::new();
    let mut most = now.clone();
    for line in diary.lines() {
        let (sign, gpu) = line.split_at(1);
        let now = now.entry(gpu.to_owned()).or_default();
        match sign {
            "+" => *now += 1,
            _ => *now -= 1,
        }
        let most = most.entry(gpu.to_owned()).or_default();
        *most = (*most).max(*now);
    }
    let most = most.iter().map(|(gpu, most)| format!("{gpu}: {most}"));
    most.collect::<Vec<_>>().join(", ")
}

/// Six cells on GPUs, which these plugins do not use. The list of GPUs is made up.
#[test]
fn one_cell_at_a_time_runs_on_each_gpu() {
    let dir = Dir::new();
    let scenario = "seeds: [1, 2, 3, 4, 5, 6]\ndevice: cuda\nstream: {tasks: 2}\n\
                    domains: {digits: {source: digits}}\nbackbones: {pixels: {parameters: {size: 8}}}\n\
                    strategies: {diary: {}}\n";
    dir.write("s.yaml", scenario);
    dir.link_plugins(&[misbehaving()]);
    let run = |out: &str, more: &[&str]| {
        let args = ["run", "s.yaml", "--plugin-dir", "plugins", "--limit", "5"];
        dir.clbench(args.iter().chain(&["--out", out]).chain(more))
            .env("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c")
            .env("DIARY_GPUS", dir.path(&format!("{out}.gpus")))
            .env("DIARY_NAP", "100")
    };
    let used = |out: &str| used(&dir.path(&format!("{out}.gpus")));
    run("all", &[]).succeeds();
    assert_eq!(used("all"), "GPU-a: 1, GPU-b: 1, GPU-c: 1");
    run("chosen", &["--devices", "cuda:2,cuda:0"]).succeeds();
    assert_eq!(used("chosen"), "GPU-a: 1, GPU-c: 1");
    run("twice", &["--devices", "cuda:1,cuda:1"]).succeeds();
    assert_eq!(used("twice"), "GPU-b: 2");
    for name in ["accuracy.csv", "leaderboard.csv"] {
        let read = |out: &str| fs::read_to_string(dir.path(out).join(name)).unwrap();
        assert_eq!(read("all"), read("chosen"));
        assert_eq!(read("all"), read("twice"));
    }
    let refused = |more: &[&str]| {
        let outcome = run("refused", more).outcome();
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
        outcome.stderr
    };
    let mistakes: [&[&str]; 5] = [
        &["--devices", "cuda:3"],
        &["-j", "2"],
        &["--devices", "cuda:0", "--set", "device=cpu"],
        &["--devices", "cuda:0", "--set", "device=cuda:1"],
        &["--devices", "cuda:0", "--on", "slurm"],
    ];
    expect![[r#"
        error: `--devices`: there is no cuda:3; this process sees cuda:0 to cuda:2
        error: `-j` is for the CPU, but this scenario has `device: cuda`, where one cell runs on each GPU at a time; choose GPUs with `--devices`, and list one twice to run two cells on it
        error: `--devices` needs `device: cuda`, but this scenario has `device: cpu`; add `--set device=cuda`
        error: `--devices` needs `device: cuda`, but this scenario has `device: cuda:1`; add `--set device=cuda`
        error: `--devices` chooses GPUs of this machine; with `--on slurm`, ask for one with `--slurm "--gres=gpu:1"`
    "#]]
    .assert_eq(&mistakes.map(refused).concat());
}

#[test]
fn a_missing_gpu_is_reported_before_anything_runs() {
    let dir = Dir::new();
    // No machine has this many.
    scenario(&dir, "s.yaml", "cuda:99", "");
    let outcome = dir.clbench(["run", "s.yaml"]).outcome();
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    let expected = "error: plugin BUILD/libclbench_clip.so: backbone `clip`: device `cuda:99` is not available: ";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    assert_eq!(files(&dir.path("results")), [""; 0]);
}

#[test]
fn the_image_batch_size_is_a_parameter_and_does_not_change_results() {
    let dir = Dir::new();
    let accuracies = ["", ", batch: 7"].map(|batch| {
        let name = if batch.is_empty() { "usual" } else { "small" };
        scenario(&dir, &format!("{name}.yaml"), "cpu", batch);
        // Each with its own features.
        dir.clbench([
            "run",
            &format!("{name}.yaml"),
            "--limit",
            "20",
            "--out",
            name,
        ])
        .env("CLBENCH_CACHE", dir.path(&format!("cache-{name}")))
        .succeeds();
        rows(&dir.path(&format!("{name}/accuracy.csv")))
            .iter()
            .map(|row| {
                [
                    "strategy",
                    "after_task",
                    "on_task",
                    "seen_correct",
                    "all_correct",
                ]
                .map(|c| row[c].clone())
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(accuracies[0], accuracies[1]);
    assert!(accuracies[0].len() > 10);

    scenario(&dir, "none.yaml", "cpu", ", batch: 0");
    let outcome = dir.clbench(["run", "none.yaml"]).outcome();
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    let expected = "backbones.clip.parameters.batch: must be at least 1, got 0";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
}
