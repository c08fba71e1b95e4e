//! The device and the batch size in a scenario: a bad device is reported before anything runs, and
//! the batch size does not affect results.

use crate::tables::{files, rows};
use clbench_tests::{Dir, root};

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
