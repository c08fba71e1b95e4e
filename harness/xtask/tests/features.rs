//! Tests enable no features that a build does not enable, so nothing is compiled twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Packages that only macros use, but for a test of xtask: cargo tells the two apart.
const OF_MACROS: [&str; 2] = ["proc-macro2", "syn"];

#[test]
fn development_dependencies_enable_no_features() {
    let build = features("normal,build");
    let mut twice = Vec::new();
    for (package, with_tests) in features("normal,build,dev") {
        let Some(without) = build.get(&package) else {
            continue;
        };
        let name = package.split(' ').next().unwrap();
        if *without != with_tests && !OF_MACROS.contains(&name) {
            twice.push(format!("{package}: {without:?}, in tests {with_tests:?}"));
        }
    }
    assert!(twice.is_empty(), "compiled twice:\n{}", twice.join("\n"));
}

/// The features of each package, with these kinds of dependencies.
fn features(kinds: &str) -> BTreeMap<String, Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--workspace", "--edges", kinds])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{f}"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut features: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let tree = String::from_utf8(output.stdout).unwrap();
    // Empty lines are between the workspace's packages.
    for (package, enabled) in tree.lines().filter_map(|line| line.split_once('|')) {
        let enabled = enabled.split(',').map(str::to_owned);
        let of_package = features.entry(package.to_owned()).or_default();
        of_package.extend(enabled);
        of_package.sort();
        of_package.dedup();
    }
    features
}
