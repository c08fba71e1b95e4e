//! The build script of every crate whose binaries link libtorch through `clbench-torch`, named by
//! `build` in its Cargo.toml. It passes on where libtorch lies; why, and why to all of a crate's
//! binaries, is said in the build script of `clbench-torch`.

fn main() {
    // Cargo runs this again if its text or clbench-torch's answer changes. Naming one file keeps it
    // from running for all others.
    println!("cargo::rerun-if-changed=Cargo.toml");
    let lib = std::env::var("DEP_CLBENCH_TORCH_LIBTORCH_LIB")
        .expect("clbench-torch says where libtorch lies");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
}
