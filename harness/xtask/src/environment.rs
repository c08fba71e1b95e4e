//! The environment variables that decide something, read once at the edge so that the decisions are functions of values.

use std::ffi::OsString;
use std::path::PathBuf;

/// The variables as the process was started with them.
#[derive(Debug, Default, Clone)]
pub struct Environment {
    /// A libtorch folder. Not only the user sets it: see [`crate::libtorch`].
    pub libtorch: Option<OsString>,
    /// torch-sys looks at whether it is set, not at its value.
    pub libtorch_use_pytorch: bool,
    /// torch-sys's own way to skip its version check; again, whether it is set.
    pub libtorch_bypass_version_check: bool,
    /// torch-sys's names for folders apart, which would let compiling, linking and loading see different libtorches.
    pub libtorch_lib: Option<OsString>,
    pub libtorch_include: Option<OsString>,
    /// The folder that clbench loads libtorch from.
    pub clbench_libtorch: Option<OsString>,
    pub clbench_cache: Option<PathBuf>,
    pub xdg_cache_home: Option<PathBuf>,
    pub home: Option<PathBuf>,
    /// Set inside a Python virtual environment, where the interpreter is called `python`.
    pub virtual_env: bool,
}

impl Environment {
    /// Reads this process's variables.
    pub fn read() -> Self {
        let var = |name| std::env::var_os(name);
        // The convention for folders: empty is the same as not set.
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
