//! No number is shown for images, or for a record, that did not make it.

use crate::layouts::{copy, prepared};
use crate::tables::{files, rows};
use clbench_tests::Dir;
use expect_test::expect;
use std::fs;
use std::path::Path;

const FOLDER: &str = "source: image-folder, path: folder, split: lists/split.csv";

/// Runs the scenario with this cache, and returns what it printed on standard error.
fn run(dir: &Dir, cache: &str, out: &str) -> String {
    let args = ["run", "s.yaml", "--out", out];
    let outcome = dir.clbench(args).env("CLBENCH_CACHE", dir.path(cache));
    outcome.succeeds().stderr
}

/// Everything that the run's records say, except costs.
fn numbers(dir: &Dir, out: &str) -> [String; 3] {
    ["accuracy", "metrics", "leaderboard"]
        .map(|table| fs::read_to_string(dir.path(out).join(table).with_extension("csv")).unwrap())
}

/// Makes every JPEG image in a file darker or brighter, and leaves the file's size and modification
/// time as they are.
fn repaint(path: &Path) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    // A quantisation table: two bytes of marker, two of length, one of its number.
    let tables: Vec<usize> = bytes
        .windows(2)
        .enumerate()
        .filter_map(|(at, marker)| (marker == [0xff, 0xdb]).then_some(at + 5))
        .collect();
    assert!(!tables.is_empty(), "{} has JPEG images", path.display());
    for at in tables {
        bytes[at] = if bytes[at] == 40 { 1 } else { 40 };
    }
    fs::write(path, bytes).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

/// In files of their own, in tar shards and in parquet; with everything cached that can be.
#[test]
fn repainted_images_give_what_a_fresh_folder_gives() {
    let test_images = |dir: &Dir, layout: &str| -> Vec<String> {
        let named = |file: &String| match layout {
            "folder" => file.ends_with(".jpg"),
            _ => file.contains("test"),
        };
        files(&dir.path(layout)).into_iter().filter(named).collect()
    };
    for (layout, domain) in [
        ("folder", FOLDER),
        ("webdataset", "source: webdataset, path: webdataset"),
        ("parquet", "source: parquet, path: parquet/data"),
    ] {
        let dir = prepared(&[layout, "lists"], domain);
        run(&dir, "warm", "out");
        let before = numbers(&dir, "out");
        assert!(run(&dir, "warm", "out").contains("1 of 1 cells already have results"));
        let paths = test_images(&dir, layout).into_iter();
        let paths: Vec<_> = paths.map(|image| dir.path(layout).join(image)).collect();
        let originals = paths.iter().map(|path| (path, fs::read(path).unwrap()));
        let originals: Vec<_> = originals.collect();
        for path in &paths {
            repaint(path);
        }
        let said = run(&dir, "warm", "out");
        let why = "sky · nearest-class-mean · seed 1: its record was made from other images; running it again";
        assert!(said.contains(why), "{layout}: {said}");
        run(&dir, "cold", "fresh");
        assert_eq!(numbers(&dir, "out"), numbers(&dir, "fresh"), "{layout}");
        assert_ne!(numbers(&dir, "out"), before, "{layout}");
        // And back again: what was known of the old images is still true.
        for (path, bytes) in originals {
            fs::write(path, bytes).unwrap();
        }
        run(&dir, "warm", "out");
        assert_eq!(numbers(&dir, "out"), before, "{layout}");
    }
}

#[test]
fn rows_of_different_images_never_share_a_table() {
    let dir = prepared(&["folder", "lists"], FOLDER);
    run(&dir, "cache", "one");
    repaint(&dir.path("folder/n01/night_0.jpg"));
    run(&dir, "cache", "two");
    let digests: Vec<String> = ["one", "two"]
        .map(|out| rows(&dir.path(out).join("metrics.csv"))[0]["content_digest"].clone())
        .to_vec();
    assert_ne!(digests[0], digests[1]);
    let both = dir.clbench(["leaderboard", "one", "two"]).succeeds().stdout;
    let heads: Vec<&str> = both
        .lines()
        .filter(|line| line.starts_with("sky"))
        .collect();
    let head = |digest: &str| format!("sky (split a93c98219f98, images {})", &digest[..12]);
    assert_eq!(heads, [head(&digests[0]), head(&digests[1])]);
    assert!(
        both.contains("stream sky was run in two versions"),
        "{both}"
    );
}

