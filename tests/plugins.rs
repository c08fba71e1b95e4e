//! Plugin files that cannot be used, and names that no file or two files offer: one short message
//! each, and exit code 3.
//!
//! Files that cannot be built here (another ABI, another libtorch, another machine) are made by
//! patching or truncating a good file.

use clbench_tests::{Dir, Outcome, build, misbehaving, nearest_class_mean, root};
use expect_test::{Expect, expect};
use harness::plugin::{Loaded, PluginFile};
use harness_abi::Outline;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

/// A good plugin without libtorch.
fn good() -> Vec<u8> {
    fs::read(nearest_class_mean()).unwrap()
}

/// A good plugin on libtorch.
fn heads() -> Vec<u8> {
    fs::read(build().join("libclbench_heads.so")).unwrap()
}

/// The bytes with every `old` replaced by a `new` of the same length.
fn patched(mut bytes: Vec<u8>, old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut found = false;
    for at in 0..=bytes.len() - old.len() {
        if &bytes[at..at + old.len()] == old.as_bytes() {
            bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
            found = true;
        }
    }
    assert!(found, "{old} not found");
    bytes
}

fn with_byte(mut bytes: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
    assert_ne!(bytes[at], byte);
    bytes[at] = byte;
    bytes
}

/// A system library that this process has loaded.
fn no_plugin() -> Vec<u8> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| path.contains("libgcc_s") || path.contains("libm.so"))
        .expect("a Rust program on Linux is linked to libgcc_s");
    fs::read(path).unwrap()
}

/// A scenario with one strategy and its entry.
fn scenario(strategy: &str, entry: &str) -> String {
    format!(
        "seeds: [1]\nstream: {{tasks: 5}}\ndomains: {{digits: {{source: digits}}}}\n\
         backbones: {{pixels: {{parameters: {{size: 8}}}}}}\nstrategies: {{{strategy}: {{{entry}}}}}\n"
    )
}

fn run(dir: &Dir, yaml: &str, more: &[&str]) -> Outcome {
    dir.write("scenario.yaml", yaml);
    let args = ["run", "scenario.yaml", "--out", "out", "--limit", "2"];
    dir.clbench(args.iter().chain(more)).outcome()
}

/// Runs a scenario with one strategy from this file.
fn run_file(dir: &Dir, file: &Path) -> Outcome {
    let entry = format!("plugin: {}", file.display());
    run(dir, &scenario("nearest-class-mean", &entry), &[])
}

