//! The quickstart beside the comparison, and with other weights.

use crate::leaderboard::Means;
use clbench_tests::{Dir, root, tiny_clip_folder};
use expect_test::expect;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The quickstart's figures are the comparison's: a row that is tuned again in one of the two files
/// has to be changed in the other.
#[test]
fn every_cell_is_one_of_the_comparison() {
    let dir = Dir::new();
    let planned = |name: &str| {
        let scenario = root().join("scenarios").join(name);
        let plan = dir.clbench(["plan", scenario.to_str().unwrap()]).succeeds();
        let lines = plan.stdout.lines();
        // An id, then what it is.
        let ids = lines.map(|line| line.split(' ').next().unwrap().to_owned());
        ids.collect::<BTreeSet<_>>()
    };
    let quickstart = planned("quickstart.yaml");
    let comparison = planned("comparison.yaml");
    assert_eq!(quickstart.len(), 54);
    let others: Vec<_> = quickstart.difference(&comparison).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// The quickstart with the path of its weights changed to the tiny CLIP of the fixtures.
fn on_the_tiny_clip(dir: &Dir) -> PathBuf {
    const LINE: &str = "    parameters: { path: ../plugins/clip/weights/small }";
    let scenario = fs::read_to_string(root().join("scenarios/quickstart.yaml")).unwrap();
    assert_eq!(scenario.matches(LINE).count(), 1);
    dir.write(
        "quickstart.yaml",
        scenario.replace(LINE, "    parameters: { path: tiny-clip }"),
    );
    tiny_clip_folder(dir, "coop")
}

/// To use other CLIP weights, only the path has to be changed.
#[test]
fn other_weights_need_one_changed_line() {
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
    assert!(means.of("recoloured", "zero-shot", "faa") < 20.0);
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