#[test]
fn copies_share_features() {
    let dir = prepared(&["folder", "lists"], FOLDER);
    run(&dir, "cache", "one");
    let features = || {
        let cached = files(&dir.path("cache/features"));
        cached
            .into_iter()
            .filter(|file| file.ends_with(".features"))
            .collect::<Vec<_>>()
    };
    let first = features();
    copy(&dir.path("folder"), &dir.path("copy"));
    let scenario = fs::read_to_string(dir.path("s.yaml")).unwrap();
    dir.write("s.yaml", scenario.replace("path: folder", "path: copy"));
    run(&dir, "cache", "two");
    assert_eq!(features(), first);
    assert_eq!(numbers(&dir, "one"), numbers(&dir, "two"));
}

#[test]
fn the_expected_content() {
    let dir = prepared(&["folder", "lists"], FOLDER);
    run(&dir, "cache", "one");
    let digest = rows(&dir.path("one/metrics.csv"))[0]["content_digest"].clone();
    let scenario = fs::read_to_string(dir.path("s.yaml")).unwrap();
    let expecting = |digest: &str| {
        let domain = format!("split: lists/split.csv, expect: {{content: {digest}}}");
        dir.write(
            "s.yaml",
            scenario.replace("split: lists/split.csv", &domain),
        );
    };
    expecting(&digest[..20]);
    run(&dir, "cache", "two");
    dir.clbench(["data", "verify", "s.yaml"]).succeeds();
    repaint(&dir.path("folder/n01/night_0.jpg"));
    let refused = dir.clbench(["run", "s.yaml", "--out", "three"]).outcome();
    expect![[r#"
        4error: domain `sky` does not match its `expect`: content cd0e8925b00f, expected c70196d85c31; run `clbench data verify s.yaml` for details, or change `expect` to use the data as it is
    "#]].assert_eq(&format!("{}{}", refused.code, refused.stderr));
    let verified = dir.clbench(["data", "verify", "s.yaml"]).outcome();
    let line = verified
        .stdout
        .lines()
        .find(|line| line.contains("content"))
        .unwrap();
    expect!["  content                    c70196d85c31  cd0e8925b00f  FAILED"].assert_eq(line);
    // A part of the images cannot be what is expected of all.
    let limited = ["run", "s.yaml", "--out", "four", "--limit", "1"];
    dir.clbench(limited).succeeds();
}

#[test]
fn an_edited_record_is_reported_and_made_again() {
    let dir = prepared(&["folder", "lists"], FOLDER);
    run(&dir, "cache", "out");
    let before = numbers(&dir, "out");
    let cells = files(&dir.path("out/cells"));
    let record = cells.iter().find(|name| name.ends_with(".json")).unwrap();
    let path = dir.path("out/cells").join(record);
    let text = fs::read_to_string(&path).unwrap();
    let mut edited: serde_json::Value = serde_json::from_str(&text).unwrap();
    edited["matrices"]["seen"][2][1] = 0.into();
    fs::write(&path, edited.to_string()).unwrap();
    let shown = dir.clbench(["leaderboard", "out"]).outcome();
    expect![[r#"
        4
        error: cell record `out/cells/ID.json` is damaged: its checksum does not match its content, so it was changed after it was written
        delete the file and run the scenario again; only this cell is recomputed
    "#]]
    .assert_eq(&format!(
        "{}\n{}",
        shown.code,
        shown.stderr.replace(record.as_str(), "ID.json")
    ));
    let said = run(&dir, "cache", "out");
    let why =
        "sky · nearest-class-mean · seed 1: its record is damaged or was changed; running it again";
    assert!(said.contains(why), "{said}");
    assert_eq!(numbers(&dir, "out"), before);
}
