//! An interpreter for tests of strategies in Python.

use crate::skip;
use std::env;
use std::process::Command;
use std::sync::OnceLock;

/// A Python with NumPy: the one named in `CLBENCH_TEST_PYTHON`, that of the path, or the system's.
/// If there is none, tests skip what needs it, and say so on the uncaptured standard error, so that
/// nobody thinks it passed.
pub fn python() -> Option<&'static str> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| with_module("numpy"));
    if found.is_none() {
        skip("no Python with NumPy; name one in CLBENCH_TEST_PYTHON");
    }
    found.as_deref()
}

/// A Python with PyTorch; as [`python`].
pub fn python_with_torch() -> Option<&'static str> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| with_module("torch"));
    if found.is_none() {
        skip("no Python with PyTorch; name one in CLBENCH_TEST_PYTHON");
    }
    found.as_deref()
}

/// A Python whose pip can install into another environment; as [`python`].
///
/// # Panics
///
/// If there is none in continuous integration, which installs it.
pub fn python_with_pip() -> Option<String> {
    let code =
        "import pip, venv; assert (22, 3) <= tuple(map(int, pip.__version__.split('.')[:2]))";
    let found = that_runs(code);
    if found.is_none() {
        let missing = "no Python with `venv` and pip 22.3 or later";
        assert!(env::var_os("CI").is_none(), "{missing}");
        skip(missing);
    }
    found
}

fn with_module(module: &str) -> Option<String> {
    that_runs(&format!("import {module}"))
}

/// The first interpreter in which this code does not fail, as it names itself: `python3` may be a
/// script, such as pyenv's, that does more around pip than to start it.
fn that_runs(code: &str) -> Option<String> {
    let named = env::var("CLBENCH_TEST_PYTHON").ok();
    let known = ["python3", "/usr/bin/python3"].map(String::from);
    let code = format!("{code}; import sys; print(sys.executable)");
    named.into_iter().chain(known).find_map(|interpreter| {
        let output = Command::new(interpreter)
            .args(["-c", &code])
            .output()
            .ok()?;
        let path = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| path.trim_end().to_owned())
    })
}
