//! The user's own PyTorch.

use super::VERSION;
use anyhow::{Result, bail};
use harness_libtorch::evaluate;
use std::path::PathBuf;

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
