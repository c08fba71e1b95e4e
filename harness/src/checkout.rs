//! The source checkout that this program was built from: the home of the small CLIP, of
//! `harness-abi` and of the scenarios' schema.

use crate::regular_file;
use std::path::{Path, PathBuf};

/// The checkout, if it is still where it was at build time.
pub(crate) fn find() -> Option<PathBuf> {
    let root = at_build_time();
    is_abi(&abi(&root)).then_some(root)
}

/// Where the checkout was at build time.
pub(crate) fn at_build_time() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.parent().unwrap_or(harness).to_owned()
}

/// The crate `harness-abi` of a checkout.
pub(crate) fn abi(root: &Path) -> PathBuf {
    root.join("harness/abi")
}

/// Whether this folder is the crate `harness-abi`.
pub(crate) fn is_abi(folder: &Path) -> bool {
    let manifest = regular_file::read_text(&folder.join("Cargo.toml"), 1 << 20);
    manifest.is_ok_and(|manifest| manifest.contains("name = \"harness-abi\""))
}

/// The small CLIP of a checkout, if it is there.
pub(crate) fn small_clip(root: &Path) -> Option<PathBuf> {
    let folder = root.join("plugins/clip/weights/small");
    folder.join("model.safetensors").is_file().then_some(folder)
}

/// The schema of scenarios in a checkout, if it is there.
pub(crate) fn schema(root: &Path) -> Option<PathBuf> {
    let file = root.join("scenarios/scenario.schema.json");
    file.is_file().then_some(file)
}
