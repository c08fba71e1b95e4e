//! Domains that are drawn or read from files, end to end: valid ones give a leaderboard, and damage
//! gives a message, exit code 4 and no incomplete files.

use crate::tables::{files, rows};
use clbench_tests::{Dir, fashion_mnist, nearest_class_mean};
use expect_test::{Expect, expect};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{GrayImage, Luma};
use std::fs;
use std::io::Write;
use std::path::Path;

/// The classes of the miniature domains, each with one brightness.
const CLASSES: [(&str, u8); 4] = [("night", 0), ("dusk", 80), ("dawn", 160), ("noon", 240)];
/// Samples of each class.
const SPLITS: [(&str, u8); 2] = [("train", 3), ("test", 2)];

/// A scenario of two tasks on one domain.
fn scenario(domain: &str) -> String {
    format!(
        "seeds: [1]\n\
         stream: {{tasks: 2}}\n\
         domains: {{sky: {domain}}}\n\
         backbones: {{pixels: {{parameters: {{size: 4}}}}}}\n\
         strategies: {{nearest-class-mean: {{plugin: {}}}}}\n",
        nearest_class_mean().display()
    )
}

/// A class's image number `i`.
fn picture(level: u8, i: u8) -> GrayImage {
    GrayImage::from_fn(6, 5, |x, y| Luma([level + i + (x + y) as u8]))
}

