//! Strategies in Python: the package's own tests, and runs from end to end.

mod faults;
mod identity;
mod strategies;

use clbench_tests::{Dir, Outcome, nearest_class_mean, python};
use std::path::Path;
use std::process::Command;

/// A scenario on the digits with these strategies, which may name `PYTHON`.
fn scenario(dir: &Dir, python: &str, strategies: &str) {
    dir.write(
        "s.yaml",
        format!(
            "seeds: [1]\nstream: {{tasks: 2}}\ndomains: {{digits: {{source: digits}}}}\n\
             backbones: {{pixels: {{parameters: {{size: 8}}}}}}\nstrategies:\n{}",
            strategies.replace("PYTHON", python)
        ),
    );
    let built = clbench_tests::build();
    let plugins = [
        "libclbench_python.so",
        "libclbench_pixels.so",
        "libclbench_metrics.so",
    ];
    let plugins = plugins.map(|name| built.join(name));
    let mut plugins: Vec<&Path> = plugins.iter().map(|path| &**path).collect();
    plugins.push(nearest_class_mean());
    dir.link_plugins(&plugins);
}

fn run(dir: &Dir, more: &[&str]) -> Outcome {
    let args = [
        "run",
        "s.yaml",
        "--plugin-dir",
        "plugins",
        "--limit",
        "8",
        "--out",
        "out",
    ];
    dir.clbench(args.iter().chain(more)).outcome()
}

#[test]
fn the_package_passes_its_own_tests() {
    let Some(interpreter) = python() else {
        return;
    };
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/python/package");
    let output = Command::new(interpreter)
        .args(["-B", "-m", "unittest"])
        .current_dir(package.join("tests"))
        .env("PYTHONPATH", &package)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{interpreter}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
