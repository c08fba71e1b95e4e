//! Features that several processes extract: the same file as from one, or one error and no file.

use crate::layouts::copy;
use crate::tables::files;
use clbench_tests::{Dir, Run, misbehaving, nearest_class_mean, root};
use std::fs;

/// A scenario on a backbone that encodes one image at a time, and says in the log when it is
/// created.
fn scenario(domain: &str) -> Dir {
    let dir = Dir::new();
    dir.write(
        "s.yaml",
        format!(
            "seeds: [1]\nstream: {{tasks: 2}}\ndomains: {{images: {{{domain}}}}}\n\
             backbones: {{slow: {{}}}}\n\
             strategies: {{nearest-class-mean: {{plugin: plugins/libnearest_class_mean.so}}}}\n"
        ),
    );
    dir.link_plugins(&[misbehaving(), nearest_class_mean()]);
    dir
}

fn run<'a>(dir: &'a Dir, cache: &str, jobs: &str) -> Run<'a> {
    let args = ["run", "s.yaml", "--plugin-dir", "plugins", "--limit", "5"];
    let run = dir.clbench(args.iter().chain(&["-j", jobs, "--out", cache]));
    run.env("CLBENCH_CACHE", dir.path(cache).join("cache"))
}

#[test]
fn several_processes_make_the_file_that_one_makes() {
    let dir = scenario("source: digits");
    let made = ["1", "2", "3"].map(|jobs| {
        let outcome = run(&dir, jobs, jobs).succeeds();
        let lines = outcome.stderr.matches("images · features of slow  ");
        assert_eq!(lines.count(), 1, "{}", outcome.stderr);
        let log = fs::read_to_string(dir.path(jobs).join("features.log")).unwrap();
        assert_eq!(log.matches("created").count().to_string(), jobs, "{log}");
        let folder = dir.path(jobs).join("cache/features");
        let [name] = &files(&folder)[..] else {
            panic!("there is more than the features: {:?}", files(&folder));
        };
        (name.clone(), fs::read(folder.join(name)).unwrap())
    });
    assert!(made[0] == made[1] && made[0] == made[2]);
}

#[test]
fn an_unreadable_image_of_any_process_is_one_error_and_leaves_nothing() {
    let dir = scenario("source: image-folder, path: folder, split: lists/split.csv");
    for fixture in ["folder", "lists"] {
        let fixtures = root().join("tests/fixtures/layouts");
        copy(&fixtures.join(fixture), &dir.path(fixture));
    }
    // A test image: the second process reads it.
    let path = dir.path("folder/n02/dusk_3.jpg");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    for _ in 0..2 {
        let outcome = run(&dir, "out", "2").outcome();
        let message = "error: domain `images`: DIR/folder/n02/dusk_3.jpg: damaged image (the file ends \
                       inside the image); copy it again, or delete it";
        assert_eq!(outcome.stderr.lines().next(), Some(message));
        assert_eq!(
            outcome.stderr.matches("error").count(),
            1,
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.code, 4);
        assert_eq!(files(&dir.path("out/cache/features")), [""; 0]);
    }
    fs::write(&path, bytes).unwrap();
    run(&dir, "out", "2").succeeds();
}
