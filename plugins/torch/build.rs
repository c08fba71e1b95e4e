//! Passes libtorch's location on to this crate's test binaries and to the plugins' build scripts.
//!
//! A plugin that uses libtorch depends on this crate and sets `build = "../torch/rpath.rs"` in its
//! Cargo.toml.
//!
//! Why an rpath: cargo starts test binaries, doc tests and benchmarks itself, and they need to find
//! libtorch. Cargo's more specific instructions (`rustc-link-arg-tests` and the like) do not cover
//! a library's unit tests and doc tests, so this one applies to all targets, and the plugin's `.so`
//! gets the rpath too. There it has no effect: clbench opens `libc10.so`, `libtorch_cpu.so` and, if
//! present, `libtorch_cuda.so` by their full paths before it opens a plugin, and the dynamic linker
//! searches an rpath only for libraries that are not loaded yet. clbench opens them from
//! `CLBENCH_LIBTORCH`, or else from `lib` of the libtorch in the user's cache (`CLBENCH_CACHE`,
//! else `XDG_CACHE_HOME/clbench`, else `~/.cache/clbench`).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Set by torch-sys, whose `links` key is `tch`.
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys sets DEP_TCH_LIBTORCH_LIB");
    println!("cargo::metadata=libtorch_lib={lib}");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
}
