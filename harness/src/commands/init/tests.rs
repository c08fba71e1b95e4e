use super::*;
use expect_test::{Expect, expect};
use image::{Rgb, RgbImage};
use std::fs;
use tempfile::TempDir;

/// A folder named `flowers` with these files: images, or text if the name says so.
fn flowers(files: &[&str]) -> TempDir {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("flowers");
    fs::create_dir(&dir).unwrap();
    for file in files {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match path.extension().is_some_and(|ending| ending == "png") {
            true => RgbImage::from_pixel(2, 2, Rgb([1, 2, 3]))
                .save(path)
                .unwrap(),
            false => fs::write(path, "text").unwrap(),
        }
    }
    home
}

/// `0.png` to `4.png` in each folder.
fn fives(folders: &[&str]) -> Vec<String> {
    let files = |folder: &&str| {
        (0..5)
            .map(|n| format!("{folder}/{n}.png"))
            .collect::<Vec<_>>()
    };
    folders.iter().flat_map(files).collect()
}

fn five_each(folders: &[&str], more: &[&str]) -> TempDir {
    let files = fives(folders);
    let files: Vec<_> = files
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
        .collect();
    flowers(&files)
}

/// What init says about the folder, a valid scenario being left behind or nothing at all.
fn said(home: &TempDir) -> String {
    let dir = home.path().join("flowers");
    let before = fs::read_dir(&dir).map_or(0, Iterator::count);
    let said = match written(&dir, None) {
        Ok(said) => {
            check(&dir.join("scenario.yaml")).unwrap();
            said
        }
        Err(error) => {
            assert_eq!(
                fs::read_dir(&dir).map_or(0, Iterator::count),
                before,
                "{error}"
            );
            format!("error {}: {error}\n", error.exit_code() as u8)
        }
    };
    said.replace(home.path().to_str().unwrap(), "HOME")
}

fn says(home: &TempDir, expected: Expect) {
    expected.assert_eq(&said(home));
}

fn read(home: &TempDir, file: &str) -> String {
    fs::read_to_string(home.path().join("flowers").join(file)).unwrap()
}

