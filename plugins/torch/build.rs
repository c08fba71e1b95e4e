//! Passes libtorch's location on to this crate's test binaries and to the plugins' build scripts.
//!
//! A plugin that uses libtorch depends on this crate and sets `build = "../torch/rpath.rs"` in its
//! Cargo.toml.
//!
//! Why an rpath: cargo starts test binaries and benchmarks itself, and they need to find libtorch.
//! Cargo's more specific instructions (`rustc-link-arg-tests` and the like) do not cover a
//! library's unit tests, so this one applies to all targets, and the plugin's `.so` gets the rpath
//! too. There it has no effect: clbench opens `libc10.so`, `libtorch_cpu.so` and, on a GPU,
//! `libtorch_cuda.so` by their full paths before it opens a plugin, and the dynamic linker searches
//! an rpath only for libraries that are not loaded yet. `harness/src/plugin/libtorch.rs` says where
//! clbench opens them from.
//!
//! A plugin's hash is in every record, and clones of one commit should build the same plugins. So
//! the rpath is relative to the binary wherever libtorch and the target folder are both in the
//! checkout, as they are after `cargo xtask setup`. For doc tests, whose binaries are in a temporary
//! folder, `.cargo/config.toml` has another.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Set by torch-sys, whose `links` key is `tch`.
    let lib = variable("DEP_TCH_LIBTORCH_LIB");
    let rpath = relative(&lib).unwrap_or_else(|| lib.display().to_string());
    println!("cargo::metadata=rpath={rpath}");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{rpath}");
}

/// The folder as seen from the profile's folder, which has programs and plugins, and from those
/// below it, which have tests, benchmarks and examples.
fn relative(lib: &Path) -> Option<String> {
    let checkout = variable("CARGO_MANIFEST_DIR");
    let checkout = checkout.ancestors().nth(2)?;
    // target/PROFILE/build/PACKAGE/out
    let out = variable("OUT_DIR");
    let profile = out.ancestors().nth(3)?.strip_prefix(checkout).ok()?;
    let lib = lib.strip_prefix(checkout).ok()?.display();
    let up = "../".repeat(profile.components().count());
    Some(format!("$ORIGIN/{up}{lib}:$ORIGIN/../{up}{lib}"))
}

fn variable(name: &str) -> PathBuf {
    let value = env::var_os(name);
    value.unwrap_or_else(|| panic!("{name} is set")).into()
}
