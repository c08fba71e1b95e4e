//! What `pip install` installs: the wheel, in a Python environment of its own, far from the
//! checkout.

use crate::leaderboard::Means;
use crate::tables::files;
use clbench_tests::{Dir, Run, build, nearest_class_mean, python_with_pip, root};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}");
}

/// An environment with the wheel of the built files.
struct Installed {
    dir: Dir,
    /// The folder of its packages.
    packages: PathBuf,
}

impl Installed {
    /// A new one; `None` if there is no pip.
    fn new() -> Option<Installed> {
        let python = python_with_pip()?;
        // A scenario names it, so the wheel has it.
        nearest_class_mean();
        let dir = Dir::new();
        let pack = root().join("harness/xtask/src/wheel/pack.py");
        let release = build();
        let wheels = dir.path("wheels");
        let mut command = Command::new(&python);
        command.args([&*pack, Path::new("--release"), release]);
        succeeds(command.arg("--out").arg(&wheels));
        let environment = dir.path("environment");
        let mut command = Command::new(&python);
        // Without pip, because Debian's Python cannot put it there.
        succeeds(
            command
                .args(["-m", "venv", "--without-pip"])
                .arg(&environment),
        );
        let mut wheels = fs::read_dir(wheels).unwrap();
        let wheel = wheels.next().unwrap().unwrap().path();
        let mut command = Command::new(&python);
        command
            .args(["-m", "pip", "--python"])
            .arg(environment.join("bin/python"))
            .args(["install", "--quiet", "--no-deps", "--no-index"])
            .arg(wheel);
        succeeds(&mut command);
        let mut versions = fs::read_dir(environment.join("lib")).unwrap();
        let packages = versions
            .next()
            .unwrap()
            .unwrap()
            .path()
            .join("site-packages");
        Some(Installed { dir, packages })
    }

    /// A program of the environment with arguments, in another folder, without a libtorch that the
    /// environment's variables name.
    fn run<'a>(&self, dir: &'a Dir, program: &str, arguments: &str) -> Run<'a> {
        let program = self.dir.path("environment/bin").join(program);
        dir.program(&program, arguments.split(' '))
            .without_env("CLBENCH_LIBTORCH")
            .without_env("LIBTORCH")
    }
}

/// The folder `lib` of the libtorch that the tests use.
fn libtorch() -> PathBuf {
    let lib = env::var_os("CLBENCH_LIBTORCH").expect("cargo sets it");
    fs::canonicalize(lib).unwrap()
}

/// The smallest part of the quickstart that trains something.
const PART: &str = "quickstart --domain digits --seed 1992 --only linear-head --limit 2";

/// One test, because installing takes longer than all the rest.
#[test]
fn the_installed_program_has_all_that_it_needs() {
    if let Some(installed) = Installed::new() {
        runs_the_quickstart_in_any_folder(&installed);
        exporters_name_extras_that_exist(&installed);
        uses_only_a_pytorch_of_the_right_version(&installed);
    }
}

fn runs_the_quickstart_in_any_folder(installed: &Installed) {
    let before = files(&installed.packages.join("clbench"));
    let dir = Dir::new();
    let cached = dir.path("cache/libtorch-2.11.0-cpu");
    fs::create_dir(dir.path("cache")).unwrap();
    symlink(libtorch().parent().unwrap(), cached).unwrap();

    let run = |arguments: &str| installed.run(&dir, "clbench", arguments).succeeds().stdout;
    run(&format!("run {PART}"));
    let means = Means::read(&dir, "results/runs/quickstart/leaderboard.csv");
    assert!(means.get("digits", "linear-head", "faa").is_some());

    // What ships is found beside the program, although the checkout is on this machine, too.
    let valid = run("validate digits");
    let shipped = installed.packages.join("clbench/_bin");
    let scenario = shipped.join("scenarios/digits.yaml").display().to_string();
    assert!(
        valid.starts_with(&format!("{scenario} is valid:")),
        "{valid}"
    );
    let plugins = run("ls plugins");
    assert!(
        plugins.contains(&shipped.join("libclbench_clip.so").display().to_string()),
        "{plugins}"
    );
    assert_eq!(files(&installed.packages.join("clbench")), before);

    let module = installed.run(&dir, "python", "-m clbench --version");
    assert_eq!(module.succeeds().stdout, run("--version"));
}

fn exporters_name_extras_that_exist(installed: &Installed) {
    let mut folders = fs::read_dir(&installed.packages).unwrap();
    let metadata = folders.find_map(|entry| {
        let path = entry.unwrap().path().join("METADATA");
        let about = fs::read_to_string(path).ok()?;
        about.contains("\nName: clbench\n").then_some(about)
    });
    let metadata = metadata.expect("the wheel has metadata");
    let dir = Dir::new();
    for (tool, call) in [
        ("tensorboard", "tensorboard('run','out')"),
        ("wandb", "wandb('run')"),
    ] {
        dir.write(
            "call.py",
            format!("import clbench\nclbench.export.{call}\n"),
        );
        let failed = installed.run(&dir, "python", "call.py").outcome();
        let advice = format!("run `pip install 'clbench[{tool}]'`");
        assert!(failed.stderr.contains(&advice), "{}", failed.stderr);
        let extra = format!("\nProvides-Extra: {tool}\nRequires-Dist: {tool}>=");
        assert!(metadata.contains(&extra), "{metadata}");
    }
}

fn uses_only_a_pytorch_of_the_right_version(installed: &Installed) {
    let torch = installed.packages.join("torch");
    fs::create_dir(&torch).unwrap();
    symlink(libtorch(), torch.join("lib")).unwrap();
    let version = |version: &str| {
        let line = format!("__version__ = '{version}'\n");
        fs::write(torch.join("version.py"), line).unwrap();
    };
    let dir = Dir::new();
    // Pip must not fetch one.
    let plan = || {
        let plan = installed.run(&dir, "clbench", &format!("plan {PART}"));
        plan.env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", dir.path("none"))
            .outcome()
    };
    version("2.11.0+cu130");
    assert_eq!(plan().code, 0);

    version("2.9.1+cpu");
    let refused = plan();
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    for said in [
        "/torch is version 2.9.1 of PyTorch; clbench needs 2.11.0\n",
        "or run `pip install 'clbench[torch]'`, or set CLBENCH_LIBTORCH to the folder that holds libtorch_cpu.so",
    ] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}
