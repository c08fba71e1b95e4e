//! The layouts of published data sets, end to end: every layout, written by the tools that real
//! data sets are written with (`fixtures/layouts/make.py`), gives a leaderboard; a published split
//! gives the same results with each of them; and damage is reported, with exit code 4.

use crate::tables::{files, rows};
use clbench_tests::{Dir, nearest_class_mean, root};
use expect_test::{Expect, expect};
use std::fs;
use std::path::Path;

/// A scenario of two tasks on one domain.
fn scenario(domain: &str) -> String {
    format!(
        "seeds: [1]\n\
         stream: {{tasks: 2, class_order: {{numpy: 3}}}}\n\
         domains: {{sky: {{{domain}}}}}\n\
         backbones: {{pixels: {{parameters: {{size: 4}}}}}}\n\
         strategies: {{nearest-class-mean: {{plugin: {}}}}}\n",
        nearest_class_mean().display()
    )
}

/// Copies a folder recursively.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.unwrap().file_name()),
        );
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// A folder with copies of fixtures and a scenario that uses them.
pub fn prepared(fixtures: &[&str], domain: &str) -> Dir {
    let dir = Dir::new();
    for fixture in fixtures {
        copy(
            &root().join("tests/fixtures/layouts").join(fixture),
            &dir.path(fixture),
        );
    }
    dir.write("s.yaml", scenario(domain));
    dir
}

/// Runs the scenario and returns the final average accuracy.
fn accuracy(dir: &Dir) -> String {
    dir.clbench(["run", "s.yaml"]).succeeds();
    let rows = rows(&dir.path("results/runs/s/leaderboard.csv"));
    let faa = rows
        .iter()
        .find(|row| row["domain"] == "sky" && row["metric"] == "faa");
    faa.unwrap()["mean"].clone()
}

/// What `validate` prints about the domain, and the accuracy.
fn said(fixtures: &[&str], domain: &str) -> String {
    let dir = prepared(fixtures, domain);
    let validated = dir.clbench(["validate", "s.yaml"]).succeeds().stdout;
    let lines = validated.lines().skip(1).map(str::trim);
    let domain: String = lines.map(|line| format!("{line}\n")).collect();
    format!("{domain}accuracy {}\n", accuracy(&dir))
}

fn runs(fixtures: &[&str], domain: &str, expected: Expect) {
    expected.assert_eq(&said(fixtures, domain));
}

const CLASSES: &str = "classes: lists/classes.yaml";