fn image_folder(dir: &Dir) {
    for (class, level) in CLASSES {
        for (split, n) in SPLITS {
            let folder = dir.path(&format!("images/{split}/{class}"));
            fs::create_dir_all(&folder).unwrap();
            for i in 0..n {
                picture(level, i)
                    .save(folder.join(format!("{i}.png")))
                    .unwrap();
            }
        }
    }
    let jpeg = dir.path("images/train/noon/extra.JPG");
    picture(240, 1)
        .save_with_format(jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    dir.write("s.yaml", scenario("{source: image-folder, path: images}"));
}

/// An IDX file: big-endian header, then the bytes.
fn idx(magic: u32, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let header = [magic].into_iter().chain(sizes.iter().copied());
    let mut bytes: Vec<u8> = header.flat_map(u32::to_be_bytes).collect();
    bytes.extend(data);
    bytes
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn idx_labels(split_size: u8) -> Vec<u8> {
    (0..4)
        .flat_map(|label| vec![label; split_size.into()])
        .collect()
}

/// Train files gzipped, test files plain.
fn idx_folder(dir: &Dir) {
    for ((_, n), name) in SPLITS.into_iter().zip(["train", "t10k"]) {
        let pixels: Vec<u8> = CLASSES
            .iter()
            .flat_map(|&(_, level)| (0..n).flat_map(move |i| picture(level, i).into_raw()))
            .collect();
        let labels = idx_labels(n);
        let count = labels.len() as u32;
        let images = idx(0x803, &[count, 5, 6], &pixels);
        let labels = idx(0x801, &[count], &labels);
        for (file, bytes) in [("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)] {
            if name == "train" {
                dir.write(&format!("images/{name}-{file}.gz"), gzipped(&bytes));
            } else {
                dir.write(&format!("images/{name}-{file}"), bytes);
            }
        }
    }
    dir.write(
        "s.yaml",
        scenario("{source: idx, path: images, classes: [night, dusk, dawn, noon]}"),
    );
}

/// Runs the scenario and returns the final average accuracy.
fn accuracy(dir: &Dir) -> String {
    let outcome = dir.clbench(["run", "s.yaml"]).succeeds();
    assert!(
        outcome.stdout.contains("nearest-class-mean"),
        "{}",
        outcome.stdout
    );
    let rows = rows(&dir.path("results/runs/s/leaderboard.csv"));
    let faa = rows
        .iter()
        .find(|row| row["domain"] == "sky" && row["metric"] == "faa");
    faa.unwrap()["mean"].clone()
}

#[test]
fn an_image_folder() {
    let dir = Dir::new();
    image_folder(&dir);
    expect![[r#"
        s.yaml is valid: 1 stream × 1 strategy row × 1 seed = 1 cell
          domain sky: 4 classes, 13 train, 8 test, split 5f923149f73d
            dawn, dusk, night, noon
    "#]]
    .assert_eq(&dir.clbench(["validate", "s.yaml"]).succeeds().stdout);
    assert_eq!(accuracy(&dir), "100.000000");
}

#[test]
fn idx_files() {
    let dir = Dir::new();
    idx_folder(&dir);
    expect![[r#"
        s.yaml is valid: 1 stream × 1 strategy row × 1 seed = 1 cell
          domain sky: 4 classes, 12 train, 8 test, split 470ecb2826d0
            night, dusk, dawn, noon
    "#]]
    .assert_eq(&dir.clbench(["validate", "s.yaml"]).succeeds().stdout);
    assert_eq!(accuracy(&dir), "100.000000");
    // The names that the scenario gives, by label.
    let plan = dir.clbench(["plan", "--json", "s.yaml"]).succeeds().stdout;
    assert!(
        plan.contains(r#""classes":["night","dusk","dawn","noon"]"#),
        "{plan}"
    );
}

/// `run` reports damage with exit code 4, and so does `validate` if it shows on opening. Nothing is
/// started, and once the damage is repaired the run succeeds.
fn damaged(make: fn(&Dir), damage: impl FnOnce(&Path), message: Expect) {
    let dir = Dir::new();
    make(&dir);
    damage(&dir.path("images"));
    let there = dir.path("images").exists();
    let validated = dir.clbench(["validate", "s.yaml"]).outcome();
    let run = dir.clbench(["run", "s.yaml"]).outcome();
    message.assert_eq(&run.stderr);
    assert_eq!((run.code, run.stdout.as_str()), (4, ""));
    if there {
        assert_eq!((validated.code, &validated.stderr), (4, &run.stderr));
    } else {
        // A scenario can be checked before its images have been downloaded.
        assert!(
            validated
                .stdout
                .contains("domain `sky`: its images are missing")
        );
    }
    assert_eq!(files(&dir.path("results")), [""; 0]);
    assert_eq!(files(&dir.path("cache")), [""; 0]);

    let _ = fs::remove_dir_all(dir.path("images"));
    make(&dir);
    assert_eq!(accuracy(&dir), "100.000000");
}

#[test]
fn pictures() {
    let dir = Dir::new();
    dir.write(
        "s.yaml",
        scenario("{source: pictures, style: recoloured}").replace("size: 4", "size: 8"),
    );
    expect![[r#"
        s.yaml is valid: 1 stream × 1 strategy row × 1 seed = 1 cell
          domain sky: 40 classes, 2400 train, 1000 test, split f1b377b42656
            red dotted ring, orange checkered crescent, yellow solid bolt, green striped oval, cyan dotted hourglass, blue checkered circle, purple solid triangle, white striped star, red striped heart, orange dotted arrow, yellow checkered drop, green solid chevron, cyan striped frame, blue dotted square, purple checkered diamond, white solid plus, red solid crescent, orange striped bolt, yellow dotted oval, green checkered hourglass, … and 20 more
    "#]].assert_eq(&dir.clbench(["validate", "s.yaml"]).succeeds().stdout);
    // Colours are enough to tell many of the 40 classes apart.
    assert_eq!(accuracy(&dir), "39.600000");
}

// Every message is pinned next to the code that makes it; these are samples of how they reach the
// user.

#[test]
fn damaged_image_folders() {
    let damaged = |damage: fn(&Path), message| damaged(image_folder, damage, message);
    damaged(
        |root| fs::remove_dir_all(root).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/images/train: folder not found; an image folder needs train/<class>/ and test/<class>/
        "#]],
    );
    damaged(
        |root| fs::remove_dir_all(root.join("test/dusk")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/images/test/dusk: class `dusk` has train samples but no test samples; add this folder with images, or remove the class from the train split
        "#]],
    );
}

/// Damage after an image's header shows only when its features are computed.
#[test]
fn a_damaged_image_is_not_skipped() {
    let dir = Dir::new();
    image_folder(&dir);
    let path = dir.path("images/test/dusk/0.png");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    dir.clbench(["validate", "s.yaml"]).succeeds();
    let run = dir.clbench(["run", "s.yaml"]).outcome();
    expect![[r#"
        error: domain `sky`: DIR/images/test/dusk/0.png: damaged image (unexpected end of file); copy it again, or delete it
            log: results/runs/s/features.log
    "#]].assert_eq(&run.stderr);
    assert_eq!((run.code, run.stdout.as_str()), (4, ""));
    // No record, no table, no features: only the plan and the log.
    assert_eq!(
        files(&dir.path("results/runs/s")),
        ["features.log", "plan.jsonl", "run.json"]
    );
    assert_eq!(files(&dir.path("cache")), [""; 0]);

    fs::write(&path, whole).unwrap();
    assert_eq!(accuracy(&dir), "100.000000");
}

#[test]
fn damaged_idx_files() {
    let damaged = |damage: fn(&Path), message| damaged(idx_folder, damage, message);
    damaged(
        |root| fs::remove_dir_all(root).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/images: folder not found; check the domain's `path`, or put the files there
        "#]],
    );
    damaged(
        |root| {
            let path = root.join("train-images-idx3-ubyte.gz");
            let whole = fs::read(&path).unwrap();
            fs::write(path, &whole[..whole.len() / 2]).unwrap();
        },
        expect![[r#"
            error: domain `sky`: DIR/images/train-images-idx3-ubyte.gz: damaged gzip data (incomplete deflate stream); copy it again
        "#]],
    );
}

#[test]
fn the_real_fashion_mnist() {
    let Some(folder) = fashion_mnist() else {
        return;
    };
    let dir = Dir::new();
    dir.write(
        "s.yaml",
        scenario(&format!("{{source: idx, path: {}}}", folder.display())),
    );
    expect![[r#"
        s.yaml is valid: 1 stream × 1 strategy row × 1 seed = 1 cell
          domain sky: 10 classes, 60000 train, 10000 test, split fe709d154eae
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9
    "#]]
    .assert_eq(&dir.clbench(["validate", "s.yaml"]).succeeds().stdout);
    dir.clbench([
        "run",
        "s.yaml",
        "--limit",
        "20",
        "--set",
        "backbones.pixels.size=28",
    ])
    .succeeds();
    let results = rows(&dir.path("results/runs/s/accuracy.csv"));
    let last: Vec<&str> = results
        .iter()
        .filter(|row| row["after_task"] == "2")
        .flat_map(|row| [&*row["n"], &*row["seen_correct"]])
        .collect();
    assert_eq!(last, ["100", "65", "100", "69"]);
}