/// Asserts that the run failed because of its plugin, with one line and before anything was
/// started, and returns the line.
fn refused(dir: &Dir, outcome: Outcome) -> String {
    let Outcome {
        code,
        stdout,
        stderr,
    } = outcome;
    assert_eq!((code, &stdout[..]), (3, ""), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(!dir.path("out").exists(), "{stderr}");
    stderr
}

/// Removes the sizes of built files, which differ between compilers.
fn without_sizes(text: &str) -> String {
    let settled = |word: &str| {
        let number = word.trim_end_matches([';', ')']);
        let long = number.len() > 2 && number.bytes().all(|byte| byte.is_ascii_digit());
        match long {
            true => word.replace(number, "SIZE"),
            false => word.to_owned(),
        }
    };
    text.split(' ').map(settled).collect::<Vec<_>>().join(" ")
}

fn check(table: &[String], expected: Expect) {
    expected.assert_eq(&without_sizes(&table.concat()));
}

#[test]
fn a_bad_file_is_reported_before_any_of_its_code_runs() {
    let dir = Dir::new();
    let good = good();
    let cut = |length: usize| good[..length].to_vec();
    let manifest = |old, new| patched(good.clone(), old, new);
    let files = [
        ("missing", None),
        ("empty", Some(Vec::new())),
        ("text", Some(b"#!/bin/sh\nexit 0\n".to_vec())),
        ("cut-in-signature", Some(cut(3))),
        ("cut-in-header", Some(cut(40))),
        ("cut-in-program-headers", Some(cut(80))),
        ("cut-in-the-middle", Some(cut(good.len() / 2))),
        ("cut-by-a-byte", Some(cut(good.len() - 1))),
        ("aarch64", Some(with_byte(good.clone(), 18, 183))),
        ("32-bit", Some(with_byte(good.clone(), 4, 1))),
        ("object-file", Some(with_byte(good.clone(), 16, 1))),
        ("program", Some(fs::read(build().join("clbench")).unwrap())),
        ("no-plugin", Some(no_plugin())),
        ("bad-headers", Some(with_byte(good.clone(), 54, 1))),
        ("no-json", Some(manifest("{\"abi\":1,", "{\"abi\"=1,"))),
        ("no-abi", Some(manifest("{\"abi\":1,", "{\"abj\":1,"))),
        ("no-name", Some(manifest("\"plugin\":", "\"plugim\":"))),
        ("newer-abi", Some(manifest("{\"abi\":1,", "{\"abi\":2,"))),
        ("older-abi", Some(manifest("{\"abi\":1,", "{\"abi\":0,"))),
        (
            "other-libtorch",
            Some(patched(heads(), "libtorch 2.11.0", "libtorch 2.12.0")),
        ),
    ];
    let mut table = Vec::new();
    for (name, bytes) in files {
        let file = dir.path(name).join("plugin.so");
        if let Some(bytes) = &bytes {
            dir.write(&format!("{name}/plugin.so"), bytes);
        }
        let inspected = dir.clbench(["plugin", "inspect", file.to_str().unwrap()]);
        let message = refused(&dir, inspected.outcome());
        assert_eq!(message, refused(&dir, run_file(&dir, &file)), "plugin:");
        if bytes.is_some() {
            let folder = file.parent().unwrap();
            let ls = ["ls", "plugins", "--plugin-dir"].map(String::from);
            let given = dir.clbench(ls.into_iter().chain([folder.display().to_string()]));
            let set = dir.clbench(["ls", "plugins"]);
            let set = set.env("CLBENCH_PLUGIN_PATH", folder);
            if name == "no-plugin" {
                // A folder may contain libraries that are not plugins.
                assert_eq!(given.succeeds().stdout, set.succeeds().stdout);
            } else {
                assert_eq!(message, refused(&dir, given.outcome()), "--plugin-dir");
                assert_eq!(message, refused(&dir, set.outcome()), "CLBENCH_PLUGIN_PATH");
            }
        }
        table.push(message);
    }
    check(
        &table,
        expect![[r#"
            error: plugin DIR/missing/plugin.so: no such file; check the path, or build the plugin with `cargo build --release`
            error: plugin DIR/empty/plugin.so: the file is empty; build the plugin again
            error: plugin DIR/text/plugin.so: not a shared library (no ELF signature); name the `.so` file that `cargo build --release` made
            error: plugin DIR/cut-in-signature/plugin.so: truncated: expected at least 64 bytes, found 3; copy or build the plugin again
            error: plugin DIR/cut-in-header/plugin.so: truncated: expected at least 64 bytes, found 40; copy or build the plugin again
            error: plugin DIR/cut-in-program-headers/plugin.so: truncated: expected at least SIZE bytes, found 80; copy or build the plugin again
            error: plugin DIR/cut-in-the-middle/plugin.so: truncated: expected at least SIZE bytes, found SIZE; copy or build the plugin again
            error: plugin DIR/cut-by-a-byte/plugin.so: truncated: expected at least SIZE bytes, found SIZE; copy or build the plugin again
            error: plugin DIR/aarch64/plugin.so: built for aarch64, but this machine is x86-64; build the plugin on this machine
            error: plugin DIR/32-bit/plugin.so: built for a 32-bit or big-endian machine, but this machine is x86-64; build the plugin on this machine
            error: plugin DIR/object-file/plugin.so: an ELF file, but not a shared library; set `crate-type = ["cdylib"]` and build the plugin again
            error: plugin DIR/program/plugin.so: an ELF file, but not a shared library; set `crate-type = ["cdylib"]` and build the plugin again
            error: plugin DIR/no-plugin/plugin.so: a shared library, but not a clbench plugin (it has no manifest); export one with `harness_abi::export_plugin!`
            error: plugin DIR/bad-headers/plugin.so: damaged (Invalid ELF program header entry size); build the plugin again
            error: plugin DIR/no-json/plugin.so: its manifest cannot be read (expected `:` at line 1 column 7); build the plugin again
            error: plugin DIR/no-abi/plugin.so: its manifest cannot be read (it has no ABI version); build the plugin again
            error: plugin DIR/no-name/plugin.so: its manifest cannot be read (missing field `plugin` at line 1 column SIZE); build the plugin again
            error: plugin DIR/newer-abi/plugin.so: built for plugin ABI 2, but this clbench uses ABI 1; use a newer clbench, or build the plugin with this clbench's harness-abi
            error: plugin DIR/older-abi/plugin.so: built for plugin ABI 0, but this clbench uses ABI 1; build the plugin again with this clbench's harness-abi
            error: plugin DIR/other-libtorch/plugin.so: built for libtorch 2.12.0, but this clbench opens libtorch 2.11.0; build the plugin with the tch that matches it
        "#]],
    );
}

#[test]
fn errors_on_loading_are_reported_before_the_first_cell() {
    let dir = Dir::new();
    let header = "_1as_0lib_1header_0root_bmodule_bloader";
    let other = header.replace("bloader", "blaoder");
    let mut table = Vec::new();
    for (name, old, new) in [
        ("no-header", header, &other[..]),
        (
            "other-header",
            "abi stable library for Rust",
            "abi stable library for Dust",
        ),
        ("other-layout", "labels", "lables"),
        ("needs-a-library", "libgcc_s.so.1", "libgcc_q.so.1"),
    ] {
        let file = dir.write(&format!("{name}.so"), patched(good(), old, new));
        dir.clbench(["plugin", "inspect", file.to_str().unwrap()])
            .succeeds();
        table.push(refused(&dir, run_file(&dir, &file)));
    }
    check(
        &table,
        expect![[r#"
            error: plugin DIR/no-header.so: it has a manifest, but not the functions that go with it; build the plugin again without stripping its dynamic symbols
            error: plugin DIR/other-header.so: this host cannot read its header; build the plugin with this clbench's harness-abi
            error: plugin DIR/other-layout.so: a type that crosses the boundary has a different layout than in this host; build the plugin with this clbench's harness-abi
            error: plugin DIR/needs-a-library.so: the system cannot load it (libgcc_q.so.1: cannot open shared object file: No such file or directory); install the libraries that it needs, or build the plugin on this machine
        "#]],
    );
}

#[test]
fn a_file_that_has_changed_since_the_plan_is_not_loaded() {
    let dir = Dir::new();
    let file = dir.write("plugin.so", good());
    let entry = format!("plugin: {}", file.display());
    dir.write("scenario.yaml", scenario("nearest-class-mean", &entry));
    let plan = dir.clbench(["plan", "scenario.yaml", "--json"]).start();
    let line = plan.wait_with_output().unwrap().stdout;
    let line = dir.write("cell.json", line);
    let summary = "the mean feature of each class";
    dir.write(
        "plugin.so",
        patched(good(), summary, "the mean feature of any class "),
    );
    let outcome = dir.clbench(["cell", "--out", "out"]).input(&line).outcome();
    assert_eq!(outcome.code, 3);
    check(
        &[outcome.stderr],
        expect![[r#"
            error: plugin DIR/plugin.so: has changed since the run was planned; run again
                log: out/cells/digits-nearest-class-mean-s1-c053cde1dc22.log
        "#]],
    );
}

/// A build replaces a plugin's file, by renaming and by overwriting, while others load it.
#[test]
fn the_code_that_runs_is_that_of_the_hash() {
    const LOADS: usize = 40;
    let dir = Dir::new();
    let variants = ["shrinkage", "thickness"].map(|name| {
        let bytes = patched(good(), "shrinkage", name);
        let path = dir.write(&format!("{name}.so"), &bytes);
        (blake3::hash(&bytes).to_hex().to_string(), name, path)
    });
    let file = dir.path("plugin.so");
    fs::copy(&variants[0].2, &file).unwrap();
    let outline = Outline {
        tasks: 1,
        classes: 2,
        device: "cpu".into(),
        folder: dir.path(""),
        ..Outline::default()
    };
    let done = AtomicBool::new(false);
    let loaded = thread::scope(|scope| {
        scope.spawn(|| {
            let next = dir.path("next.so");
            for (_, _, variant) in variants.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                fs::copy(variant, &next).unwrap();
                fs::rename(&next, &file).unwrap();
                fs::copy(variant, &file).unwrap();
            }
        });
        let mut loaded = Vec::new();
        while loaded.len() < LOADS {
            // A file that is just being written is refused.
            let Ok(opened) = PluginFile::open(&file) else {
                continue;
            };
            let Ok(plugin) = Loaded::load(&opened, "cpu") else {
                continue;
            };
            let unknown = json!({ "unknown": 1 });
            let error = plugin.check("nearest-class-mean", &unknown, &outline);
            loaded.push((opened.hash().to_owned(), error.unwrap_err().to_string()));
        }
        done.store(true, Ordering::Relaxed);
        loaded
    });
    for (hash, error) in &loaded {
        let of_hash = variants.iter().find(|(known, ..)| known == hash);
        let (_, name, _) = of_hash.expect("only whole files are loaded");
        assert!(error.contains(&format!("`{name}`")), "{name}: {error}");
    }
    for (hash, name, _) in &variants {
        let found = loaded.iter().any(|(known, _)| known == hash);
        assert!(found, "{name} was never loaded");
    }
}

/// So that clones of one commit build plugins with the same hash.
#[test]
fn a_plugin_does_not_contain_the_path_of_its_checkout() {
    // A cargo home may be in the checkout, and paths in it are the same for all checkouts that use it.
    let parts = ["harness/", "plugins/", "target/", ".cargo/libtorch"];
    let parts = parts.map(|part| root().join(part).into_os_string().into_encoded_bytes());
    let entries = fs::read_dir(build()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let plugins = paths.filter(|path| PluginFile::open(path).is_ok());
    let plugins: Vec<_> = plugins.collect();
    assert!(plugins.len() >= 8, "{plugins:?}");
    for plugin in plugins {
        let bytes = fs::read(&plugin).unwrap();
        for part in &parts {
            let found = bytes.windows(part.len()).position(|window| window == part);
            let shown = found.map(|at| {
                let end = bytes.len().min(at + 200);
                String::from_utf8_lossy(&bytes[at.saturating_sub(80)..end]).into_owned()
            });
            assert_eq!(shown, None, "{}", plugin.display());
        }
    }
}

#[test]
fn without_its_libtorch_a_plugin_is_not_loaded() {
    let dir = Dir::new();
    dir.write("scenario.yaml", scenario("linear-head", ""));
    fs::create_dir(dir.path("none")).unwrap();
    dir.write("other/build-version", "2.8.0+cpu\n");
    dir.write("other/lib/libtorch_cpu.so", "");
    dir.write("python/version.py", "__version__ = '2.9.1+cu128'\n");
    dir.write("python/lib/libtorch_cpu.so", "");
    dir.write("damaged/lib/libtorch_cpu.so", "");
    dir.write("damaged/lib/libc10.so", "not a library, whatever its name");
    let mut table = Vec::new();
    for folder in ["none", "other/lib", "python/lib", "damaged/lib"] {
        let outcome = dir
            .clbench(["run", "scenario.yaml", "--out", "out"])
            .env("CLBENCH_LIBTORCH", dir.path(folder))
            .outcome();
        table.push(refused(&dir, outcome));
    }
    // Neither set nor fetched.
    let outcome = dir
        .clbench(["run", "scenario.yaml", "--out", "out"])
        .without_env("CLBENCH_LIBTORCH")
        .without_env("LIBTORCH")
        .outcome();
    table.push(refused(&dir, outcome));
    check(
        &table,
        expect![[r#"
            error: plugin BUILD/libclbench_heads.so: needs libtorch 2.11.0, which was not found in DIR/none; run `cargo xtask setup`, or set CLBENCH_LIBTORCH to the folder that holds libtorch_cpu.so
            error: plugin BUILD/libclbench_heads.so: needs libtorch 2.11.0, but DIR/other/lib is version 2.8.0; set CLBENCH_LIBTORCH to the `lib` folder of the right one
            error: plugin BUILD/libclbench_heads.so: needs libtorch 2.11.0, but DIR/python/lib is version 2.9.1; set CLBENCH_LIBTORCH to the `lib` folder of the right one
            error: plugin BUILD/libclbench_heads.so: needs libtorch 2.11.0, but the one in DIR/damaged/lib cannot be opened (DIR/damaged/lib/libc10.so: file too short); run `cargo xtask setup`, or set CLBENCH_LIBTORCH to the folder of a complete one
            error: plugin BUILD/libclbench_heads.so: needs libtorch 2.11.0, which was not found in DIR/cache/libtorch-2.11.0-cpu/lib; run `cargo xtask setup`, or set CLBENCH_LIBTORCH to the folder that holds libtorch_cpu.so
        "#]],
    );
}

#[test]
fn a_name_that_no_file_or_two_files_offer_is_reported() {
    let dir = Dir::new();
    let ncm = nearest_class_mean().display().to_string();
    // A name that no built-in strategy has.
    let other = patched(good(), "nearest-class-mean", "nearest-class-mode");
    let summary = "the mean feature of each class";
    let twin = patched(other.clone(), summary, "the mean feature of any class ");
    dir.write("one/libone.so", &other);
    dir.write("two/libtwo.so", twin);
    let (one, two) = (dir.path("one"), dir.path("two"));
    let [one, two] = [&one, &two].map(|path| path.to_str().unwrap());

    let table = [
        run(&dir, &scenario("liner-head", ""), &[]),
        run(&dir, &scenario("winclip", ""), &[]),
        run(
            &dir,
            &scenario("linear-head", "backbone: pixels"),
            &["--set", "backbones.pixels.use=pixel"],
        ),
        run(
            &dir,
            &(scenario("linear-head", "") + "metrics: [fa]\n"),
            &[],
        ),
        run(
            &dir,
            &scenario("nearest-mean", &format!("plugin: {ncm}")),
            &[],
        ),
        run(
            &dir,
            &scenario("nearest-class-mode", ""),
            &["--plugin-dir", one, "--plugin-dir", two],
        ),
        run(
            &dir,
            &scenario("linear-head", ""),
            &["--plugin-dir", "nowhere"],
        ),
    ];
    let mut table = table.map(|outcome| refused(&dir, outcome));
    // The list of names does not matter here.
    let choices = dir.clbench(["ls", "strategies"]).succeeds().stdout;
    let choices = choices.lines().filter_map(|line| line.split(' ').next());
    let choices: Vec<_> = choices.map(|name| format!("`{name}`")).collect();
    table[1] = table[1].replace(&choices.join(", "), "ALL");
    check(
        &table,
        expect![[r#"
            error: no plugin offers a strategy `liner-head`; did you mean `linear-head`? (searched BUILD)
            error: no plugin offers a strategy `winclip`; the choices are ALL (searched BUILD)
            error: no plugin offers a backbone `pixel`; did you mean `pixels`? (searched BUILD)
            error: no plugin offers a metric `fa`; did you mean `faa`? (searched BUILD)
            error: plugin ROOT/tests/fixtures/plugins/nearest-class-mean/target/release/libnearest_class_mean.so offers no strategy `nearest-mean`; the only choice is `nearest-class-mean`
            error: strategy `nearest-class-mode` is offered by two plugins, DIR/one/libone.so and DIR/two/libtwo.so; remove one of them, or name one with `plugin:` in the scenario
            error: plugin folder nowhere: No such file or directory (os error 2); check the path
        "#]],
    );

    // The same file twice is one plugin, and a file that the scenario names takes precedence.
    for folder in ["first", "second"] {
        dir.write(
            &format!("{folder}/libown.so"),
            fs::read(misbehaving()).unwrap(),
        );
        dir.write(&format!("{folder}/libmean.so"), good());
    }
    let twice = ["--plugin-dir", "first", "--plugin-dir", "second"];
    let ncm = format!("plugin: {ncm}");
    for (strategy, entry) in [("naps", ""), ("nearest-class-mean", &*ncm)] {
        let outcome = run(&dir, &scenario(strategy, entry), &twice);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        fs::remove_dir_all(dir.path("out")).unwrap();
    }
}

#[test]
fn folders_are_searched_in_order() {
    let dir = Dir::new();
    let variant = |letter| {
        patched(
            good(),
            "nearest-class-mean",
            &format!("nearest-class-m{letter}an"),
        )
    };
    dir.write("given/liba.so", variant("a"));
    dir.write("set/libb.so", variant("b"));
    dir.write("set/libsame-as-a.so", variant("a"));
    let path = std::env::join_paths([dir.path("set"), PathBuf::new()]).unwrap();
    let listed = dir
        .clbench(["ls", "plugins", "--plugin-dir", "given"])
        .env("CLBENCH_PLUGIN_PATH", path)
        .succeeds();
    let rows = |text: &str| -> Vec<String> {
        let words = text.lines().map(str::split_whitespace);
        words
            .map(|words| words.collect::<Vec<_>>().join(" "))
            .collect()
    };
    let beside = dir.clbench(["ls", "plugins"]).succeeds();
    let found = [
        "nearest-class-maan 0.1.0 no runtime library given/liba.so",
        "nearest-class-mban 0.1.0 no runtime library DIR/set/libb.so",
    ];
    let expected = [found.map(String::from).to_vec(), rows(&beside.stdout)].concat();
    assert_eq!(rows(&listed.stdout), expected);
}

/// The program's folder may contain anything, including half-built files; but a missing plugin may
/// be among them.
#[test]
fn a_bad_file_next_to_the_program_is_reported_only_if_a_plugin_is_missing() {
    let dir = Dir::new();
    dir.write("scenario.yaml", scenario("nearest-class-mean", ""));
    fs::create_dir(dir.path("bin")).unwrap();
    for name in ["clbench", "libclbench_pixels.so", "libclbench_metrics.so"] {
        fs::copy(build().join(name), dir.path("bin").join(name)).unwrap();
    }
    dir.write(
        "bin/libold.so",
        patched(good(), "{\"abi\":1,", "{\"abi\":0,"),
    );
    let clbench = dir.path("bin/clbench");
    let listed = dir.program(&clbench, ["ls", "plugins"]).succeeds();
    assert_eq!(listed.stderr, "");
    let run = dir.program(&clbench, ["run", "scenario.yaml", "--out", "out"]);
    let missed = refused(&dir, run.outcome());
    check(
        &[missed],
        expect![[r#"
            error: no plugin offers a strategy `nearest-class-mean` (searched DIR/bin; ignored: plugin DIR/bin/libold.so: built for plugin ABI 0, but this clbench uses ABI 1; build the plugin again with this clbench's harness-abi)
        "#]],
    );
}
