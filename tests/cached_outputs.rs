//! Backbone outputs that are computed once for the strategies that read them, end to end:
//! strategies get exactly what the backbone returns, and impossible requests are reported before
//! the first cell.

use crate::tables::files;
use clbench_tests::{Dir, Outcome, misbehaving, root};
use expect_test::expect;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

/// A scenario on the small CLIP with these strategies, a line each, and one more backbone.
fn scenario(dir: &Dir, backbone: &str, strategies: &[&str]) {
    let clip = root().join("plugins/clip/weights/small");
    let lines: String = strategies
        .iter()
        .map(|line| format!("  {line}\n"))
        .collect();
    if !dir.path("plugins").exists() {
        fs::create_dir(dir.path("plugins")).unwrap();
        symlink(misbehaving(), dir.path("plugins/libmisbehaving.so")).unwrap();
    }
    dir.write(
        "s.yaml",
        format!(
            "seeds: [1]\n\
             stream: {{tasks: 5}}\n\
             domains: {{digits: {{source: digits}}}}\n\
             backbones:\n  clip: {{parameters: {{path: {}}}}}\n  other: {backbone}\n\
             strategies:\n{lines}",
            clip.display()
        ),
    );
}

const PIXELS: &str = "{use: pixels, parameters: {size: 8}}";
const HEAD: &str = "head: {use: linear-head, backbone: clip, parameters: {epochs: 1}}";
const READER: &str = "reader: {backbone: clip, parameters: {declares: [class_token], reads: class_token, width: 128}}";

fn run(dir: &Dir, cache: &str, more: &[&str]) -> Outcome {
    let args = ["run", "s.yaml", "--limit", "8", "--plugin-dir", "plugins"];
    dir.clbench(args.iter().chain(more))
        .env("CLBENCH_CACHE", dir.path(cache))
        .outcome()
}

fn succeeds(dir: &Dir, cache: &str, more: &[&str]) -> Outcome {
    let outcome = run(dir, cache, more);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome
}

/// The feature files of a cache, by name.
fn features(dir: &Dir, cache: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = dir.path(cache).join("features");
    files(&folder)
        .into_iter()
        .filter(|name| name.ends_with(".features"))
        .map(|name| (name.clone(), fs::read(folder.join(name)).unwrap()))
        .collect()
}

/// The lines about features that were computed before the cells, without their times.
fn feature_lines(outcome: &Outcome) -> Vec<&str> {
    let lines = outcome.stderr.lines();
    lines
        .filter(|line| line.contains("features of"))
        .map(|line| line.rsplit_once("  ").unwrap().0)
        .collect()
}

#[test]
fn a_strategy_reads_what_the_backbone_returns_and_all_of_it_is_computed_in_one_pass() {
    let dir = Dir::new();
    let again = READER.replacen("reader:", "again: {use: reader,", 1);
    let again = again.replacen(", {backbone", ", backbone", 1);
    let embedding = "plain: {use: reader, backbone: clip, parameters: {width: 128}}";
    scenario(&dir, PIXELS, &[HEAD, READER, &again, embedding]);

    // The first cell reads no output, but those that others read are computed with its features.
    let whole = succeeds(&dir, "together", &["--out", "together"]);
    assert_eq!(
        feature_lines(&whole),
        ["digits · features of clip (also class_token)"]
    );
    let together = features(&dir, "together");
    assert_eq!(
        together.len(),
        2,
        "one file for the embedding, one for the class token"
    );

    // The embedding does not depend on the outputs computed with it, and is not recomputed for
    // later ones.
    let alone = succeeds(&dir, "apart", &["--only", "head", "--out", "alone"]);
    assert_eq!(feature_lines(&alone), ["digits · features of clip"]);
    let embedding = features(&dir, "apart");
    assert_eq!(embedding.len(), 1);
    succeeds(&dir, "apart", &["--out", "apart"]);
    assert!(features(&dir, "apart") == together);
    let leaderboard = |out: &str| fs::read_to_string(dir.path(out).join("leaderboard.csv"));
    assert_eq!(
        leaderboard("apart").unwrap(),
        leaderboard("together").unwrap()
    );

    // A damaged file is recomputed, and reported once.
    let name = together.keys().find(|name| !embedding.contains_key(*name));
    let path = dir.path("together/features").join(name.unwrap());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let repaired = succeeds(&dir, "together", &["--out", "repaired"]);
    assert_eq!(
        repaired.stderr.matches("is damaged").count(),
        1,
        "{}",
        repaired.stderr
    );
    assert!(features(&dir, "together") == together);
}

