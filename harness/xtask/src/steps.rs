//! The steps of each command. Each step is announced on its own line; the first failure ends xtask.
//!
//! Every call of cargo has `--release --workspace`, because cargo recompiles tch's C++ code for
//! another profile, for a subset of the packages that enables other features, and for other
//! `RUSTFLAGS`. With these flags all steps share one compilation. `LIBTORCH` is left unchanged for
//! the same reason.

use crate::book;
use crate::cli::Command;
use crate::environment::Environment;
use crate::libtorch;
use crate::stand_alone::StandAlone;
use crate::wheel;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process;

/// How often `soak` kills cells.
const SOAK_KILLS: &str = "200";

/// Carries out a command.
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
            steps.build_for_run(arguments)?;
            let arguments = [&["run".into()], &arguments[..]].concat();
            steps.become_program("clbench", &arguments)
        }
        Command::Pretrain(arguments) => {
            steps.build()?;
            steps.become_program("pretrain-small-clip", arguments)
        }
        Command::Test(arguments) => {
            // Formatting first: it needs neither libtorch nor a build.
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
            steps.stand_alone_plugins("test", |_| true)?;
            steps.docs()
        }
        Command::Bench(arguments) => {
            steps.libtorch()?;
            // `--bench *` leaves out unit tests, which do not accept criterion's options.
            steps.cargo(
                "benchmarks",
                ["bench", "--workspace", "--bench", "*"],
                arguments,
            )
        }
        Command::Wheel(arguments) => {
            steps.build()?;
            announce("wheel");
            wheel::pack(&workspace.root, workspace.release(), arguments)
        }
        Command::Soak => steps.soak(),
        Command::Book(arguments) => {
            announce("manual");
            book::build(workspace, arguments)
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
            execute("clean", self.cargo_command(arguments.map(OsStr::new)))?;
        }
        Ok(())
    }

    /// Runs the tests that kill cells, with more kills than usual.
    fn soak(&self) -> Result<()> {
        self.libtorch()?;
        let step = "soak";
        announce(step);
        let arguments = [
            "test",
            "--release",
            "--workspace",
            "--test",
            "clbench",
            "a_killed_cell_resumes",
            "--",
            "--nocapture",
        ];
        let mut command = self.cargo_command(arguments.map(OsStr::new));
        command.env("CLBENCH_TEST_KILLS", SOAK_KILLS);
        execute(step, command)
    }

    /// Builds the workspace and the stand-alone plugins.
    fn build(&self) -> Result<()> {
        self.libtorch()?;
        self.cargo("build", ["build", "--release", "--workspace"], [])?;
        self.stand_alone_plugins("build", |_| true)
    }

    /// Builds what `clbench run` with these arguments needs: no other program of the workspace, and
    /// no stand-alone plugin that the scenario does not name.
    fn build_for_run(&self, arguments: &[OsString]) -> Result<()> {
        self.libtorch()?;
        self.cargo(
            "build",
            [
                "build",
                "--release",
                "--workspace",
                "--lib",
                "--bin",
                "clbench",
            ],
            [],
        )?;
        self.stand_alone_plugins("build", |plugin| plugin.may_be_used(arguments))
    }

    /// Builds or tests those stand-alone plugins that are wanted.
    fn stand_alone_plugins(
        &self,
        action: &str,
        wanted: impl Fn(&StandAlone) -> bool,
    ) -> Result<()> {
        let plugins = self.workspace.stand_alone_plugins()?;
        for plugin in plugins.iter().filter(|plugin| wanted(plugin)) {
            let (manifest, target) = (plugin.manifest(), plugin.target());
            let options = [action, "--release", "--locked"].map(OsStr::new);
            let paths = [
                OsStr::new("--manifest-path"),
                manifest.as_os_str(),
                OsStr::new("--target-dir"),
                target.as_os_str(),
            ];
            let step = format!("{action} the stand-alone plugin {}", plugin.name());
            announce(&step);
            execute(&step, self.cargo_command(options.into_iter().chain(paths)))?;
        }
        Ok(())
    }

    /// Builds the API docs; rustdoc's warnings are errors. Unlike `RUSTFLAGS`, rustdoc's flags do
    /// not cause compiled code to be rebuilt.
    fn docs(&self) -> Result<()> {
        let mut flags = env::var_os("RUSTDOCFLAGS").unwrap_or_default();
        flags.push(" -D warnings");
        let step = "API docs";
        announce(step);
        let arguments = ["doc", "--release", "--workspace", "--no-deps"].map(OsStr::new);
        let mut command = self.cargo_command(arguments);
        command.env("RUSTDOCFLAGS", flags);
        execute(step, command)
    }

    /// Replaces this process by a built program, in the user's working folder.
    fn become_program(&self, name: &str, arguments: &[OsString]) -> Result<()> {
        let program = self.workspace.program(name);
        let mut command = process::Command::new(&program);
        command.args(arguments);
        self.name_libtorch(&mut command);
        let error = command.exec();
        Err(error).with_context(|| format!("cannot start {}", program.display()))
    }

    /// Runs a step that is one call of cargo, with the user's additional arguments.
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
        let mut command = process::Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        command.args(arguments).current_dir(&self.workspace.root);
        // Cargo tells xtask about its package. Build scripts look at these variables, and would run
        // again in the next call of cargo that does not have them.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        self.name_libtorch(&mut command);
        command
    }

    /// Sets what `.cargo/config.toml` sets, for a program that cargo does not start. The user's own
    /// value is kept.
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
        bail!("step \"{step}\" failed: cargo {}", arguments.join(" "));
    }
    Ok(())
}
