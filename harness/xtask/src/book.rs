//! The manual: built by mdBook from `harness/book`, and its links checked.

mod html;
mod links;

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

/// The version that continuous integration installs.
const MDBOOK: &str = "0.5.4";
/// Any version that begins like this one will do.
const RELEASE: &str = "0.5.";

/// Builds the manual into the target folder and checks every link in it. `arguments` go to
/// `mdbook build`.
pub fn build(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    check_version()?;
    let book = workspace.root.join("harness/book");
    let built = workspace.book();
    let output = Command::new("mdbook")
        .arg("build")
        .arg(&book)
        .arg("--dest-dir")
        .arg(&built)
        .args(arguments)
        // By default it writes an empty page for a chapter whose file is missing.
        .env("MDBOOK_BUILD__CREATE_MISSING", "false")
        .env("MDBOOK_LOG", "warn")
        .stdout(Stdio::inherit())
        .output()
        .context("cannot start mdbook")?;
    let log = String::from_utf8_lossy(&output.stderr);
    eprint!("{log}");
    // A missing `{{#include}}` leaves a hole in the page and the exit code at 0.
    if !output.status.success() || !log.trim().is_empty() {
        bail!("mdbook reports problems in {}; see above", book.display());
    }
    let broken = links::check(&book.join("src"), &built)?;
    for link in &broken {
        eprintln!("harness/book/src/{link}");
    }
    if !broken.is_empty() {
        bail!("the manual has {} broken links; see above", broken.len());
    }
    eprintln!("xtask: open {}", built.join("index.html").display());
    Ok(())
}

fn check_version() -> Result<()> {
    let install = format!(
        "Install it with `cargo install mdbook --version ={MDBOOK} --locked`, and make sure that \
         cargo's bin folder (~/.cargo/bin) is on the PATH"
    );
    let output = match Command::new("mdbook").arg("--version").output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("mdbook, which builds the manual, is not installed. {install}")
        }
        Err(error) => return Err(error).context("cannot start mdbook"),
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    let found = answer.trim().trim_start_matches("mdbook v");
    if !found.starts_with(RELEASE) {
        bail!("the manual needs mdbook {RELEASE}x, but version {found} is installed. {install}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn continuous_integration_installs_the_same_mdbook() {
        let script = include_str!("../../../.ci/run");
        let call = format!("\nprogram mdbook {} ", super::MDBOOK);
        assert!(script.contains(&call), "{call}");
    }
}
