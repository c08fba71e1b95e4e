//! Download the wheels with pip.
//!
//! Pip handles mirror and proxy settings, retries and hash checks, and logs to a file. The terminal
//! shows one progress bar for all wheels, which follows the size of the files on the disk.

use crate::VERSION;
use crate::fetch::PAUSE;
use crate::python::Python;
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt;
use std::fs;
use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The total size of the three wheels.
const DOWNLOAD_BYTES: u64 = 543_563_777;

/// The same, for messages.
pub const DOWNLOAD_MEGABYTES: u64 = megabytes(DOWNLOAD_BYTES);

/// The platforms that the wheels are tagged with, and those between them: an older pip matches each
/// name literally.
const PLATFORMS: [&str; 7] = [
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_26_x86_64",
    "manylinux_2_25_x86_64",
    "manylinux_2_24_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
];

/// The folders and files of one download.
pub struct Download<'a> {
    /// The wheels and their hashes.
    pub requirements: &'a Path,
    /// Where the wheels go.
    pub wheels: &'a Path,
    /// Where pip keeps unfinished files; on the same disk as the wheels.
    pub scratch: &'a Path,
    /// Pip's log file.
    pub log: &'a Path,
    /// Whether to give up.
    pub stopped: &'a dyn Fn() -> bool,
    /// Prints a line.
    pub say: &'a dyn Fn(&str),
}

/// Why pip failed, according to its log. Its text says what to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    DiskFull,
    WrongHash,
    NoNetwork,
    NotInIndex,
    /// The last error in the log.
    Other(String),
}

impl Download<'_> {
    /// Runs pip. The outer error means that pip did not start, the inner one that it failed.
    pub fn run(&self, python: &Python) -> Result<Result<(), Failure>> {
        // Pip would append to an old log.
        let _ = fs::remove_file(self.log);
        let mut command = python.command();
        command.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]);
        // Pip's cache would keep another 0.5 GB, which is never needed again.
        command.args([
            "--progress-bar",
            "off",
            "--no-cache-dir",
            "--no-deps",
            "--only-binary=:all:",
        ]);
        // The same wheel for any Python: libtorch does not depend on the version, only the wheel's
        // Python modules do.
        command.args(["--implementation", "cp", "--python-version", "3.11"]);
        command.args(["--abi", "cp311", "--abi", "abi3", "--abi", "none"]);
        for platform in PLATFORMS {
            command.args(["--platform", platform]);
        }
        command
            .arg("--require-hashes")
            .arg("--requirement")
            .arg(self.requirements);
        command
            .arg("--dest")
            .arg(self.wheels)
            .arg("--log")
            .arg(self.log);
        command.env("TMPDIR", self.scratch);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", python.program.display()))?;
        let progress = Progress::new(self.say);
        let status = loop {
            if let Some(status) = child.try_wait().context("cannot wait for pip")? {
                break status;
            }
            if (self.stopped)() {
                // It may have ended by itself, of the same signal.
                let _ = child.kill();
                let _ = child.wait();
                progress.bar.finish_and_clear();
                bail!("interrupted");
            }
            progress.show(size_below(self.wheels) + size_below(self.scratch));
            std::thread::sleep(PAUSE);
        };
        progress.bar.finish_and_clear();
        if status.success() {
            return Ok(Ok(()));
        }
        let log = fs::read(self.log).unwrap_or_default();
        Ok(Err(diagnose(&String::from_utf8_lossy(&log))))
    }
}

/// A bar on a terminal, else a line every few seconds.
struct Progress<'a> {
    /// Draws nothing without a terminal.
    bar: ProgressBar,
    next_line: std::cell::Cell<Option<Instant>>,
    say: &'a dyn Fn(&str),
}

impl<'a> Progress<'a> {
    const BETWEEN_LINES: Duration = Duration::from_secs(5);

    fn new(say: &'a dyn Fn(&str)) -> Self {
        let style =
            "libtorch [{bar:40}] {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}";
        let style = ProgressStyle::with_template(style).expect("the template is well formed");
        let next_line = (!stderr().is_terminal()).then(|| Instant::now() + Self::BETWEEN_LINES);
        Self {
            bar: ProgressBar::new(DOWNLOAD_BYTES).with_style(style.progress_chars("=> ")),
            next_line: std::cell::Cell::new(next_line),
            say,
        }
    }

