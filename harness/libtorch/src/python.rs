//! The Python that fetches libtorch.

use anyhow::{Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest pip that accepts several `--platform` and `--abi` options.
const OLDEST_PIP: (u32, u32) = (20, 3);

/// A Python 3 with a recent enough pip.
#[derive(Debug, PartialEq, Eq)]
pub struct Python {
    /// The name or path of its program, such as `python3`.
    pub program: PathBuf,
}

/// What was found under a program's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// No such program, or one that is not Python 3.
    Nothing,
    WithoutPip,
    /// With the version of its pip.
    WithPip(u32, u32),
}

impl Python {
    /// The first of the programs that can fetch libtorch. `instead` is what to do instead.
    pub fn find(programs: &[PathBuf], instead: &str) -> Result<Self> {
        let found = programs.iter().map(|program| (&**program, ask(program)));
        pick(&found.collect::<Vec<_>>(), instead)
    }

    /// A command that starts this Python with an empty standard input.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.stdin(Stdio::null());
        command
    }
}

fn pick(found: &[(&Path, Found)], instead: &str) -> Result<Python> {
    let fits = |found: &Found| matches!(found, Found::WithPip(major, minor) if (*major, *minor) >= OLDEST_PIP);
    if let Some((program, _)) = found.iter().find(|(_, found)| fits(found)) {
        let program = program.to_path_buf();
        return Ok(Python { program });
    }
    let first = found.iter().find(|(_, found)| *found != Found::Nothing);
    match first.map(|(program, found)| (program.display(), found)) {
        Some((name, Found::WithPip(major, minor))) => bail!(
            "fetching libtorch needs pip {}.{} or later, but {name} has pip {major}.{minor}. Run \
             `{name} -m pip install --upgrade pip`, or {instead}",
            OLDEST_PIP.0,
            OLDEST_PIP.1
        ),
        Some((name, _)) => bail!(
            "fetching libtorch needs pip, but {name} has none. Install it (Debian, Ubuntu: \
             `apt-get install python3-pip`; elsewhere: `{name} -m ensurepip`), or {instead}"
        ),
        None => bail!(
            "fetching libtorch needs Python 3 with pip, but neither python3 nor python is Python \
             3. Install it (Debian, Ubuntu: `apt-get install python3-pip`), or {instead}"
        ),
    }
}

fn ask(program: &Path) -> Found {
    match evaluate(program, "import sys; print(sys.version_info[0])").as_deref() {
        Ok("3") => {}
        _ => return Found::Nothing,
    }
    match evaluate(program, "import pip; print(pip.__version__)") {
        Ok(version) => {
            let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
            Found::WithPip(parts.next().unwrap_or(0), parts.next().unwrap_or(0))
        }
        Err(_) => Found::WithoutPip,
    }
}

/// The last line that Python code prints; on failure, the last line of its error.
///
/// # Errors
///
/// If the program cannot be started, or the code fails.
pub fn evaluate(program: impl AsRef<OsStr>, code: &str) -> Result<String, String> {
    let output = Command::new(program)
        .args(["-c", code])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let last_line = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.trim().lines().last().unwrap_or_default().to_owned()
    };
    if output.status.success() {
        Ok(last_line(&output.stdout))
    } else {
        Err(last_line(&output.stderr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(python3: Found, python: Found) -> Result<Python> {
        let found = [("python3", python3), ("python", python)];
        let found = found.map(|(name, found)| (Path::new(name), found));
        pick(&found, "set LIBTORCH to a libtorch 2.11.0 folder")
    }

    fn message(python3: Found, python: Found) -> String {
        picked(python3, python).unwrap_err().to_string()
    }

    #[test]
    fn the_first_with_a_recent_pip_is_taken() {
        let pick = |python3, python| picked(python3, python).unwrap().program;
        assert_eq!(
            pick(Found::WithPip(23, 2), Found::WithPip(23, 2)),
            Path::new("python3")
        );
        assert_eq!(
            pick(Found::WithoutPip, Found::WithPip(20, 3)),
            Path::new("python")
        );
        assert_eq!(
            pick(Found::WithPip(9, 0), Found::WithPip(26, 0)),
            Path::new("python")
        );
    }

    #[test]
    fn each_message_says_what_is_missing_and_what_to_do() {
        assert_eq!(
            message(Found::Nothing, Found::Nothing),
            "fetching libtorch needs Python 3 with pip, but neither python3 nor python is Python \
             3. Install it (Debian, Ubuntu: `apt-get install python3-pip`), or set LIBTORCH to a \
             libtorch 2.11.0 folder"
        );
        assert_eq!(
            message(Found::WithoutPip, Found::Nothing),
            "fetching libtorch needs pip, but python3 has none. Install it (Debian, Ubuntu: \
             `apt-get install python3-pip`; elsewhere: `python3 -m ensurepip`), or set LIBTORCH to \
             a libtorch 2.11.0 folder"
        );
        assert_eq!(
            message(Found::Nothing, Found::WithPip(9, 0)),
            "fetching libtorch needs pip 20.3 or later, but python has pip 9.0. Run `python -m pip \
             install --upgrade pip`, or set LIBTORCH to a libtorch 2.11.0 folder"
        );
    }
}
