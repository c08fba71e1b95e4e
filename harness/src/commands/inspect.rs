//! `clbench plugin inspect`: prints what a plugin file says about itself, without running it.

use super::print::print;
use crate::error::Error;
use crate::plugin::PluginFile;
use harness_abi::manifest::Offer;
use std::fmt::Write;
use std::path::Path;

pub(super) fn inspect(path: &Path) -> Result<(), Error> {
    let file = PluginFile::open(path)?;
    let manifest = file.manifest();
    let mut text = format!("{} {}\n", manifest.plugin, manifest.version);
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<8} {value}");
    };
    field("file", &path.display().to_string());
    field("blake3", file.hash());
    field("abi", &manifest.abi.to_string());
    field("runtime", manifest.runtime.as_deref().unwrap_or("none"));
    for (kind, offers) in [
        ("backbone", &manifest.backbones),
        ("strategy", &manifest.strategies),
        ("metric", &manifest.metrics),
    ] {
        for Offer { name, summary, .. } in offers {
            field(kind, &format!("{name}: {summary}"));
        }
    }
    print(&text)
}