#[test]
fn train_and_test_are_used_as_they_are() {
    let home = five_each(
        &["train/rose", "train/daisy", "test/rose", "test/daisy"],
        &["README", "train/.DS_Store"],
    );
    says(
        &home,
        expect![[r#"
        Found 2 classes in HOME/flowers: daisy, rose
        Wrote HOME/flowers/scenario.yaml
          10 training images, 10 test images
        Next:
          clbench validate HOME/flowers/scenario.yaml
          clbench run HOME/flowers/scenario.yaml
    "#]],
    );
    let checkout = shipped::checkout().unwrap();
    let yaml = read(&home, "scenario.yaml").replace(checkout.to_str().unwrap(), "CHECKOUT");
    expect![[r##"
        # yaml-language-server: $schema=CHECKOUT/scenarios/scenario.schema.json
        #
        # Continual-learning strategies on the images in flowers.
        #
        #   clbench validate scenario.yaml    checks this file and the images
        #   clbench run scenario.yaml         runs it; an interrupted run resumes

        # The version of this format.
        format: 1
        # Results go to results/runs/flowers/.
        name: flowers
        description: Continual-learning strategies on flowers

        # Every strategy runs once per seed. The seed draws the class order and all other random numbers.
        seeds: [1, 2, 3]
        # Where to compute: cpu, cuda, or cuda:1 for the second GPU.
        device: cpu

        # How the classes arrive: 2 classes in 2 tasks.
        stream:
          # 1 class per task.
          tasks: 2
          # Draw a new class order for each seed. `listed` is the order of the folders' names.
          class_order: { numpy: seed }

        domains:
          # The domain's name, as tables show it.
          flowers:
            # Images in train/<class>/ and test/<class>/.
            source: image-folder
            # Relative to this file.
            path: .
            # How a class name becomes a text for CLIP. Several templates are averaged.
            templates: ["a photo of a {}"]
            # Classes are named after their folders, such as daisy. To change the names
            # that CLIP reads, list all classes:
            # classes:
            #   - { name: "daisy", key: "daisy" }

        backbones:
          clip:
            # The small CLIP that comes with clbench. It is quick, but it has only seen drawings of coloured
            # shapes: use it to try things out. For results, download a real one with
            # `clbench fetch model openai/clip-vit-base-patch32` and write
            # parameters: { model: openai/clip-vit-base-patch32 }
            parameters: { path: CHECKOUT/plugins/clip/weights/small }

        # The rows of the leaderboard. `clbench ls strategies` lists all that are installed.
        strategies:
          # Compares images with the class names; learns nothing, so it forgets nothing.
          zero-shot: {}
          # Fits a generator to each class's features and trains class prompts on what the generators draw.
          # The generator can also be mixture, vae (the paper's) or diffusion.
          cgil:
            parameters:
              generator: gaussian
              samples_per_class: 64
              alignment: { epochs: 10, lr: 0.01 }
          # A linear classifier trained on one task after the other: shows how much is forgotten.
          linear-head:
            parameters: { epochs: 20, lr: 0.03 }
          # The same classifier trained on all classes at once: a reference, which is not ranked.
          linear-head-joint:
            use: linear-head
            regime: joint
            parameters: { epochs: 20, lr: 0.03 }
          # CoOp learns the words around the class names. It trains through the text encoder, so it is slow
          # on a CPU with a large CLIP. A grid runs every combination of its values:
          # coop:
          #   parameters: { epochs: 10, train_on: seen }
          #   grid: { lr: [0.002, 0.02] }
    "##]].assert_eq(&yaml);
}

#[test]
fn without_the_small_clip_a_model_of_the_hub_is_named() {
    let home = five_each(&["rose", "daisy"], &[]);
    let dir = home.path().join("flowers");
    let file = dir.join("scenario.yaml");
    let survey = Survey::of(&dir).unwrap();
    let yaml = init::scenario(&survey, &dir, &file, None).unwrap();
    let model = "    parameters: { model: openai/clip-vit-base-patch32 }\n";
    assert!(yaml.contains(model), "{yaml}");
    let next = report(&survey, &file, &file, false);
    assert!(
        next.contains("Next:\n  clbench fetch model openai/clip-vit-base-patch32\n"),
        "{next}"
    );
}

#[test]
fn without_a_test_folder_a_split_is_drawn() {
    let home = five_each(&["rose", "daisy"], &[]);
    says(
        &home,
        expect![[r#"
        Found 2 classes in HOME/flowers: daisy, rose
        Wrote HOME/flowers/scenario.yaml
        Wrote HOME/flowers/scenario-split.csv: a random split, 8 training images, 2 test images
        Next:
          clbench validate HOME/flowers/scenario.yaml
          clbench run HOME/flowers/scenario.yaml
    "#]],
    );
    expect![[r#"
        file,split
        daisy/0.png,train
        daisy/2.png,train
        daisy/3.png,train
        daisy/4.png,train
        daisy/1.png,test
        rose/0.png,train
        rose/1.png,train
        rose/3.png,train
        rose/4.png,train
        rose/2.png,test
    "#]]
    .assert_eq(&read(&home, "scenario-split.csv"));
    // A scenario elsewhere, with a split list beside it.
    let out = home.path().join("scenarios/mine.yaml");
    written(&home.path().join("flowers"), Some(&out)).unwrap();
    check(&out).unwrap();
    let yaml = fs::read_to_string(out).unwrap();
    assert!(
        yaml.contains("path: ../flowers\n") && yaml.contains("split: mine-split.csv\n"),
        "{yaml}"
    );
}

#[test]
fn other_trees_get_a_split_list() {
    // Other names, files that are not images, and folders in class folders.
    says(
        &five_each(
            &[
                "Train/rose/red",
                "Train/daisy",
                "val/rose",
                "val/daisy",
                "sketches/rose",
            ],
            &[
                "Train/daisy/notes.txt",
                "Train/tulip/notes.txt",
                "Train/stray.png",
            ],
        ),
        expect![[r#"
            Found 2 classes in HOME/flowers: daisy, rose
              left out: 2 files that are not PNG, JPEG or WebP, such as Train/daisy/notes.txt
              left out: 1 image outside the class folders, Train/stray.png
              left out: 1 class folder without images, Train/tulip
              left out: 1 other folder, sketches
            Wrote HOME/flowers/scenario.yaml
            Wrote HOME/flowers/scenario-split.csv: 10 training images from Train, 10 test images from val
            Next:
              clbench validate HOME/flowers/scenario.yaml
              clbench run HOME/flowers/scenario.yaml
        "#]],
    );
    // A folder in a folder, and `train` as a class.
    says(
        &five_each(&["images/bus", "images/train"], &[]),
        expect![[r#"
            Found 2 classes in HOME/flowers/images: bus, train
            Wrote HOME/flowers/scenario.yaml
            Wrote HOME/flowers/scenario-split.csv: a random split, 8 training images, 2 test images
            Next:
              clbench validate HOME/flowers/scenario.yaml
              clbench run HOME/flowers/scenario.yaml
        "#]],
    );
    says(
        &five_each(&["bus", "train/old", "train/new"], &[]),
        expect![[r#"
            Found 2 classes in HOME/flowers: bus, train
            Wrote HOME/flowers/scenario.yaml
            Wrote HOME/flowers/scenario-split.csv: a random split, 12 training images, 3 test images
            Next:
              clbench validate HOME/flowers/scenario.yaml
              clbench run HOME/flowers/scenario.yaml
        "#]],
    );
    // Training images alone.
    says(
        &five_each(&["train/rose", "train/daisy"], &[]),
        expect![[r#"
            Found 2 classes in HOME/flowers/train: daisy, rose
            Wrote HOME/flowers/scenario.yaml
            Wrote HOME/flowers/scenario-split.csv: a random split, 8 training images, 2 test images
            Next:
              clbench validate HOME/flowers/scenario.yaml
              clbench run HOME/flowers/scenario.yaml
        "#]],
    );
}

#[test]
fn any_name_of_a_class_works() {
    let names = [
        "no", "1", "02", "1e3", "~", "a: b", "été #1", "{x}", "- q\"'", "com,ma", "a\nb",
        "{{path}}", "&a", "null",
    ];
    let home = five_each(&names, &[]);
    written(&home.path().join("flowers"), None).unwrap();
    let scenario = Scenario::load(&home.path().join("flowers/scenario.yaml"), &[], &[]).unwrap();
    let domain = open(&scenario, &scenario.domains[0], Restriction::default()).unwrap();
    let mut classes = domain.summary.classes;
    classes.sort();
    let mut names = names.map(String::from);
    names.sort();
    assert_eq!(classes, names);
}

#[test]
fn what_has_no_classes_is_refused() {
    let mut messages = String::new();
    for home in [
        flowers(&[]),
        flowers(&["rose/0.bmp", "rose/1.bmp", "daisy/0.gif"]),
        flowers(&["0.png", "1.png"]),
        five_each(&["rose"], &["daisy/notes.txt"]),
    ] {
        let said = said(&home);
        let (first, tree) = said.split_once('\n').unwrap();
        assert!(tree.contains("├── daisy/001.jpg"), "{tree}");
        messages += &format!("{first}\n");
    }
    for home in [
        five_each(
            &["train/rose", "train/daisy", "train/tulip", "test/rose"],
            &[],
        ),
        five_each(&["train/rose", "test/rose", "test/daisy"], &[]),
        five_each(&["rose"], &["daisy/0.png"]),
        five_each(&["1/a", "2"], &[]),
        five_each(&["rose", "a\\b"], &[]),
        five_each(&["rose", " daisy"], &[]),
        flowers(&[
            "daisy/0.png",
            "daisy/1.png",
            "rose/0.png",
            "rose/1.png",
            "rose/2.jpg",
        ]),
    ] {
        messages += &said(&home);
    }
    let home = five_each(&["rose", "daisy"], &["scenario.yaml"]);
    messages += &said(&home);
    assert_eq!(read(&home, "scenario.yaml"), "text");
    let home = five_each(&["rose", "daisy"], &["scenario-split.csv"]);
    messages += &said(&home);
    assert_eq!(read(&home, "scenario-split.csv"), "text");
    expect![[r#"
        error 4: `HOME/flowers` has no PNG, JPEG or WebP images
        error 4: `HOME/flowers` has no PNG, JPEG or WebP images, but 2 .bmp files; convert them to PNG, JPEG or WebP
        error 4: `HOME/flowers` has 2 images but no class folders
        error 4: `HOME/flowers` has images of one class only, `rose`; continual learning needs at least two, each in a folder of its own
        error 4: classes `daisy`, `tulip` have images in `HOME/flowers/train` but none in `HOME/flowers/test`; every class needs both, so add images or move the class elsewhere
        error 4: class `daisy` has images in `HOME/flowers/test` but none in `HOME/flowers/train`; every class needs both, so add images or move the class elsewhere
        error 4: class `daisy` in `HOME/flowers` has a single image; a train/test split needs two or more, so add images or move the class elsewhere
        error 4: class folder `HOME/flowers/1` holds folders, so a split list must name the class, but a number in a split list is a label; rename the folder, or move its images directly into it
        error 4: HOME/flowers/a\b/0.png: a split list cannot hold this name (it has a backslash); rename it
        error 4: HOME/flowers/ daisy/0.png: a split list cannot hold this name (it begins or ends with a space); rename it
        error 4: domain `flowers`: HOME/flowers/rose/2.jpg: not a PNG, JPEG or WebP image, despite its name; copy it again, convert it, or delete it
        error 2: `HOME/flowers/scenario.yaml` already exists; write to another file with `--out FILE`, or delete it
        error 2: `HOME/flowers/scenario-split.csv` already exists; write to another file with `--out FILE`, or delete it
    "#]].assert_eq(&messages);

    let error = |dir: &str, out: &str| {
        let error = written(Path::new(dir), Some(Path::new(out))).unwrap_err();
        format!("error {}: {error}\n", error.exit_code() as u8)
    };
    expect![[r#"
        error 2: `nowhere` is not a folder; name the folder that holds the images
        error 2: `--out s.txt` must name a file that ends in .yaml
    "#]]
    .assert_eq(&(error("nowhere", "s.yaml") + &error(".", "s.txt")));
}
