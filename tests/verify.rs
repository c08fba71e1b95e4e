//! `clbench data verify`: compares what a scenario expects of its domains with what is found.

use crate::tables::files;
use clbench_tests::{Dir, nearest_class_mean};
use expect_test::expect;
use image::{Rgb, RgbImage};
use std::fs;

/// Two classes with three training images and two test images each, all different.
fn folder(dir: &Dir) {
    for (class, red) in [("dusk", 80), ("dawn", 160)] {
        for (split, first, n) in [("train", 0, 3), ("test", 10, 2)] {
            for i in first..first + n {
                let file = dir.path(&format!("images/{split}/{class}/{i}.png"));
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                RgbImage::from_pixel(6, 5, Rgb([red, i, 0]))
                    .save(file)
                    .unwrap();
            }
        }
    }
}

fn scenario(dir: &Dir, expect: &str) {
    let text = format!(
        "seeds: [1, 2]\n\
         stream: {{tasks: 2, class_order: {{numpy: seed}}}}\n\
         domains:\n  sky:\n    source: image-folder\n    path: images\n{expect}\
         backbones: {{pixels: {{parameters: {{size: 4}}}}}}\n\
         strategies: {{nearest-class-mean: {{plugin: {}}}}}\n",
        nearest_class_mean().display()
    );
    dir.write("s.yaml", text);
}

/// For a domain without `expect`, it prints one that can be pasted into the scenario, which then
/// runs.
#[test]
fn the_printed_expect_is_valid() {
    let dir = Dir::new();
    folder(&dir);
    scenario(&dir, "");
    let found = dir.clbench(["data", "verify", "s.yaml"]).succeeds().stdout;
    expect![[r#"
        sky: 2 classes, as expected
          label  class  train  test
              0  dawn       3     2
              1  dusk       3     2

          check                      expected         found
          train samples                     –             6
          test samples                      –             4
          split                             –  03a0917a9579
          class order, seed 1               –  c6e9a391da1d
          class order, seed 2               –  34436cc1f522
          content                           –  ff65477bd085
          images that do not decode         0             0  ok
          test images also in train         0             0  ok
          the scenario expects nothing of this domain yet; to pin it as it is, add:
            expect:
              train: 6
              test: 4
              split: 03a0917a9579db86f2caa020c759fb2a5f35b25fa656fbf57cf5df2e0eec47e6
              content: ff65477bd085b66db703f2f88f298937c867cb7544ce353126bf165de29627ac
              class_orders:
                - c6e9a391da1d37081e345fa47e246db379ba6287be683cb051a650e4f8a41914
                - 34436cc1f5220cc9bba6470077725586979886414508c06cd1b157b743591b4a
    "#]]
    .assert_eq(&found);
    let block = &found[found.find("    expect:\n").unwrap()..];
    scenario(&dir, block);
    let found = dir.clbench(["data", "verify", "s.yaml"]).succeeds().stdout;
    expect![[r#"
        sky: 2 classes, as expected
          label  class  train  test
              0  dawn       3     2
              1  dusk       3     2

          check                          expected         found
          train samples                         6             6  ok
          test samples                          4             4  ok
          split                      03a0917a9579  03a0917a9579  ok
          class order, seed 1        c6e9a391da1d  c6e9a391da1d  ok
          class order, seed 2        34436cc1f522  34436cc1f522  ok
          content                    ff65477bd085  ff65477bd085  ok
          images that do not decode             0             0  ok
          test images also in train             0             0  ok
    "#]]
    .assert_eq(&found);
    dir.clbench(["run", "s.yaml"]).succeeds();
}

/// A different split with the same name is noticed: `verify` lists all differences, and `run`
/// refuses to start.
#[test]
fn all_differences_are_listed() {
    let dir = Dir::new();
    folder(&dir);
    scenario(
        &dir,
        "    expect: {train: 6, test: 5, split: 0123456789ab, class_orders: [0123456789ab, 0123456789abc]}\n",
    );
    let png = dir.path("images/train/dusk/1.png");
    let whole = fs::read(&png).unwrap();
    fs::write(&png, &whole[..whole.len() - 20]).unwrap();
    fs::copy(
        dir.path("images/train/dawn/2.png"),
        dir.path("images/test/dawn/11.png"),
    )
    .unwrap();
    let verified = dir.clbench(["data", "verify", "s.yaml"]).outcome();
    expect![[r#"
        sky: 2 classes, FAILED
          label  class  train  test
              0  dawn       3     2
              1  dusk       3     2

          check                          expected         found
          train samples                         6             6  ok
          test samples                          5             4  FAILED
          split                      0123456789ab  03a0917a9579  FAILED
          class order, seed 1        0123456789ab  c6e9a391da1d  FAILED
          class order, seed 2        0123456789ab  34436cc1f522  FAILED
          content                               –  c2252c708e81
          images that do not decode             0             1  FAILED
          test images also in train             0             1  FAILED
          does not decode: train train/dusk/1.png: DIR/images/train/dusk/1.png: damaged image (unexpected end of file); copy it again, or delete it
          in both splits: train train/dawn/2.png = test test/dawn/11.png
    "#]].assert_eq(&verified.stdout);
    expect![[r#"
        error: 1 of 1 domains failed; see the lines marked `FAILED` above
    "#]]
    .assert_eq(&verified.stderr);
    assert_eq!(verified.code, 4);

    let refused = ["run", "validate", "plan"].map(|command| {
        let refused = dir.clbench([command, "s.yaml"]).outcome();
        assert_eq!(refused.code, 4, "{command}");
        refused.stderr
    });
    expect![[r#"
        error: domain `sky` does not match its `expect`: test samples 4, expected 5; run `clbench data verify s.yaml` for details, or change `expect` to use the data as it is
    "#]].assert_eq(&refused[0]);
    assert_eq!(refused[1..], [refused[0].clone(), refused[0].clone()]);
    assert_eq!(files(&dir.path("results")), [""; 0]);
    // `expect` does not apply to a part of a domain.
    dir.clbench(["plan", "s.yaml", "--limit", "1"]).succeeds();
}

/// A missing domain is reported, and the others are checked nevertheless; the scenario itself is
/// valid.
#[test]
fn missing_images() {
    let dir = Dir::new();
    scenario(&dir, "  near: {source: digits}\n");
    let verified = dir.clbench(["data", "verify", "s.yaml"]).outcome();
    assert_eq!(verified.code, 4);
    expect!["sky: FAILED"].assert_eq(verified.stdout.lines().next().unwrap());
    assert!(verified.stdout.contains("near: 10 classes"));
    let valid = dir.clbench(["validate", "s.yaml"]).succeeds().stdout;
    expect![[r#"
        s.yaml is valid as far as it could be checked: 2 streams × 1 strategy row × 2 seeds = 4 cells
          domain near: 10 classes, 1198 train, 599 test, split 6b349533569d
            zero, one, two, three, four, five, six, seven, eight, nine
        not checked:
          domain `sky`: its images are missing: images
    "#]].assert_eq(&valid);
}