#[test]
fn a_plan_line_is_enough_to_compute_the_outputs_it_reads() {
    let dir = Dir::new();
    scenario(&dir, PIXELS, &[READER]);
    let plan = [
        "plan",
        "s.yaml",
        "--json",
        "--limit",
        "8",
        "--plugin-dir",
        "plugins",
    ];
    // The raw output, since an outcome would shorten its paths.
    let line = dir.clbench(plan).start().wait_with_output().unwrap().stdout;
    let text = String::from_utf8(line.clone()).unwrap();
    assert_eq!(
        text.matches("class_token").count(),
        2,
        "only in its parameters: {text}"
    );
    let line = dir.write("line.json", line);
    dir.clbench(["cell", "--out", "alone"])
        .input(&line)
        .succeeds();
    assert_eq!(features(&dir, "cache").len(), 2);
    assert!(
        files(&dir.path("alone/cells"))
            .iter()
            .any(|name| name.ends_with(".json"))
    );
}

#[test]
fn impossible_outputs_are_reported_before_the_first_cell() {
    let dir = Dir::new();
    let mut said = String::new();
    let mut tell = |backbone: &str, strategy: &str| {
        scenario(&dir, backbone, &[HEAD, strategy]);
        let outcome = run(&dir, "cache", &["--out", "out"]);
        assert_eq!(
            (outcome.code, &outcome.stdout[..]),
            (3, ""),
            "{}",
            outcome.stderr
        );
        assert!(files(&dir.path("out/cells")).is_empty());
        let error = outcome.stderr.find("error: ").unwrap();
        said += &outcome.stderr[error..];
    };
    let other =
        "reader: {backbone: other, parameters: {declares: [class_token], reads: class_token}}";
    tell(PIXELS, other);
    tell(
        PIXELS,
        "reader: {backbone: clip, parameters: {declares: [class_token, queries]}}",
    );
    tell(
        PIXELS,
        "reader: {backbone: clip, parameters: {declares: [tokens]}}",
    );
    tell("{use: nan-class-token}", other);
    tell("{use: uneven-class-token}", other);
    expect![[r#"
        error: strategy `reader`: it reads output `class_token`, but backbone `other` offers `embedding`; use a backbone that offers `class_token`
        error: strategy `reader`: it reads output `queries`, but backbone `clip` offers `embedding`, `class_token`, `tokens`, `prompts`; use a backbone that offers `queries`
        error: plugin BUILD/libclbench_clip.so: backbone `clip`: output `tokens` of 64 images has shape [64, 17, 128]; strategies can only read outputs with one row per image, [images, width]
            log: out/features.log
        error: plugin BUILD/examples/libmisbehaving.so: backbone `nan-class-token`: output `class_token` of `0000` contains an infinite or NaN value
            log: out/features.log
        error: plugin BUILD/examples/libmisbehaving.so: backbone `uneven-class-token`: output `class_token` should have shape [1, 2], not [1, 3]
            log: out/features.log
    "#]].assert_eq(&said);
}

#[test]
fn undeclared_outputs_are_refused() {
    let dir = Dir::new();
    scenario(
        &dir,
        PIXELS,
        &[
            "undeclared: {use: reader, backbone: clip, parameters: {reads: class_token}}",
            "unknown: {use: reader, backbone: clip, parameters: {reads: queries}}",
        ],
    );
    let outcome = run(&dir, "cache", &["--out", "out"]);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    let failures = outcome
        .stderr
        .lines()
        .filter_map(|line| line.split_once("failed: "));
    let failures: Vec<&str> = failures.map(|(_, why)| why).collect();
    expect![[r#"
        plugin BUILD/examples/libmisbehaving.so: strategy `reader`: the output `class_token` was not declared; name it in `Declaration::reads`
        plugin BUILD/examples/libmisbehaving.so: strategy `reader`: backbone 0 has no output `queries`"#]].assert_eq(&failures.join("\n"));
}

#[test]
fn augmentation_changes_training_images_and_nothing_that_is_cached() {
    let dir = Dir::new();
    let reads = "declares: [class_token], reads: class_token";
    let other = "backbone: other, parameters: {augmented: true}";
    scenario(
        &dir,
        PIXELS,
        &[
            &format!("reader: {{backbone: clip, parameters: {{{reads}, augmented: true}}}}"),
            &format!("second: {{use: reader, {other}}}"),
        ],
    );
    // The reader compares the cached outputs with those of the plain images, and the training
    // images with the plain ones.
    let augmentation = "stream.augmentation=random-resized-crop-and-flip";
    succeeds(
        &dir,
        "cache",
        &["--set", augmentation, "--out", "augmented"],
    );
    let kept = features(&dir, "cache");
    let plain = run(&dir, "cache", &["--out", "plain"]);
    let expected = "differ from the originals, differ between draws, same for the same draw: [false, false, true]";
    assert_eq!(
        plain.stderr.matches(expected).count(),
        2,
        "{}",
        plain.stderr
    );
    assert!(features(&dir, "cache") == kept);
}
