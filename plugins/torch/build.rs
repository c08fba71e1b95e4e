//! Passes on where libtorch lies: to the binaries of this crate's own tests, and to the build
//! scripts of the plugins.
//!
//! A plugin on libtorch depends on this crate and has `build = "../torch/rpath.rs"` in its
//! Cargo.toml.
//!
//! Why an rpath: cargo starts test binaries, doc tests and benchmarks itself, and nothing tells
//! them where libtorch lies. Cargo's finer instructions (`rustc-link-arg-tests` and their like)
//! leave out a library's unit tests and doc tests, so this is the one for all targets, and the
//! plugin's `.so` gets the rpath too. There it is idle: clbench opens `libc10.so`,
//! `libtorch_cpu.so` and, where it is there, `libtorch_cuda.so` by their full paths before it opens
//! a plugin, and the dynamic linker looks along an rpath only for a library of a name that is not
//! loaded yet. Which folder clbench opens them from: `CLBENCH_LIBTORCH`, else `lib` of the fetched
//! libtorch in the user's cache (`CLBENCH_CACHE`, else `XDG_CACHE_HOME/clbench`, else
//! `~/.cache/clbench`).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // torch-sys, whose `links` is `tch`, says where it has found libtorch.
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys says where libtorch lies");
    println!("cargo::metadata=libtorch_lib={lib}");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
}
