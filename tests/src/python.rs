//! An interpreter for tests of strategies in Python.

use crate::skip;
use std::env;
use std::process::{Command, Stdio};
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

fn with_module(module: &str) -> Option<String> {
    let named = env::var("CLBENCH_TEST_PYTHON").ok();
    let known = ["python3", "/usr/bin/python3"].map(String::from);
    named.into_iter().chain(known).find(|interpreter| {
        let imported = Command::new(interpreter)
            .args(["-c", &format!("import {module}")])
            .stderr(Stdio::null())
            .status();
        imported.is_ok_and(|status| status.success())
    })
}
