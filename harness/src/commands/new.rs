//! `clbench new`: creates a plugin project.

use super::print::print;
use crate::error::Error;
use crate::project::{self, Project};
use crate::template::shell_word;
use std::path::Path;

pub(super) fn strategy(dir: &Path, name: Option<&str>, abi: Option<&Path>) -> Result<(), Error> {
    let Project { name, files, fetch } = project::strategy(dir, name, abi)?;
    let fetch = fetch.map(|model| format!("  clbench fetch model {model}\n"));
    print(&format!(
        "Created the strategy {name} in {}: {}\n\
         Next:\n  cd {}\n  cargo test\n  cargo build --release\n{}  clbench run scenario.yaml\n",
        dir.display(),
        files.join(", "),
        shell_word(&dir.display().to_string()),
        fetch.unwrap_or_default(),
    ))
}
