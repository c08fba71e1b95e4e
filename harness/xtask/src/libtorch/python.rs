//! The Python that fetches libtorch, and the user's own PyTorch.

use super::VERSION;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The oldest pip that accepts several `--platform` and `--abi` options.
const OLDEST_PIP: (u32, u32) = (20, 3);

/// A Python 3 with a recent enough pip.
#[derive(Debug, PartialEq, Eq)]
pub struct Python {
    /// The name of its program, such as `python3`.
    pub name: &'static str,
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
    /// The first of `python3` and `python` that can fetch libtorch.
    pub fn find() -> Result<Self> {
        pick(["python3", "python"].map(|name| (name, ask(name))))
    }

    /// A command that starts this Python with an empty standard input.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.name);
        command.stdin(Stdio::null());
        command
    }
}

fn pick(found: [(&'static str, Found); 2]) -> Result<Python> {
    let or_own = format!("or set LIBTORCH to a libtorch {VERSION} folder");
    let fits = |found: &Found| matches!(found, Found::WithPip(major, minor) if (*major, *minor) >= OLDEST_PIP);
    if let Some((name, _)) = found.iter().find(|(_, found)| fits(found)) {
        return Ok(Python { name });
    }
    match found
        .into_iter()
        .find(|(_, found)| *found != Found::Nothing)
    {
        Some((name, Found::WithPip(major, minor))) => bail!(
            "fetching libtorch needs pip {}.{} or later, but {name} has pip {major}.{minor}. Run \
             `{name} -m pip install --upgrade pip`, {or_own}",
            OLDEST_PIP.0,
            OLDEST_PIP.1
        ),
        Some((name, _)) => bail!(
            "fetching libtorch needs pip, but {name} has none. Install it (Debian, Ubuntu: \
             `apt-get install python3-pip`; elsewhere: `{name} -m ensurepip`), {or_own}"
        ),
        None => bail!(
            "fetching libtorch needs Python 3 with pip, but neither python3 nor python is Python \
             3. Install it (Debian, Ubuntu: `apt-get install python3-pip`), {or_own}"
        ),
    }
}

fn ask(name: &str) -> Found {
    match evaluate(name, "import sys; print(sys.version_info[0])").as_deref() {
        Ok("3") => {}
        _ => return Found::Nothing,
    }
    match evaluate(name, "import pip; print(pip.__version__)") {
        Ok(version) => {
            let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
            Found::WithPip(parts.next().unwrap_or(0), parts.next().unwrap_or(0))
        }
        Err(_) => Found::WithoutPip,
    }
}

/// The last line that Python code prints; on failure, the last line of its error.
fn evaluate(name: &str, code: &str) -> Result<String, String> {
    let output = Command::new(name)
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

/// The folder of the PyTorch that the user's Python imports; torch-sys finds it the same way.
///
/// The code also imports setuptools, because the PyTorch module that torch-sys asks for paths needs
/// it.
pub fn torch_folder(virtual_env: bool) -> Result<PathBuf> {
    let name = if virtual_env { "python" } else { "python3" };
    let code = "import importlib.util as u, os, setuptools; s = u.find_spec('torch'); print(os.path.dirname(s.origin) if s else '')";
    let fix = "or unset LIBTORCH_USE_PYTORCH to fetch libtorch";
    match evaluate(name, code) {
        Ok(folder) if folder.is_empty() => bail!(
            "LIBTORCH_USE_PYTORCH is set, but {name} has no PyTorch: run `{name} -m pip install \
             torch=={VERSION}`, {fix}"
        ),
        Ok(folder) => Ok(PathBuf::from(folder)),
        Err(reason) if reason.contains("setuptools") => bail!(
            "LIBTORCH_USE_PYTORCH is set, but {name} has no setuptools, which PyTorch needs to \
             report its paths: run `{name} -m pip install setuptools`, {fix}"
        ),
        Err(reason) => {
            bail!(
                "LIBTORCH_USE_PYTORCH is set, but {name} does not run ({reason}): fix that, {fix}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(python3: Found, python: Found) -> String {
        pick([("python3", python3), ("python", python)])
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_first_with_a_recent_pip_is_taken() {
        let pick = |python3, python| {
            pick([("python3", python3), ("python", python)])
                .unwrap()
                .name
        };
        assert_eq!(
            pick(Found::WithPip(23, 2), Found::WithPip(23, 2)),
            "python3"
        );
        assert_eq!(pick(Found::WithoutPip, Found::WithPip(20, 3)), "python");
        assert_eq!(pick(Found::WithPip(9, 0), Found::WithPip(26, 0)), "python");
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
