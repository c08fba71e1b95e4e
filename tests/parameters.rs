//! Parameters as users look them up and as scenarios are checked against them: from the plugins'
//! manifests, without running a plugin.

use clbench_tests::{Dir, build};
use expect_test::expect;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn one_strategy_is_listed_with_its_parameters() {
    let outcome = Dir::new()
        .clbench(["ls", "strategies", "linear-head"])
        .succeeds();
    expect![[r#""#]].assert_eq(&outcome.stdout);
}

#[test]
fn one_source_is_listed_with_its_keys() {
    let outcome = Dir::new().clbench(["ls", "domains", "idx"]).succeeds();
    expect![[r#""#]].assert_eq(&outcome.stdout);
}

#[test]
fn unknown_names_are_answered_with_the_closest() {
    let told = |kind: &str, name: &str| {
        let outcome = Dir::new().clbench(["ls", kind, name]).outcome();
        format!("{} {}", outcome.code, outcome.stderr)
    };
    expect![[r#""#]].assert_eq(
        &[
            told("strategies", "linear-haed"),
            told("domains", "parquets"),
            told("plugins", "clip"),
        ]
        .concat(),
    );
}

/// The only plugins there are have no libtorch, so loading one would fail.
#[test]
fn validate_checks_parameters_without_loading_plugins() {
    let dir = Dir::new();
    let plugins = dir.path("plugins");
    fs::create_dir(&plugins).unwrap();
    for library in [
        "libclbench_heads.so",
        "libclbench_pixels.so",
        "libclbench_metrics.so",
    ] {
        symlink(build().join(library), plugins.join(library)).unwrap();
    }
    let told = |strategy: &str, backbone: &str| {
        dir.write(
            "scenario.yaml",
            format!(
                "seeds: [1]\nstream: {{ tasks: 5 }}\ndomains: {{ digits: {{ source: digits }} }}\n\
                 backbones:\n  pixels: {{ parameters: {{ {backbone} }} }}\n\
                 strategies:\n  linear-head: {{ {strategy} }}\n"
            ),
        );
        let args = ["validate", "scenario.yaml", "--plugin-dir", "plugins"];
        let run = dir.clbench(args).env("CLBENCH_LIBTORCH", "/nowhere");
        run.outcome().stderr
    };
    expect![[r#""#]].assert_eq(
        &[
            told("parameters: { lr: 0 }", ""),
            told("parameters: { optimiser: sdg }", ""),
            told("parameters: { epochs: many }", ""),
            told("parameters: { learning_rate: 0.1 }", ""),
            told("grid: { lr: [0.1, -0.1] }", ""),
            told("", "size: 2000"),
            told("", "colour: red"),
        ]
        .concat(),
    );
}
