//! libtorch in the cache of clbench: fetched with pip, cut from PyTorch's wheels, checked on each
//! use.
//!
//! `cargo xtask` compiles plugins against it, and an installed `clbench` runs them with it. The
//! files and the hashes of the wheels are the same for both, so that results are, too.

mod cache;
mod fetch;
mod pip;
mod python;

pub use cache::folder_name;
pub use fetch::Fetch;
pub use python::evaluate;

/// The version that the pinned tch needs. Change it together with `tch` in the workspace's
/// `Cargo.toml` and with `libtorch.txt`.
pub const VERSION: &str = "2.11.0";

/// What is fetched, for messages.
pub fn description() -> String {
    format!("libtorch {VERSION} ({} MB)", pip::DOWNLOAD_MEGABYTES)
}
