//! The manual's notebook, and the exporters of the Python package with the tools that they write
//! for.
//!
//! The tools are installed once into the target folder, from pip's index. Without them, what needs
//! them is skipped.

use clbench_tests::{Dir, python_with_pip, root, skip};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

const NOTEBOOK: &str = "harness/book/notebook.py";
const REQUIREMENTS: &str = "tests/fixtures/notebook/requirements.txt";
/// How long an installation may take, in seconds: some 90 MB on a slow line.
const PATIENCE: &str = "1200";

/// One test, because installing takes longer than all the rest.
#[test]
fn the_notebook_and_the_exporters_give_the_numbers_of_the_tables() {
    let renew = env::var_os("UPDATE_EXPECT").is_some();
    let Some(python) = python_with_pip() else {
        assert!(!renew, "renewing the notebook needs pip");
        return;
    };
    let dir = Dir::new();
    if !renew {
        // The page follows from the notebook; that needs nothing but Python.
        let mut command = isolated(&dir, Path::new(&python));
        command.arg(root().join(NOTEBOOK));
        succeeds(command.args(["--check", "--saved"]));
    }
    let python = match environment(&python) {
        Ok(python) => python,
        Err(why) => {
            assert!(!renew, "renewing the notebook needs its packages: {why}");
            return skip(&format!("the packages of {REQUIREMENTS}: {why}"));
        }
    };

    let mut command = isolated(&dir, &python);
    command.arg(root().join(NOTEBOOK));
    if !renew {
        command.arg("--check");
    }
    succeeds(&mut command);

    let mut command = isolated(&dir, &python);
    command.args(["-m", "unittest", "test_export", "test_tables"]);
    command.current_dir(package().join("tests"));
    let output = succeeds(command.env("CLBENCH_TEST_EXPORTERS", "1"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("skipped="), "{said}");
}

fn package() -> PathBuf {
    root().join("plugins/python/package")
}

/// An interpreter that finds the package, and whose tools leave nothing behind and call nobody.
fn isolated(dir: &Dir, python: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .arg("-B")
        .env("PYTHONPATH", package())
        .env("HOME", dir.path("home"))
        .env("WANDB_MODE", "offline")
        .env("WANDB_ERROR_REPORTING", "false");
    command
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{printed}{said}");
    output
}

/// The interpreter of an environment with the packages, made unless a test made it before; or why
/// there is none.
fn environment(python: &str) -> Result<PathBuf, String> {
    let requirements = root().join(REQUIREMENTS);
    let mut version = Command::new(python);
    let version = succeeds(version.args(["-c", "import sys; print(sys.version)"]));
    let mut made_of = fs::read(&requirements).unwrap();
    made_of.extend(version.stdout);
    let name = format!("notebook-{}", &blake3::hash(&made_of).to_hex()[..12]);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (interpreter, whole) = (folder.join("bin/python"), folder.join("whole"));
    if !whole.exists() {
        let mut command = Command::new(python);
        // Without pip, because Debian's Python cannot put it there.
        command.args(["-m", "venv", "--clear", "--without-pip"]);
        succeeds(command.arg(&folder));
        let mut command = Command::new("timeout");
        command
            .args([PATIENCE, python, "-m", "pip", "--python"])
            .arg(&interpreter)
            .args(["install", "--quiet", "--retries", "1"])
            // Nothing is compiled.
            .args(["--only-binary", ":all:", "--requirement"])
            .arg(&requirements);
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.trim().lines().last();
            return Err(last.unwrap_or("the installation took too long").to_owned());
        }
        fs::write(whole, "").unwrap();
    }
    Ok(interpreter)
}
