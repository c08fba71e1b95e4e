//! The device and the batch size in a scenario: a bad device is reported before anything runs, and
//! the batch size does not affect results.

use crate::tables::{files, rows};
use clbench_tests::{Dir, misbehaving, nearest_class_mean, root};
use expect_test::expect;
use serde_json::Value;
use std::fs;

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
    "#]].assert_eq(&refused.stderr);
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
