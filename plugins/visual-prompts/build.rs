//! Where libtorch lies, for the binaries of this crate's tests; see the build script of `clbench-torch`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let lib = std::env::var("DEP_CLBENCH_TORCH_LIBTORCH_LIB")
        .expect("clbench-torch says where libtorch lies");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
}
