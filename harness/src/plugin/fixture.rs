//! Tiny shared libraries for tests, compiled by the C compiler that also links Rust.

use libloading::os::unix::Library;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `lib<name>.so` in a folder.
pub(super) fn library(folder: &Path, name: &str, code: &str, flags: &[&str]) -> PathBuf {
    let source = tempfile::tempdir().unwrap();
    let source = source.path().join("code.c");
    fs::write(&source, code).unwrap();
    let file = folder.join(format!("lib{name}.so"));
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&file).arg(&source);
    assert!(cc.args(flags).status().unwrap().success());
    file
}

/// Calls a function of such a library.
pub(super) fn function(library: &Library, name: &str) -> i32 {
    // SAFETY: the tests' functions have this signature.
    let function = unsafe { library.get::<extern "C" fn() -> i32>(name) };
    function.unwrap()()
}
