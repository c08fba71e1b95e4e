//! What each command does, step by step: announced on a line of its own, and stopped at the first that fails.
//!
//! Every call of cargo is `--release --workspace`. That is no whim: cargo compiles tch's C++ side anew for another profile, for
//! a subset of packages with other features, and for other `RUSTFLAGS`; with these flags all steps share one compilation.
//! `LIBTORCH` is left as it is for the same reason.

use crate::cli::Command;
use crate::environment::Environment;
use crate::libtorch;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process;

/// Does what the command says; returns only when all of it went well.
pub fn carry_out(command: &Command, workspace: &Workspace) -> Result<()> {
    let environment = Environment::read();
    let steps = Steps {
        workspace,
        environment: &environment,
    };
    match command {
        Command::Setup => steps.libtorch(),
        Command::Build => steps.build(),
        Command::Run(arguments) => {
            steps.build()?;
            let arguments = [&["run".into()], &arguments[..]].concat();
            steps.become_program("clbench", &arguments)
        }
        Command::Pretrain(arguments) => {
            steps.build()?;
            steps.become_program("pretrain-small-clip", arguments)
        }
        Command::Test(arguments) => {
            // First what needs no libtorch and no compiler: it fails fast.
            steps.cargo("formatting", ["fmt", "--all", "--check"], [])?;
            steps.libtorch()?;
            steps.cargo(
                "lints",
                [
                    "clippy",
                    "--release",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ],
                [],
            )?;
            steps.cargo("tests", ["test", "--release", "--workspace"], arguments)?;
            steps.stand_alone_plugins("test")?;
            steps.docs()
        }
        Command::Bench(arguments) => {
            steps.libtorch()?;
            // `--bench *`: the benchmarks alone, not the unit tests in benchmark mode, which know none of criterion's options.
            steps.cargo(
                "benchmarks",
                ["bench", "--workspace", "--bench", "*"],
                arguments,
            )
        }
        Command::Help => Ok(()),
    }
}

struct Steps<'a> {
    workspace: &'a Workspace,
    environment: &'a Environment,
}

impl Steps<'_> {
    fn libtorch(&self) -> Result<()> {
        let link = self.workspace.libtorch_link();
        libtorch::ensure(self.environment, &link, || self.clean_torch_sys())
    }

    fn clean_torch_sys(&self) -> Result<()> {
        for profile in ["dev", "release"] {
            let arguments = [
                "clean",
                "--quiet",
                "--package",
                "torch-sys",
                "--profile",
                profile,
            ];
            execute("clean-up", self.cargo_command(arguments.map(OsStr::new)))?;
        }
        Ok(())
    }

    /// The workspace, and the plugins that have a workspace of their own.
    fn build(&self) -> Result<()> {
        self.libtorch()?;
        self.cargo("build", ["build", "--release", "--workspace"], [])?;
        self.stand_alone_plugins("build")
    }

    /// Builds or tests the plugins that have a workspace of their own.
    fn stand_alone_plugins(&self, action: &str) -> Result<()> {
        for manifest in self.workspace.stand_alone_plugins()? {
            let project = manifest.parent().context("a manifest lies in a folder")?;
            let target = project.join("target");
            let name = project.file_name().unwrap_or_default().display();
            let options = [action, "--release", "--locked"].map(OsStr::new);
            // Its own target folder even where the user has set a common one: scenarios name the plugin's file by its path.
            let paths = [
                OsStr::new("--manifest-path"),
                manifest.as_os_str(),
                OsStr::new("--target-dir"),
                target.as_os_str(),
            ];
            let step = format!("{action} of the stand-alone plugin {name}");
            announce(&step);
            execute(&step, self.cargo_command(options.into_iter().chain(paths)))?;
        }
        Ok(())
    }

    /// Rustdoc's warnings are errors. Its flags are no part of what compiled code depends on, unlike `RUSTFLAGS`.
    fn docs(&self) -> Result<()> {
        let mut flags = std::env::var_os("RUSTDOCFLAGS").unwrap_or_default();
        flags.push(" -D warnings");
        let step = "docs";
        announce(step);
        let arguments = ["doc", "--release", "--workspace", "--no-deps"].map(OsStr::new);
        let mut command = self.cargo_command(arguments);
        command.env("RUSTDOCFLAGS", flags);
        execute(step, command)
    }

    /// Becomes a program that was built, in the user's folder; the exit code is that program's.
    fn become_program(&self, name: &str, arguments: &[OsString]) -> Result<()> {
        let program = self.workspace.program(name);
        let mut command = process::Command::new(&program);
        command.args(arguments);
        self.name_libtorch(&mut command);
        let error = command.exec();
        Err(error).with_context(|| format!("cannot start {}", program.display()))
    }

    /// A step that is one call of cargo, with further arguments of the user's.
    fn cargo<'b>(
        &self,
        step: &str,
        arguments: impl IntoIterator<Item = &'b str>,
        more: impl IntoIterator<Item = &'b OsString>,
    ) -> Result<()> {
        announce(step);
        let more = more.into_iter().map(OsString::as_os_str);
        let arguments = arguments.into_iter().map(OsStr::new).chain(more);
        execute(step, self.cargo_command(arguments))
    }

    fn cargo_command<'b>(
        &self,
        arguments: impl IntoIterator<Item = &'b OsStr>,
    ) -> process::Command {
        let mut command =
            process::Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command.args(arguments).current_dir(&self.workspace.root);
        self.name_libtorch(&mut command);
        command
    }

    /// What `.cargo/config.toml` sets, for a binary that was not started by cargo. A folder of the user's own stands.
    fn name_libtorch(&self, command: &mut process::Command) {
        if self.environment.clbench_libtorch.is_none() {
            command.env(
                "CLBENCH_LIBTORCH",
                self.workspace.libtorch_link().join("lib"),
            );
        }
    }
}

fn announce(step: &str) {
    eprintln!("xtask: {step}");
}

fn execute(step: &str, mut command: process::Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let status = command
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        let arguments: Vec<_> = command
            .get_args()
            .map(|argument| argument.display().to_string())
            .collect();
        bail!("the step \"{step}\" failed: cargo {}", arguments.join(" "));
    }
    Ok(())
}
