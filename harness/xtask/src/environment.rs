//! The environment variables that matter, read once so that decisions are functions of values.

use std::ffi::OsString;
use std::path::PathBuf;

/// The variables that the process was started with.
#[derive(Debug, Default, Clone)]
pub struct Environment {
    /// A libtorch folder. Not only the user sets it; see [`crate::libtorch`].
    pub libtorch: Option<OsString>,
    /// torch-sys checks whether it is set, not its value.
    pub libtorch_use_pytorch: bool,
    /// Makes torch-sys skip its version check; again, only whether it is set counts.
    pub libtorch_bypass_version_check: bool,
    /// torch-sys's variables for separate folders. With them compiling, linking and loading could
    /// use different libtorches.
    pub libtorch_lib: Option<OsString>,
    pub libtorch_include: Option<OsString>,
    /// The folder that clbench loads libtorch from.
    pub clbench_libtorch: Option<OsString>,
    pub clbench_cache: Option<PathBuf>,
    pub xdg_cache_home: Option<PathBuf>,
    pub home: Option<PathBuf>,
    /// Set in a Python virtual environment, where the interpreter is called `python`.
    pub virtual_env: bool,
}

impl Environment {
    /// Reads this process's variables.
    pub fn read() -> Self {
        let var = |name| std::env::var_os(name);
        // By convention an empty variable counts as unset.
        let folder = |name| {
            var(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            libtorch: var("LIBTORCH"),
            libtorch_use_pytorch: var("LIBTORCH_USE_PYTORCH").is_some(),
            libtorch_bypass_version_check: var("LIBTORCH_BYPASS_VERSION_CHECK").is_some(),
            libtorch_lib: var("LIBTORCH_LIB"),
            libtorch_include: var("LIBTORCH_INCLUDE"),
            clbench_libtorch: var("CLBENCH_LIBTORCH"),
            clbench_cache: folder("CLBENCH_CACHE"),
            xdg_cache_home: folder("XDG_CACHE_HOME"),
            home: folder("HOME"),
            virtual_env: var("VIRTUAL_ENV").is_some(),
        }
    }
}
