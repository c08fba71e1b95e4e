//! Where libtorch lies, for the tests and benchmarks that train through a strategy of this workspace; see the build script of
//! `clbench-torch`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let lib = std::env::var("DEP_CLBENCH_TORCH_LIBTORCH_LIB")
        .expect("clbench-torch says where libtorch lies");
    for target in ["tests", "benches"] {
        println!("cargo::rustc-link-arg-{target}=-Wl,-rpath,{lib}");
    }
}
