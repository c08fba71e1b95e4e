//! The build script of every crate whose binaries link libtorch through `clbench-torch`, set as
//! `build` in its Cargo.toml. It adds libtorch's location as an rpath to all of the crate's
//! binaries; the build script of `clbench-torch` explains why.

fn main() {
    // Cargo reruns this script if it changes or clbench-torch's metadata does. Naming one file
    // keeps cargo from rerunning it for changes to any other.
    println!("cargo::rerun-if-changed=Cargo.toml");
    let rpath = std::env::var("DEP_CLBENCH_TORCH_RPATH").expect("clbench-torch sets it");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{rpath}");
}