/// One list in three formats.
#[test]
fn file_lists() {
    let [zhou, csv, coda] = [
        "lists/split_zhou_Sky.json",
        "lists/split.csv",
        "{train: lists/sky_train.yaml, test: lists/sky_test.yaml}",
    ]
    .map(|split| {
        let domain = format!("source: file-list, path: folder, split: {split}, {CLASSES}");
        said(&["folder", "lists"], &domain)
    });
    expect![[r#"
        domain sky: 4 classes, 12 train, 8 test, split 1d1cf39af2fc
        noon, night, dawn, dusk
        accuracy 87.500000
    "#]]
    .assert_eq(&zhou);
    assert_eq!((&zhou, &zhou), (&csv, &coda));
}

#[test]
fn a_list_without_a_reference_list() {
    // CoOp's format has names and numbers.
    runs(
        &["folder", "lists"],
        "source: image-folder, path: folder, split: {file: lists/split_zhou_Sky.json, val: train}",
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split 1d1cf39af2fc
            noon, night, dawn, dusk
            accuracy 87.500000
        "#]],
    );
    // Names without numbers are in natural order.
    runs(
        &["folder", "lists"],
        "source: image-folder, path: folder, split: lists/split.csv",
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split a93c98219f98
            n01, n02, n03, n04
            accuracy 87.500000
        "#]],
    );
    // CODA-Prompt's format has only numbers.
    runs(
        &["folder", "lists"],
        "source: file-list, path: folder, split: {train: lists/sky_train.yaml, test: lists/sky_test.yaml}",
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split a7e9fb338693
            0, 1, 2, 3
            accuracy 87.500000
        "#]],
    );
}

#[test]
fn parquet() {
    runs(
        &["parquet"],
        "source: parquet, path: parquet/data",
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split 23d6a3e5934e
            n01, n02, n03, n04
            accuracy 87.500000
        "#]],
    );
    runs(
        &["parquet", "lists"],
        &format!(
            "source: parquet, {CLASSES}, path: {{train: parquet/data/train-*.parquet, test: \
             [parquet/data/test-00000-of-00001.parquet]}}"
        ),
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split 95f851e21c1e
            noon, night, dawn, dusk
            accuracy 87.500000
        "#]],
    );
    runs(
        &["parquet"],
        "source: parquet, path: parquet/renamed, columns: {image: img, label: fine_label}, classes: [noon, night, dawn, dusk]",
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split dca56b3e5548
            noon, night, dawn, dusk
            accuracy 87.500000
        "#]],
    );
}

#[test]
fn webdataset() {
    runs(
        &["webdataset"],
        "source: webdataset, path: webdataset, classes: [noon, night, dawn, dusk]",
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split 1d1cf39af2fc
            noon, night, dawn, dusk
            accuracy 87.500000
        "#]],
    );
}

#[test]
fn cub() {
    runs(
        &["cub"],
        "source: cub, path: cub/CUB_200_2011",
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split 8d450a12b96e
            Dawn sky, Dusk sky, Night sky, Noon sky
            accuracy 87.500000
        "#]],
    );
    runs(
        &["cub"],
        "source: cub, path: cub/CUB_200_2011, classes: [{name: noon, key: 4}, {name: night, key: 003.Night_sky}, \
         {name: dawn, key: 001.Dawn_sky}, {name: dusk, key: 002.Dusk_sky}]",
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split 01abf17ec40e
            noon, night, dawn, dusk
            accuracy 87.500000
        "#]],
    );
}

/// Classes called `001`, `002`, `003` and `010`, in every form in which a list may call them.
#[test]
fn padded_class_words() {
    let words = [
        ("n01", "010"),
        ("n02", "003"),
        ("n03", "002"),
        ("n04", "001"),
    ];
    let dir = Dir::new();
    let layouts = root().join("tests/fixtures/layouts");
    let read = |file: &str| fs::read_to_string(layouts.join(file)).unwrap();
    let mut csv = read("lists/split.csv");
    for (key, word) in words {
        copy(
            &layouts.join("folder").join(key),
            &dir.path("sky").join(word),
        );
        csv = csv.replace(key, word);
    }
    dir.write("split.csv", &csv);
    for split in ["train", "test"] {
        let rows = csv.lines().filter(|line| line.ends_with(split));
        let rows: Vec<Vec<&str>> = rows.map(|line| line.split(',').collect()).collect();
        let column = |at: usize| rows.iter().map(move |row| format!("- {}\n", row[at]));
        let (data, targets) = (column(0).collect::<String>(), column(1).collect::<String>());
        // Without quotes, YAML reads `010` as text and would read `10` as a number.
        dir.write(
            &format!("{split}.yaml"),
            format!("data:\n{data}targets:\n{targets}"),
        );
    }
    let sources = ["file-list", "image-folder"];
    let splits = ["split.csv", "{train: train.yaml, test: test.yaml}"];
    let names = "classes: [{name: noon, key: '001'}, {name: dawn, key: 002}, {name: dusk, key: 3}, {name: night, key: '010'}]";
    for (classes, expected) in [
        (names, "noon, dawn, dusk, night"),
        ("", "001, 002, 003, 010"),
    ] {
        for (source, split) in sources.iter().flat_map(|s| splits.map(|split| (s, split))) {
            let keys = format!("source: {source}, path: sky, split: {split}, {classes}");
            dir.write("s.yaml", scenario(keys.trim_end_matches(", ")));
            let said = dir.clbench(["validate", "s.yaml"]).succeeds().stdout;
            assert_eq!(said.lines().nth(2).unwrap().trim(), expected, "{keys}");
            assert_eq!(accuracy(&dir), "87.500000", "{keys}");
            fs::remove_dir_all(dir.path("results")).unwrap();
        }
    }
}

/// Every text file may begin with a byte-order mark.
#[test]
fn byte_order_marks() {
    const UTF_8: &[u8] = b"\xef\xbb\xbf";
    let mark = |dir: &Dir, files: &[&str], mark: &[u8]| {
        for file in files {
            edit(dir, file, |bytes| {
                bytes.splice(..0, mark.iter().copied());
            });
        }
    };
    let cub = "cub/CUB_200_2011/";
    let [cub_1, cub_2, cub_3, cub_4] = [
        "images",
        "classes",
        "image_class_labels",
        "train_test_split",
    ]
    .map(|name| format!("{cub}{name}.txt"));
    let cases: [(&[&str], &str, &[&str]); 6] = [
        (
            &["folder", "lists"],
            "source: file-list, path: folder, split: lists/split_zhou_Sky.json, classes: lists/classes.yaml",
            &["lists/split_zhou_Sky.json", "lists/classes.yaml"],
        ),
        (
            &["folder", "lists"],
            "source: file-list, path: folder, split: lists/split.csv, classes: lists/classes.yaml",
            &["lists/split.csv"],
        ),
        (
            &["folder", "lists"],
            "source: file-list, path: folder, split: {train: lists/sky_train.yaml, test: lists/sky_test.yaml}",
            &["lists/sky_train.yaml", "lists/sky_test.yaml"],
        ),
        (
            &["webdataset"],
            "source: webdataset, path: webdataset, classes: c.txt",
            &["c.txt"],
        ),
        (
            &["webdataset"],
            "source: webdataset, path: webdataset, classes: c.json",
            &["c.json"],
        ),
        (
            &["cub"],
            "source: cub, path: cub/CUB_200_2011",
            &[&cub_1, &cub_2, &cub_3, &cub_4],
        ),
    ];
    for (fixtures, domain, files) in cases {
        let dir = prepared(fixtures, domain);
        dir.write("c.txt", "noon\nnight\ndawn\ndusk\n");
        dir.write("c.json", r#"["noon", "night", "dawn", "dusk"]"#);
        let validate = || dir.clbench(["validate", "s.yaml"]);
        let plain = validate().succeeds().stdout;
        mark(&dir, files, UTF_8);
        mark(&dir, &["s.yaml"], UTF_8);
        assert_eq!(validate().succeeds().stdout, plain, "{domain}");
        for file in files {
            let before = fs::read(dir.path(file)).unwrap();
            mark(&dir, &[file], b"\xff\xfe");
            let outcome = validate().outcome();
            assert_eq!(
                (outcome.code, outcome.stderr.as_str()),
                (
                    4,
                    &*format!(
                        "error: domain `sky`: DIR/{file}: line 1: UTF-16 text; save the file as UTF-8\n"
                    )
                )
            );
            fs::write(dir.path(file), before).unwrap();
        }
    }
    // Whatever a scenario begins with.
    let dir = prepared(&["folder"], "source: digits");
    let plain = fs::read_to_string(dir.path("s.yaml")).unwrap();
    for text in [
        format!("# comment\n{plain}"),
        format!("---\n{plain}"),
        plain.replace('\n', "\r\n"),
        // The domains first.
        plain.lines().rev().collect::<Vec<_>>().join("\n"),
    ] {
        dir.write("s.yaml", format!("\u{feff}{text}"));
        dir.clbench(["validate", "s.yaml"]).succeeds();
    }
    dir.write("s.yaml", "");
    mark(&dir, &["s.yaml"], b"\xff\xfes\0");
    let outcome = dir.clbench(["validate", "s.yaml"]).outcome();
    expect![[r#"
        error: s.yaml:1: the file is UTF-16 text; save the file as UTF-8
    "#]]
    .assert_eq(&outcome.stderr);
}

/// `validate` cannot know what reads them; `plan` and `run` know whether there is a text encoder.
#[test]
fn class_names_without_words() {
    let dir = prepared(
        &["folder", "lists"],
        "source: file-list, path: folder, split: {train: lists/sky_train.yaml, test: lists/sky_test.yaml}",
    );
    let warning = "warning: s.yaml:3: domains.sky: 4 of 4 classes have names without words: `0`, `1`, `2` and 1 more. A \
                   strategy that reads class names reads \"a photo of a 0\". To give them names, list them in \
                   `classes`, as in `{name: …, key: 0}`\n";
    let plan = || dir.clbench(["plan", "s.yaml"]).succeeds().stderr;
    assert_eq!(
        dir.clbench(["validate", "s.yaml"]).succeeds().stderr,
        warning
    );
    assert_eq!(plan(), "");
    let text = fs::read_to_string(dir.path("s.yaml")).unwrap();
    let pixels = "{pixels: {parameters: {size: 4}}}";
    assert!(text.contains(pixels));
    let clip = format!(
        "{{clip: {{parameters: {{path: {}}}}}}}",
        root().join("plugins/clip/weights/small").display()
    );
    dir.write("s.yaml", text.replace(pixels, &clip));
    assert_eq!(
        dir.clbench(["validate", "s.yaml"]).succeeds().stderr,
        warning
    );
    assert_eq!(plan(), warning);
}

#[test]
fn webp() {
    // The same pixels as PNG files and as lossless WebP files give the same results.
    let dir = prepared(
        &["folder", "lists"],
        &format!("source: file-list, path: folder, split: lists/split.csv, {CLASSES}"),
    );
    let mut results = Vec::new();
    for ending in ["png", "webp"] {
        for key in ["n01", "n02", "n03", "n04"] {
            for entry in fs::read_dir(dir.path("folder").join(key)).unwrap() {
                let path = entry.unwrap().path();
                let pixels = image::open(&path).unwrap().into_rgb8();
                fs::remove_file(&path).unwrap();
                pixels.save(path.with_extension(ending)).unwrap();
            }
        }
        let list = fs::read_to_string(dir.path("lists/split.csv")).unwrap();
        let list = list.replace(".jpg", "").replace(".png", "");
        dir.write("lists/split.csv", list);
        accuracy(&dir);
        results.push(fs::read_to_string(dir.path("results/runs/s/accuracy.csv")).unwrap());
        fs::remove_dir_all(dir.path("results")).unwrap();
    }
    // Only the images' bytes are not the same.
    let [png, webp] = [0, 1].map(|at| {
        let digest = results[at]
            .lines()
            .nth(1)
            .unwrap()
            .split(',')
            .nth(4)
            .unwrap();
        results[at].replace(digest, "DIGEST")
    });
    assert_eq!(png, webp);
    assert_ne!(results[0], results[1]);
}

#[test]
fn listed_images_in_formats_that_are_not_read() {
    refused(
        &["folder", "lists"],
        &format!("source: file-list, path: folder, split: lists/split.csv, {CLASSES}"),
        |dir| {
            for name in ["dusk_1.png", "dawn_1.png"] {
                let gif = name.replace(".png", ".gif");
                replace(dir, "lists/split.csv", name, &gif);
            }
        },
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: line 6: `n03/dawn_1.gif`: .gif images are not supported (one of 2 images in such formats); convert them to PNG, JPEG or WebP, and list the converted files
        "#]],
    );
}

#[test]
fn parquet_files_with_a_codec_that_is_not_supported() {
    refused(
        &["parquet"],
        "source: parquet, path: parquet/brotli, columns: {image: img, label: fine_label}",
        |_| {},
        expect![[r#"
            error: domain `sky`: DIR/parquet/brotli/sky_train.parquet: its columns are compressed with brotli, which is not supported; write the file again with zstd or snappy, as in `pyarrow.parquet.write_table(table, path, compression="zstd")`
        "#]],
    );
}

#[test]
fn cars() {
    runs(
        &["cars"],
        "source: cars, path: cars",
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split 2a6c54cdcb83
            Noon Sky 2012, Night Sky 2012, Dawn Sky 2012, Dusk Sky 2012
            accuracy 87.500000
        "#]],
    );
}

#[test]
fn isic() {
    let classes = "leave_out: [NV], classes: [{name: noon, key: MEL}, {name: night, key: BCC}, {name: dawn, key: AKIEC}, \
                   {name: dusk, key: BKL}]";
    runs(
        &["isic"],
        &format!("source: isic, path: isic, {classes}"),
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split 592f9fdabfaf
            noon, night, dawn, dusk
            accuracy 87.500000
        "#]],
    );
    // HAM10000's metadata has the same classes in lower case, and no split.
    let classes = classes
        .replace("NV", "nv")
        .replace("MEL", "mel")
        .replace("BCC", "bcc");
    let classes = classes.replace("AKIEC", "akiec").replace("BKL", "bkl");
    runs(
        &["isic", "lists"],
        &format!(
            "source: isic, path: isic, labels: lists/ham_metadata.csv, split: lists/ham_split.csv, {classes}"
        ),
        expect![[r#"
            domain sky: 4 classes, 12 train, 8 test, split 359cc355ce12
            noon, night, dawn, dusk
            accuracy 87.500000
        "#]],
    );
}

/// A mistake that `validate` and `run` find on opening: one message, exit code 4, nothing started.
/// The first fixture is the folder with the images.
fn refused(fixtures: &[&str], domain: &str, damage: impl FnOnce(&Dir), message: Expect) {
    let dir = prepared(fixtures, domain);
    damage(&dir);
    let run = dir.clbench(["run", "s.yaml"]).outcome();
    message.assert_eq(&run.stderr);
    assert_eq!((run.code, run.stdout.as_str()), (4, ""));
    let validated = dir.clbench(["validate", "s.yaml"]).outcome();
    if dir.path(fixtures[0]).exists() {
        assert_eq!((validated.code, validated.stderr), (4, run.stderr));
    } else {
        // A scenario can be checked before its images have been downloaded.
        assert!(
            validated
                .stdout
                .contains("domain `sky`: its images are missing")
        );
    }
    assert_eq!(files(&dir.path("results")), [""; 0]);
}

/// Damage inside an image, which is found on decoding: one message, exit code 4, no record.
fn fails(fixtures: &[&str], domain: &str, damage: impl FnOnce(&Dir), message: Expect) {
    let dir = prepared(fixtures, domain);
    damage(&dir);
    dir.clbench(["validate", "s.yaml"]).succeeds();
    let run = dir.clbench(["run", "s.yaml"]).outcome();
    message.assert_eq(run.stderr.lines().next().unwrap_or_default());
    assert_eq!((run.code, run.stdout.as_str()), (4, ""));
    assert_eq!(
        files(&dir.path("results/runs/s")),
        ["features.log", "plan.jsonl", "run.json"]
    );
}

/// Changes a file's bytes.
fn edit(dir: &Dir, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = dir.path(file);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Changes the first occurrence of a text in a file.
fn replace(dir: &Dir, file: &str, from: &str, to: &str) {
    edit(dir, file, |bytes| {
        let text = String::from_utf8(std::mem::take(bytes)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        *bytes = text.replacen(from, to, 1).into_bytes();
    });
}

/// Truncates a file.
fn cut(dir: &Dir, file: &str, by: usize) {
    edit(dir, file, |bytes| bytes.truncate(bytes.len() - by));
}

/// Overwrites the last bytes of the first JPEG image after `from`, which then ends inside its data.
fn spoil_jpeg(bytes: &mut [u8], from: usize) {
    let find = |bytes: &[u8], wanted: &[u8]| {
        let mut windows = bytes.windows(wanted.len());
        windows.position(|window| window == wanted).unwrap()
    };
    let start = from + find(&bytes[from..], b"\xff\xd8\xff");
    let end = start + find(&bytes[start..], b"\xff\xd9");
    bytes[end - 20..end + 2].fill(0);
}

#[test]
fn broken_lists() {
    let refused = |split: &str, damage: fn(&Dir), message| {
        let domain = format!("source: file-list, path: folder, split: {split}, {CLASSES}");
        refused(&["folder", "lists"], &domain, damage, message);
    };
    let json = "lists/split_zhou_Sky.json";
    let csv = "lists/split.csv";
    let yaml = "{train: lists/sky_train.yaml, test: lists/sky_test.yaml}";
    // A missing file; a missing folder; a missing list.
    refused(
        json,
        |dir| fs::remove_file(dir.path("folder/n01/night_4.jpg")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/lists/split_zhou_Sky.json: test[5]: image `n01/night_4.jpg` not found below DIR/folder; copy the missing images, or use the split list that matches these images
        "#]],
    );
    refused(
        yaml,
        |dir| fs::remove_dir_all(dir.path("folder")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/folder: folder not found; check the domain's `path`, or put the files there
        "#]],
    );
    refused(
        csv,
        |dir| fs::remove_file(dir.path("lists/split.csv")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: cannot be read: No such file or directory (os error 2)
        "#]],
    );
    // Another extension; two images with the same name; one image twice.
    refused(
        json,
        |dir| {
            let path = dir.path("folder/n01/night_4.jpg");
            fs::rename(&path, path.with_extension("png")).unwrap();
        },
        expect![[r#"
            error: domain `sky`: DIR/lists/split_zhou_Sky.json: test[5]: image `n01/night_4.jpg` not found below DIR/folder (did you mean `n01/night_4.png`?); copy the missing images, or use the split list that matches these images
        "#]],
    );
    refused(
        csv,
        |dir| {
            fs::create_dir(dir.path("folder/old")).unwrap();
            copy(&dir.path("folder/n01"), &dir.path("folder/old/n01"));
            fs::create_dir(dir.path("folder/new")).unwrap();
            fs::rename(dir.path("folder/n01"), dir.path("folder/new/n01")).unwrap();
        },
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: line 5: `n01/night_0.jpg` matches both DIR/folder/new/n01/night_0.jpg and DIR/folder/old/n01/night_0.jpg; write more of its folders in the list, or remove one of the images
        "#]],
    );
    refused(
        csv,
        |dir| replace(dir, "lists/split.csv", "night_4.jpg", "night_3.jpg"),
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: line 19: `n01/night_3.jpg` matches DIR/folder/n01/night_3.jpg, as does `n01/night_3.jpg` (DIR/lists/split.csv: line 18); list every image once
        "#]],
    );
    // A label without a class; an empty class.
    refused(
        csv,
        |dir| replace(dir, "lists/split.csv", ",n01,", ",n07,"),
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: line 5: class `n07` is not in `classes`; add it there (with `key: n07` if its name differs), or to `leave_out`; did you mean `n04`?
        "#]],
    );
    refused(
        yaml,
        |dir| replace(dir, "lists/sky_test.yaml", "targets:\n- ", "targets:\n- 1"),
        expect![[r#"
            error: domain `sky`: DIR/lists/sky_test.yaml: data[0]: label 13 is out of range: labels must be 0 to 3 (number of classes: 4); list every class, or fix the label
        "#]],
    );
    refused(
        csv,
        |dir| {
            dir.write("lists/classes.yaml", "[noon, night, dawn, dusk]");
        },
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: line 2: class `n04` is not in `classes`; add it there (with `key: n04` if its name differs), or to `leave_out`; the choices are `noon`, `night`, `dawn`, `dusk`
        "#]],
    );
    refused(
        yaml,
        |dir| {
            dir.write("lists/classes.yaml", "[noon, night, dawn, dusk, fog]");
        },
        expect![[r#"
            error: domain `sky`: DIR/lists/sky_train.yaml: class `fog` has no train samples; add some, or remove the class
        "#]],
    );
    refused(
        yaml,
        |dir| replace(dir, "lists/classes.yaml", "- name: noon", "- nom: noon"),
        expect![[r#"
            error: domain `sky`: DIR/lists/classes.yaml: .[0]: unknown field `nom`, expected `name` or `key` at line 1 column 3; write a list of class names, or of `{name: …, key: …}` entries
        "#]],
    );
    // Malformed lists.
    refused(
        csv,
        |dir| replace(dir, "lists/split.csv", "file,class", "path,class"),
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: line 1: column `file` not found; rename the right column to `file`; the choices are `path`, `class`, `split`
        "#]],
    );
    refused(
        csv,
        |dir| replace(dir, "lists/split.csv", ",train", ",training"),
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: line 2: unknown split `training`; write `train`, `val` or `test`
        "#]],
    );
    refused(
        json,
        |dir| cut(dir, "lists/split_zhou_Sky.json", 9),
        expect![[r#"
            error: domain `sky`: DIR/lists/split_zhou_Sky.json: EOF while parsing a list at line 104 column 9; write the list as {"train": [[file, label, class name], …], "test": […]}
        "#]],
    );
    refused(
        yaml,
        |dir| cut(dir, "lists/sky_test.yaml", 4),
        expect![[r#"
        error: domain `sky`: DIR/lists/sky_test.yaml: `data` and `targets` must have the same length, but have 8 and 7 entries; copy the list again
    "#]],
    );
    refused(
        "lists/sky_test.yaml",
        |_| {},
        expect![[r#"
        error: domain `sky`: DIR/lists/sky_test.yaml: a YAML split list holds only one split; write `split: {train: …, test: …}` with one file for each
    "#]],
    );
}

#[test]
fn lists_that_do_not_match_the_images() {
    let domain = format!("source: image-folder, path: folder, split: lists/split.csv, {CLASSES}");
    refused(
        &["folder", "lists"],
        &domain,
        |dir| {
            replace(
                dir,
                "lists/split.csv",
                "n01/night_4.jpg,n01",
                "n01/night_4.jpg,n02",
            )
        },
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: line 19: listed as class `dusk`, but DIR/folder/n01/night_4.jpg has class `night`; use the split list that matches these images, or fix `classes`
        "#]],
    );
    // A class that no image has cannot be left out.
    refused(
        &["folder", "lists"],
        &format!("{domain}, leave_out: [n05]"),
        |_| {},
        expect![[r#"
            error: domain `sky`: DIR/lists/split.csv: `leave_out` names class `n05`, but no image has it; remove it from `leave_out`, or fix its name
        "#]],
    );
    // A class that is not listed must be left out explicitly.
    refused(
        &["isic"],
        "source: isic, path: isic, classes: [{name: noon, key: MEL}, {name: night, key: BCC}, {name: dawn, key: AKIEC}, \
         {name: dusk, key: BKL}]",
        |_| {},
        expect![[r#"
            error: domain `sky`: DIR/isic: class `NV` is not in `classes`; add it there (with `key: NV` if its name differs), or to `leave_out`; the choices are `MEL`, `BCC`, `AKIEC`, `BKL`
        "#]],
    );
}

#[test]
fn broken_images_in_folders() {
    let domain = format!("source: file-list, path: folder, split: lists/split.csv, {CLASSES}");
    refused(
        &["folder", "lists"],
        &domain,
        |dir| edit(dir, "folder/n02/dusk_3.jpg", Vec::clear),
        expect![[r#"
            error: domain `sky`: DIR/folder/n02/dusk_3.jpg: the file is empty; copy it again, or delete it
        "#]],
    );
    fails(
        &["folder", "lists"],
        &domain,
        |dir| cut(dir, "folder/n02/dusk_3.jpg", 10),
        expect![
            "error: domain `sky`: DIR/folder/n02/dusk_3.jpg: damaged image (the file ends inside the image); copy it again, or delete it"
        ],
    );
}

#[test]
fn broken_parquet() {
    let domain = "source: parquet, path: parquet/data";
    let refused =
        |domain: &str, damage: fn(&Dir), message| refused(&["parquet"], domain, damage, message);
    let test = "parquet/data/test-00000-of-00001.parquet";
    refused(
        &format!("{domain}, columns: {{image: img}}"),
        |_| {},
        expect![[r#"
            error: domain `sky`: DIR/parquet/data/train-00000-of-00002.parquet: column `img` not found; name the right column with `columns: {image: …}`; the choices are `image`, `label`
        "#]],
    );
    refused(
        &format!("{domain}, columns: {{image: labels}}"),
        |_| {},
        expect![[r#"
            error: domain `sky`: DIR/parquet/data/train-00000-of-00002.parquet: column `labels` not found; name the right column with `columns: {image: …}`; did you mean `label`?
        "#]],
    );
    refused(
        &format!("{domain}, columns: {{label: image}}"),
        |_| {},
        expect![[r#"
            error: domain `sky`: DIR/parquet/data/train-00000-of-00002.parquet: column `image` contains neither whole numbers nor text; name another column with `columns: {label: …}`
        "#]],
    );
    refused(
        domain,
        |dir| cut(dir, "parquet/data/test-00000-of-00001.parquet", 100),
        expect![[r#"
            error: domain `sky`: DIR/parquet/data/test-00000-of-00001.parquet: not a parquet file, or truncated (Parquet error: Invalid Parquet file. Corrupt footer); copy it again
        "#]],
    );
    refused(
        domain,
        |dir| edit(dir, "parquet/data/test-00000-of-00001.parquet", Vec::clear),
        expect![[r#"
            error: domain `sky`: DIR/parquet/data/test-00000-of-00001.parquet: the file is empty; copy it again, or delete it
        "#]],
    );
    refused(
        domain,
        |dir| fs::remove_file(dir.path("parquet/data/train-00001-of-00002.parquet")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/parquet/data/train-00001-of-00002.parquet: shard not found (found 1 of 2); copy it again
        "#]],
    );
    refused(
        domain,
        |dir| fs::remove_file(dir.path("parquet/data/test-00000-of-00001.parquet")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/parquet/data: class `n01` has no test samples; add some, or remove the class
        "#]],
    );
    refused(
        &format!(
            "{domain}, classes: [{{name: noon, key: n04}}, {{name: night, key: n01}}, {{name: dawn, key: n03}}]"
        ),
        |_| {},
        expect![[r#"
            error: domain `sky`: DIR/parquet/data: class `n02` is not in `classes`; add it there (with `key: n02` if its name differs), or to `leave_out`; did you mean `n04`?
        "#]],
    );
    fails(
        &["parquet"],
        domain,
        |dir| edit(dir, test, |bytes| spoil_jpeg(bytes, 0)),
        expect![
            "error: domain `sky`: DIR/parquet/data/test-00000-of-00001.parquet: row 0 (dusk_3.jpg): damaged image (the file ends inside the image); copy it again, or delete it"
        ],
    );
}

#[test]
fn broken_tar_shards() {
    let domain = "source: webdataset, path: webdataset, classes: [noon, night, dawn, dusk]";
    let refused =
        |domain: &str, damage: fn(&Dir), message| refused(&["webdataset"], domain, damage, message);
    // Inside an image; after a member; inside a header.
    refused(
        domain,
        |dir| {
            edit(dir, "webdataset/train-000001.tar", |bytes| {
                bytes.truncate(900)
            })
        },
        expect![[r#"
            error: domain `sky`: DIR/webdataset/train-000001.tar: the archive is truncated inside `n03/dawn_0.jpg`, which has 388 of 651 bytes; copy it again
        "#]],
    );
    refused(
        domain,
        |dir| {
            edit(dir, "webdataset/train-000001.tar", |bytes| {
                bytes.truncate(1536)
            })
        },
        expect![[r#"
            error: domain `sky`: DIR/webdataset/train-000001.tar: the archive is truncated: its end marker is missing; copy it again
        "#]],
    );
    refused(
        domain,
        |dir| {
            edit(dir, "webdataset/train-000001.tar", |bytes| {
                bytes.truncate(1600)
            })
        },
        expect![[r#"
            error: domain `sky`: DIR/webdataset/train-000001.tar: damaged tar archive (failed to read entire block); copy it again
        "#]],
    );
    refused(
        domain,
        |dir| edit(dir, "webdataset/test-000000.tar", Vec::clear),
        expect![[r#"
            error: domain `sky`: DIR/webdataset/test-000000.tar: the file is empty; copy it again, or delete it
        "#]],
    );
    refused(
        domain,
        |dir| {
            edit(dir, "webdataset/test-000000.tar", |bytes| {
                bytes.splice(..2, [0x1f, 0x8b]);
            });
        },
        expect![[r#"
            error: domain `sky`: DIR/webdataset/test-000000.tar: the file is gzipped, so its images cannot be read individually; unpack it with `gunzip` (the images are compressed already)
        "#]],
    );
    refused(
        "source: webdataset, path: webdataset, classes: [noon, night, dawn]",
        |_| {},
        expect![[r#"
            error: domain `sky`: DIR/webdataset/train-000000.tar: n02/dusk_2.jpg: label 3 is out of range: labels must be 0 to 2 (number of classes: 3); list every class, or fix the label
        "#]],
    );
    fails(
        &["webdataset"],
        domain,
        |dir| {
            edit(dir, "webdataset/test-000000.tar", |bytes| {
                spoil_jpeg(bytes, 0)
            })
        },
        expect![
            "error: domain `sky`: DIR/webdataset/test-000000.tar: n02/dusk_3.jpg: damaged image (the file ends inside the image); copy it again, or delete it"
        ],
    );
}

#[test]
fn broken_cub() {
    let refused = |damage: fn(&Dir), message| {
        refused(
            &["cub"],
            "source: cub, path: cub/CUB_200_2011",
            damage,
            message,
        );
    };
    refused(
        |dir| {
            fs::remove_file(dir.path("cub/CUB_200_2011/images/003.Night_sky/night_4.jpg")).unwrap()
        },
        expect![[r#"
            error: domain `sky`: DIR/cub/CUB_200_2011/images/003.Night_sky/night_4.jpg: cannot be read: No such file or directory (os error 2)
        "#]],
    );
    refused(
        |dir| fs::remove_file(dir.path("cub/CUB_200_2011/classes.txt")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/cub/CUB_200_2011/classes.txt: cannot be read: No such file or directory (os error 2)
        "#]],
    );
    refused(
        |dir| {
            replace(
                dir,
                "cub/CUB_200_2011/image_class_labels.txt",
                "\n7 2",
                "\n7 9",
            )
        },
        expect![[r#"
            error: domain `sky`: DIR/cub/CUB_200_2011/image_class_labels.txt: line 7: DIR/cub/CUB_200_2011/classes.txt has no entry 9; copy the text files again
        "#]],
    );
    refused(
        |dir| {
            replace(
                dir,
                "cub/CUB_200_2011/train_test_split.txt",
                "\n7 ",
                "\n77 ",
            )
        },
        expect![[r#"
            error: domain `sky`: DIR/cub/CUB_200_2011/train_test_split.txt: line 7: image 77 is not in DIR/cub/CUB_200_2011/images.txt; copy the text files again
        "#]],
    );
    refused(
        |dir| {
            replace(
                dir,
                "cub/CUB_200_2011/classes.txt",
                "002.Dusk_sky",
                "001.Dawn_sky",
            )
        },
        expect![[r#"
            error: domain `sky`: DIR/cub/CUB_200_2011: class name `001.Dawn_sky` is used twice (for 1 and 2); give every class one unique name
        "#]],
    );
}

#[test]
fn broken_cars() {
    let refused =
        |damage: fn(&Dir), message| refused(&["cars"], "source: cars, path: cars", damage, message);
    refused(
        |dir| fs::remove_file(dir.path("cars/cars_train/00003.jpg")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/cars/cars_train/00003.jpg: cannot be read: No such file or directory (os error 2)
        "#]],
    );
    refused(
        |dir| fs::remove_file(dir.path("cars/cars_test_annos_withlabels.mat")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/cars/devkit/cars_test_annos_withlabels.mat: file not found (cars_test_annos.mat, which comes with the images, has no labels); download it and put it there
        "#]],
    );
    refused(
        |dir| cut(dir, "cars/cars_test_annos_withlabels.mat", 50),
        expect![[r#"
            error: domain `sky`: DIR/cars/cars_test_annos_withlabels.mat: the file is truncated; copy the devkit again
        "#]],
    );
    refused(
        |dir| cut(dir, "cars/devkit/cars_train_annos.mat", 50),
        expect![[r#"
            error: domain `sky`: DIR/cars/devkit/cars_train_annos.mat: the file is truncated; copy the devkit again
        "#]],
    );
    refused(
        |dir| {
            let test = dir.path("cars/cars_test_annos_withlabels.mat");
            fs::copy(test, dir.path("cars/devkit/cars_meta.mat")).unwrap();
        },
        expect![[r#"
            error: domain `sky`: DIR/cars/devkit/cars_meta.mat: cell array `class_names` not found; copy the devkit again
        "#]],
    );
    refused(
        |dir| {
            dir.write(
                "cars/devkit/cars_meta.mat",
                format!("MATLAB 7.3 MAT-file{:200}", ""),
            );
        },
        expect![[r#"
            error: domain `sky`: DIR/cars/devkit/cars_meta.mat: this is a MATLAB 7.3 (HDF5) file, but the published files are version 5; copy the devkit again
        "#]],
    );
}

#[test]
fn broken_isic() {
    let domain = "source: isic, path: isic, leave_out: [NV]";
    let refused = |damage: fn(&Dir), message| refused(&["isic"], domain, damage, message);
    refused(
        |dir| fs::remove_file(dir.path("isic/ISIC2018_Task3_Test_Input/ISIC_0000013.jpg")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/isic/ISIC2018_Task3_Test_GroundTruth.csv: line 3: image `ISIC_0000013` not found below DIR/isic; copy it again
        "#]],
    );
    refused(
        |dir| {
            let from = dir.path("isic/ISIC2018_Task3_Test_Input/ISIC_0000013.jpg");
            fs::copy(from, dir.path("isic/ISIC_0000013.png")).unwrap();
        },
        expect![[r#"
            error: domain `sky`: DIR/isic/ISIC2018_Task3_Test_GroundTruth.csv: line 3: image `ISIC_0000013` exists twice, as `ISIC2018_Task3_Test_Input/ISIC_0000013.jpg` and `ISIC_0000013.png`; remove one of them
        "#]],
    );
    refused(
        |dir| {
            replace(
                dir,
                "isic/ISIC2018_Task3_Test_GroundTruth.csv",
                "1.0",
                "0.0",
            )
        },
        expect![[r#"
            error: domain `sky`: DIR/isic/ISIC2018_Task3_Test_GroundTruth.csv: line 2: `ISIC_0000012` must have exactly one class marked with 1.0, but has 0; fix the row
        "#]],
    );
    refused(
        |dir| {
            replace(
                dir,
                "isic/ISIC2018_Task3_Test_GroundTruth.csv",
                "image,",
                "id,",
            )
        },
        expect![[r#"
            error: domain `sky`: DIR/isic/ISIC2018_Task3_Test_GroundTruth.csv: line 1: column `image` not found; rename the right column to `image`; the choices are `id`, `MEL`, `NV`, `BCC`, `AKIEC`, `BKL`
        "#]],
    );
    refused(
        |dir| fs::remove_file(dir.path("isic/ISIC2018_Task3_Test_GroundTruth.csv")).unwrap(),
        expect![[r#"
            error: domain `sky`: DIR/isic: this source does not say which images are train and which are test; add `split:` with a split list or a random draw
        "#]],
    );
    refused(
        |dir| {
            fs::remove_file(dir.path("isic/ISIC2018_Task3_Test_GroundTruth.csv")).unwrap();
            fs::remove_file(dir.path("isic/ISIC2018_Task3_Training_GroundTruth.csv")).unwrap();
        },
        expect![[r#"
            error: domain `sky`: DIR/isic: neither ISIC2018_Task3_Training_GroundTruth.csv nor HAM10000_metadata.csv found; name the table with `labels:`, or one for each split with `labels: {train: …, test: …}`
        "#]],
    );
}

/// A published split gives the same split hash, class order and numbers, byte for byte, with every
/// layout of the images and in every list format.
#[test]
fn one_split_gives_the_same_results_with_every_layout() {
    let copies = [
        "source: file-list, path: folder",
        "source: image-folder, path: folder",
        "source: parquet, path: parquet/data",
        "source: parquet, path: 'parquet/data/*.parquet'",
        "source: webdataset, path: webdataset",
    ];
    let dir = prepared(&["folder", "parquet", "webdataset", "lists"], copies[0]);
    let published = rows(&dir.path("lists/split.csv"));
    let names = ["noon", "night", "dawn", "dusk"];
    let keys = ["n04", "n01", "n03", "n02"];
    let mut known = Vec::new();
    for seed in 0..4 {
        // A different split for every seed: each class's images are shuffled, the first go to the
        // train split, the rest to the test split.
        let order = harness_random::shuffled(published.len(), seed);
        let images = order
            .iter()
            .map(|&at| (&published[at]["file"], &published[at]["class"]));
        let mut split: [Vec<(&str, usize)>; 2] = Default::default();
        let mut seen = [0; 4];
        for (file, class) in images {
            let label = keys.iter().position(|key| key == class).unwrap();
            seen[label] += 1;
            split[usize::from(seen[label] > 2 + seed as usize % 2)].push((file, label));
        }
        let mut csv = "file,class,split\n".to_owned();
        for (part, word) in split.iter().zip(["train", "test"]) {
            let lines = part
                .iter()
                .map(|(file, label)| format!("./sky/{file},{},{word}\n", keys[*label]));
            csv.extend(lines);
            let data: Vec<String> = part
                .iter()
                .map(|(file, _)| format!("/mnt/sky/{file}"))
                .collect();
            let targets: Vec<usize> = part.iter().map(|(_, label)| *label).collect();
            let yaml = serde_json::json!({"data": data, "targets": targets});
            dir.write(&format!("lists/{word}.yaml"), yaml.to_string());
        }
        dir.write("lists/own.csv", csv);
        let zhou = |part: &Vec<(&str, usize)>| -> Vec<serde_json::Value> {
            let entry =
                |&(file, label): &(&str, usize)| serde_json::json!([file, label, names[label]]);
            part.iter().map(entry).collect()
        };
        // CoOp's format has the names of the classes.
        let zhou =
            serde_json::json!({"train": zhou(&split[0]), "val": [], "test": zhou(&split[1])});
        dir.write("lists/own.json", zhou.to_string());
        let lists = [
            (CLASSES, "lists/own.csv"),
            (CLASSES, "{train: lists/train.yaml, test: lists/test.yaml}"),
            ("classes: [noon, night, dawn, dusk]", "lists/own.json"),
        ];
        let mut first = None;
        for (copy, (classes, list)) in copies
            .iter()
            .flat_map(|copy| lists.map(|list| (copy, list)))
        {
            dir.write(
                "s.yaml",
                scenario(&format!("{copy}, split: {list}, {classes}")),
            );
            dir.clbench(["run", "s.yaml"]).succeeds();
            let numbers = fs::read_to_string(dir.path("results/runs/s/accuracy.csv")).unwrap();
            let first = first.get_or_insert_with(|| numbers.clone());
            assert_eq!(first, &numbers, "seed {seed}, {list} over {copy}");
            fs::remove_dir_all(dir.path("results")).unwrap();
        }
        known.push(first.unwrap());
    }
    // Different splits have different hashes.
    let hashes: Vec<&str> = known
        .iter()
        .filter_map(|csv| csv.lines().nth(1)?.split(',').nth(3))
        .collect();
    for (at, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..at].contains(hash), "{hashes:?}");
    }
}
