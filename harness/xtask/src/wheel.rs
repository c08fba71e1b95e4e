//! Pack what was built into a wheel. Python does it: it can zip and hash, and whoever wants a wheel
//! has it.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// The script; its first lines say what is in a wheel. The tests run it, too.
const PACK: &str = "harness/xtask/src/wheel/pack.py";

/// Packs the files of a release folder; `arguments` are the script's.
pub fn pack(root: &Path, release: &Path, arguments: &[OsString]) -> Result<()> {
    let mut command = Command::new("python3");
    command.arg(root.join(PACK)).arg("--release").arg(release);
    let status = command.args(arguments).status();
    let status = status.context("cannot start python3, which packs wheels; install Python 3")?;
    if !status.success() {
        bail!("the wheel was not packed");
    }
    Ok(())
}