    fn show(&self, bytes: u64) {
        // Pip copies a wheel from one folder to the other, so for a moment it is counted twice.
        let bytes = bytes.min(DOWNLOAD_BYTES);
        self.bar.set_position(bytes);
        let now = Instant::now();
        if self.next_line.get().is_some_and(|next| next <= now) {
            (self.say)(&format!(
                "libtorch {} of {DOWNLOAD_MEGABYTES} MB",
                megabytes(bytes)
            ));
            self.next_line.set(Some(now + Self::BETWEEN_LINES));
        }
    }
}

const fn megabytes(bytes: u64) -> u64 {
    (bytes + 500_000) / 1_000_000
}

/// The size of all files in a folder and its subfolders. Files that vanish meanwhile are ignored.
fn size_below(folder: &Path) -> u64 {
    let Ok(entries) = folder.read_dir() else {
        return 0;
    };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// Whether an error of pip or Python reports a full disk.
pub fn is_disk_full(text: &str) -> bool {
    text.contains("No space left on device") || text.contains("Disk quota exceeded")
}

fn diagnose(log: &str) -> Failure {
    let has = |signs: &[&str]| signs.iter().any(|sign| log.contains(sign));
    if is_disk_full(log) {
        return Failure::DiskFull;
    }
    if has(&["DO NOT MATCH THE HASHES"]) {
        return Failure::WrongHash;
    }
    // These come first, because pip then reports "no matching distribution" as well.
    if has(&[
        "Retrying (",
        "Max retries exceeded",
        "ConnectionError",
        "ConnectTimeout",
        "ReadTimeout",
        "SSLError",
        "ProxyError",
    ]) {
        return Failure::NoNetwork;
    }
    if has(&["No matching distribution found"]) {
        return Failure::NotInIndex;
    }
    let last = log
        .lines()
        .rev()
        .find_map(|line| Some(line.split_once("ERROR: ")?.1.trim().to_owned()));
    Failure::Other(last.unwrap_or_else(|| "it reported no reason".to_owned()))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => write!(f, "The disk is full: free some space"),
            Self::WrongHash => write!(
                f,
                "A downloaded file has the wrong hash and was discarded: check whether a mirror or \
                 proxy (`pip config list`) serves a different file, and try again"
            ),
            Self::NoNetwork => write!(
                f,
                "pip cannot reach its package index: check the network, the proxy (HTTPS_PROXY) \
                 and the mirror (`pip config list`), and try again"
            ),
            Self::NotInIndex => write!(
                f,
                "pip's package index does not have torch {VERSION}: check whether a mirror is set \
                 (`pip config list`), and try again"
            ),
            Self::Other(last) => write!(f, "pip failed ({last}): fix the cause and try again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_told_apart_from_its_consequences() {
        let no_network = "\
2026-01-01T00:00:00,000 WARNING: Retrying (Retry(total=0, connect=None, read=None)) after connection broken
2026-01-01T00:00:00,000 ERROR: No matching distribution found for torch==2.11.0
";
        assert_eq!(diagnose(no_network), Failure::NoNetwork);
        assert_eq!(
            diagnose(
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
            ),
            Failure::DiskFull
        );
        assert_eq!(
            diagnose("ERROR: No matching distribution found for torch==2.11.0"),
            Failure::NotInIndex
        );
        assert_eq!(
            diagnose("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."),
            Failure::WrongHash
        );
        assert_eq!(
            diagnose(
                "2026-01-01T00:00:00,000 ERROR: first\n2026-01-01T00:00:00,001 ERROR: second\n  Traceback"
            ),
            Failure::Other("second".to_owned())
        );
    }

    #[test]
    fn a_missing_network_is_reported_with_what_to_check() {
        assert_eq!(
            Failure::NoNetwork.to_string(),
            "pip cannot reach its package index: check the network, the proxy (HTTPS_PROXY) and \
             the mirror (`pip config list`), and try again"
        );
    }
}
