//! What the end-to-end tests share: the built program, the built plugins, and a folder to run them
//! in.
//!
//! `cargo test` does not build plugin files or programs of other packages. [`build`] runs cargo to
//! build them, with the profile of the tests, so that nothing is compiled twice.

mod l2p_vit;
mod python;
mod tiny_clip;

pub use l2p_vit::{l2p_images, l2p_query_vit_folder, l2p_vit_folder};
pub use python::{python, python_with_pip, python_with_torch};
pub use tiny_clip::tiny_clip_folder;

use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, fs, thread};
use tempfile::TempDir;

/// The folder with the program and the plugins, built if necessary.
///
/// # Panics
///
/// If the build fails.
pub fn build() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        cargo_build(&[]);
        // Cargo puts everything in the folder of the tests' own binary.
        let test = env::current_exe().expect("a test is a file");
        let folder = test.ancestors().nth(2).expect("target/<profile>/deps");
        folder.to_owned()
    })
}

/// The misbehaving plugin, built if necessary.
///
/// # Panics
///
/// If the build fails.
pub fn misbehaving() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = build();
        cargo_build(&["--examples"]);
        folder.join("examples/libmisbehaving.so")
    })
}

fn cargo_build(more: &[&str]) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--workspace", "--quiet"]).args(more);
    // Cargo tells tests about their package. Build scripts that look at these variables would run
    // again, and all that depends on them would be compiled twice.
    let of_a_package = env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "OUT_DIR"
    });
    for (name, _) in of_a_package {
        cargo.env_remove(name);
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(root()).status().expect("cargo runs");
    assert!(status.success(), "the workspace does not build");
}

/// The peak memory of this process since the last reset, in MiB; 0 if the system does not report
/// it.
pub fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) / 1024
}

/// The built file of the stand-alone plugin project in `tests/fixtures/plugins/`.
///
/// # Panics
///
/// If the build fails.
pub fn nearest_class_mean() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let project = root().join("tests/fixtures/plugins/nearest-class-mean");
        let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["build", "--release", "--quiet", "--locked"])
            .current_dir(&project)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the stand-alone plugin does not build");
        project.join("target/release/libnearest_class_mean.so")
    })
}

/// Waits until a condition holds.
///
/// # Panics
///
/// If it does not within a minute.
pub fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if there() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("timed out waiting for {what}");
}

/// Sends a signal to a process, which may have ended already.
///
/// # Panics
///
/// If the number cannot be that of a process.
pub fn signal(process: u32, signal: Signal) {
    let pid = Pid::from_raw(process as i32).expect("a process");
    let _ = kill_process(pid, signal);
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in the root")
}

/// The folder of the real Fashion-MNIST. If it is missing, tests [`skip`] what needs it.
///
/// # Panics
///
/// If it is missing in continuous integration, which installs it.
pub fn fashion_mnist() -> Option<&'static Path> {
    let folder = Path::new("/usr/share/datasets/fashion-mnist");
    if folder.is_dir() {
        return Some(folder);
    }
    let missing = format!(
        "the real Fashion-MNIST is not in {}; install the Debian package dataset-fashion-mnist",
        folder.display()
    );
    assert!(env::var_os("CI").is_none(), "{missing}");
    skip(&missing);
    None
}

/// Says that a test is skipped, and why: on the uncaptured standard error, so that nobody thinks it
/// passed.
pub fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// A temporary folder for a test, with its own feature cache.
pub struct Dir(TempDir);

impl Dir {
    /// An empty folder.
    ///
    /// # Panics
    ///
    /// If it cannot be created.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Dir {
        Dir(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file to the folder, creating parent folders.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        fs::write(&path, content).expect("a file");
        path
    }

    /// Makes the folder `plugins`, with links to these files, unless it is there.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    pub fn link_plugins(&self, files: &[&Path]) {
        let plugins = self.path("plugins");
        if plugins.exists() {
            return;
        }
        fs::create_dir(&plugins).expect("a folder");
        for file in files {
            let name = file.file_name().expect("a file has a name");
            symlink(file, plugins.join(name)).expect("a link");
        }
    }

    /// `clbench` with arguments, to be run in the folder.
    pub fn clbench<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run<'_> {
        self.program(&build().join("clbench"), args)
    }

    /// A copy of `clbench` with arguments, to be run in the folder.
    pub fn program<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Run<'_> {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.0.path())
            .env("CLBENCH_CACHE", self.path("cache"))
            .env_remove("CLBENCH_PLUGIN_PATH")
            .stdin(Stdio::null());
        Run { command, dir: self }
    }

    /// The outcome of a call that was run in the folder.
    ///
    /// # Panics
    ///
    /// If it was ended by a signal.
    pub fn outcome(&self, output: &Output) -> Outcome {
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .replace(&self.0.path().display().to_string(), "DIR")
                .replace(&build().display().to_string(), "BUILD")
                .replace(&root().display().to_string(), "ROOT")
        };
        Outcome {
            code: output.status.code().expect("clbench ends by itself"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// A call of `clbench`, with nothing on its standard input.
pub struct Run<'a> {
    command: Command,
    dir: &'a Dir,
}

/// The outcome of a call. The paths of the test's folder, the build folder and the repository are
/// replaced by `DIR`, `BUILD` and `ROOT`.
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run<'_> {
    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Reads standard input from a file.
    ///
    /// # Panics
    ///
    /// If it cannot be opened.
    #[must_use]
    pub fn input(mut self, path: &Path) -> Self {
        self.command.stdin(File::open(path).expect("an input"));
        self
    }

    /// Removes an environment variable.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Starts the program; [`Dir::outcome`] turns its output into an outcome.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(mut self) -> Child {
        self.command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("clbench starts")
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or is ended by a signal.
    pub fn outcome(self) -> Outcome {
        let dir = self.dir;
        let output = self.start().wait_with_output();
        dir.outcome(&output.expect("clbench can be waited for"))
    }

    /// Runs the program, which must succeed.
    ///
    /// # Panics
    ///
    /// If it fails, with its standard error.
    pub fn succeeds(self) -> Outcome {
        let outcome = self.outcome();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        outcome
    }
}
