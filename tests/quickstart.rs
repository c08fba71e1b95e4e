//! The quickstart with the weights in the repository, and with other weights.

use crate::leaderboard::Means;
use clbench_tests::{Dir, nearest_class_mean, root, tiny_clip_folder};
use expect_test::expect;
use std::fs;
use std::path::PathBuf;

/// The purpose of the domains, on one seed of three: zero-shot, the small CLIP is good on the near
/// domain and bad on the far ones, although its features separate their classes; strategies trained
/// task after task forget, and untrained ones do not; replay of generated embeddings comes close to
/// joint training on all real ones.
#[test]
fn zero_shot_accuracy_drops_with_distance_coop_forgets_and_cgil_does_not() {
    nearest_class_mean();
    let dir = Dir::new();
    let scenario = root().join("scenarios/quickstart.yaml");
    let args = "--seed 1996 -j 2 --out out".split(' ');
    let args = ["run", scenario.to_str().unwrap()].into_iter().chain(args);
    dir.clbench(args).succeeds();
    let means = Means::read(&dir, "out/leaderboard.csv");
    let faa = |domain: &str, strategy: &str| means.of(domain, strategy, "faa");
    assert!(faa("plain", "zero-shot") > 70.0);
    assert!(faa("negative", "zero-shot") < 15.0);
    let far = ["recoloured", "sketch", "negative", "digits"];
    for domain in far {
        assert!(
            faa(domain, "linear-head-joint") > faa(domain, "zero-shot") + 15.0,
            "{domain}"
        );
    }
    let domains = far.iter().chain(&["plain", "overall"]);
    for domain in domains {
        assert_eq!(means.of(domain, "zero-shot", "forgetting-all"), 0.0);
        assert_eq!(means.get(domain, "linear-head", "ci-transfer"), None);
        assert!(means.of(domain, "linear-head", "forgetting-seen") > 50.0);
    }
    assert!(means.of("overall", "coop", "forgetting-all") > 0.0);
    assert!(faa("overall", "coop") > faa("overall", "zero-shot"));
    for cgil in ["cgil", "cgil-reference"] {
        assert!(faa("overall", cgil) > faa("overall", "coop") + 20.0);
        assert!(faa("overall", cgil) > faa("overall", "prompt-tuning-joint") - 6.0);
        assert!(means.of("overall", cgil, "forgetting-seen") < 8.0);
    }
    // A trained head on prompted images is better than one on frozen features, but cannot score
    // unseen classes.
    assert!(faa("overall", "l2p") > faa("overall", "linear-head") + 10.0);
    assert_eq!(means.get("overall", "l2p", "ci-transfer"), None);
    // Before the last task, longer text features let unseen classes win nearly everywhere.
    assert!(means.of("overall", "cgil-reference", "forgetting-all") < -50.0);
    assert_eq!(
        means.get("overall", "prompt-tuning-joint", "ci-transfer"),
        None
    );
}

/// The quickstart with the path of its weights changed to the tiny CLIP of the fixtures.
fn on_the_tiny_clip(dir: &Dir) -> PathBuf {
    const LINE: &str = "    parameters: { path: ../plugins/clip/weights/small }";
    let scenario = fs::read_to_string(root().join("scenarios/quickstart.yaml")).unwrap();
    assert_eq!(scenario.matches(LINE).count(), 1);
    let changed = scenario
        .replace(LINE, "    parameters: { path: tiny-clip }")
        // The scenario has moved to another folder, but the stand-alone plugin's file has not.
        .replace("../tests/", &format!("{}/tests/", root().display()));
    dir.write("quickstart.yaml", changed);
    tiny_clip_folder(dir, "coop")
}

/// To use other CLIP weights, only the path has to be changed.
#[test]
fn other_weights_need_one_changed_line() {
    nearest_class_mean();
    let dir = Dir::new();
    on_the_tiny_clip(&dir);
    let args = "run quickstart.yaml --seed 1992 --limit 2 -j 2 --out out";
    dir.clbench(args.split(' ')).succeeds();
    let means = Means::read(&dir, "out/leaderboard.csv");
    for strategy in [
        "zero-shot",
        "coop",
        "cgil",
        "l2p",
        "nearest-class-mean",
        "linear-head",
    ] {
        assert!(
            means.get("overall", strategy, "faa").is_some(),
            "{strategy}"
        );
    }
    // These rows come from random weights, not from those in the repository.
    assert!(means.of("plain", "zero-shot", "faa") < 30.0);
}

#[test]
fn damaged_weights_end_the_run_before_its_first_cell() {
    let dir = Dir::new();
    let weights = on_the_tiny_clip(&dir).join("model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() - 1]).unwrap();
    let outcome = dir
        .clbench("run quickstart.yaml --out out".split(' '))
        .outcome();
    expect![[r#"
        error: plugin BUILD/libclbench_clip.so: backbone `clip`: DIR/tiny-clip/model.safetensors: the data are truncated: expected 1061124 bytes, found 1061123, so tensor `visual_projection.weight` is incomplete; copy or download the file again
    "#]].assert_eq(&outcome.stderr);
    assert_eq!(outcome.code, 4);
    assert!(!dir.path("out/cells").exists());
}
