//! `clbench new`: creates a plugin project, or a strategy in Python.

use super::print::print;
use crate::cli::NewStrategyArgs;
use crate::error::Error;
use crate::project::python::{self, PythonFiles};
use crate::project::{self, Project};
use crate::template::shell_word;
use std::path::Path;

pub(super) fn strategy(args: &NewStrategyArgs) -> Result<(), Error> {
    match (&args.python, &args.dir) {
        (Some(file), _) => in_python(file),
        (None, Some(dir)) => in_rust(dir, args.name.as_deref(), args.abi.as_deref()),
        (None, None) => Err(Error::Usage("name a folder to create".into())),
    }
}

fn in_rust(dir: &Path, name: Option<&str>, abi: Option<&Path>) -> Result<(), Error> {
    let Project { name, files, fetch } = project::strategy(dir, name, abi)?;
    print(&format!(
        "Created the strategy {name} in {}: {}\n\
         Next:\n  cd {}\n  cargo test\n  cargo build --release\n{}  clbench run scenario.yaml\n",
        dir.display(),
        files.join(", "),
        shell_word(&dir.display().to_string()),
        fetched(fetch),
    ))
}

fn in_python(file: &Path) -> Result<(), Error> {
    let PythonFiles {
        class,
        scenario,
        fetch,
    } = python::strategy(file)?;
    let (file, scenario) = (file.display().to_string(), scenario.display().to_string());
    print(&format!(
        "Wrote the strategy {class} to {file}, and a scenario to {scenario}\n\
         Next:\n{}  clbench run {}\n  clbench plugin check {}\n",
        fetched(fetch),
        shell_word(&scenario),
        shell_word(&format!("{file}:{class}")),
    ))
}

/// The step that downloads a model.
fn fetched(model: Option<&str>) -> String {
    model.map_or_else(String::new, |model| {
        format!("  clbench fetch model {model}\n")
    })
}
