//! What can be wrong with a plugin: one short message each, with the file and how to fix it.

use super::{Kind, crate_folder};
use harness_abi::ErrorCode;
use std::path::{Path, PathBuf};

/// Why a plugin cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// A file that is not a usable plugin.
    #[error("plugin {}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        fault: PluginFault,
    },

    /// A folder to search that cannot be read.
    #[error("plugin folder {}: {source}; check the path", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },

    /// Two files offer the same name.
    #[error(
        "{kind} `{name}` is offered by two plugins, {} and {}; remove one of them, or name one with `plugin:` in the scenario",
        first.display(), second.display()
    )]
    Ambiguous {
        /// What is offered.
        kind: Kind,
        /// Its name.
        name: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },

    /// No plugin offers the name.
    #[error("no plugin offers a {kind} `{name}`{hint}")]
    Unknown {
        /// What was asked for.
        kind: Kind,
        /// Its name.
        name: String,
        /// The closest name, and where plugins were searched for.
        hint: String,
    },

    /// The named file does not offer the name.
    #[error("plugin {} offers no {kind} `{name}`{hint}", path.display())]
    NotOffered {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        kind: Kind,
        /// Its name.
        name: String,
        /// What it does offer.
        hint: String,
    },

    /// libtorch cannot be fetched.
    #[error("{0}")]
    Unfetched(String),

    /// The plugin's own code reported an error.
    #[error("plugin {}: {kind} `{name}`: {error}{}", path.display(), advice(error))]
    Failed {
        /// The file.
        path: PathBuf,
        /// What was called.
        kind: Kind,
        /// Its name.
        name: String,
        /// What it reports.
        error: Box<harness_abi::Error>,
    },
}

/// A panic is never the user's fault.
fn advice(error: &harness_abi::Error) -> &'static str {
    match error.code() {
        ErrorCode::PANIC => "; this is a bug in the plugin, report it to its author",
        _ => "",
    }
}

/// What is wrong with a plugin file.
#[derive(Debug, thiserror::Error)]
pub enum PluginFault {
    /// It does not exist.
    #[error("no such file; check the path, or build the plugin with `cargo build --release`")]
    Missing,
    /// It is a folder.
    #[error(
        "{}",
        match library {
            Some(file) => format!("a crate's folder, not a plugin file; run `cargo build --release` in it, then name `{}`", file.display()),
            None => "a folder, not a plugin file; name the plugin's `.so` file".to_owned(),
        }
    )]
    Folder {
        /// What cargo builds there, if it is a crate's.
        library: Option<PathBuf>,
    },
    /// Its path is not Unicode.
    #[error("its path is not valid UTF-8; rename it, or move it to another folder")]
    NotUnicode,
    /// It cannot be read.
    #[error("cannot be read: {0}; check its permissions")]
    Unreadable(#[source] std::io::Error),
    /// It has no bytes.
    #[error("the file is empty; build the plugin again")]
    Empty,
    /// It is not an ELF file.
    #[error(
        "not a shared library (no ELF signature); name the `.so` file that `cargo build --release` made"
    )]
    NotElf,
    /// It is an ELF file, but not a shared library.
    #[error(
        "an ELF file, but not a shared library; set `crate-type = [\"cdylib\"]` and build the plugin again"
    )]
    NotShared,
    /// It is for another processor.
    #[error("built for {found}, but this machine is {here}; build the plugin on this machine")]
    Architecture {
        /// What it was built for.
        found: String,
        /// What this is.
        here: &'static str,
    },
    /// It is truncated.
    #[error(
        "truncated: expected at least {expected} bytes, found {found}; copy or build the plugin again"
    )]
    Truncated {
        /// The size that its headers call for.
        expected: u64,
        /// Its size.
        found: u64,
    },
    /// Its headers contradict each other.
    #[error("damaged ({0}); build the plugin again")]
    Damaged(String),
    /// It is not a plugin.
    #[error(
        "a shared library, but not a clbench plugin (it has no manifest); export one with `harness_abi::export_plugin!`"
    )]
    NoPlugin,
    /// Its manifest cannot be read.
    #[error("its manifest cannot be read ({0}); build the plugin again")]
    Manifest(String),
    /// It was built for a later version of the boundary.
    #[error(
        "built for plugin ABI {found}, but this clbench uses ABI {here}; use a newer clbench, or build the plugin with this clbench's harness-abi"
    )]
    NewerAbi {
        /// The plugin's.
        found: u32,
        /// Ours.
        here: u32,
    },
    /// It was built for an earlier version of the boundary.
    #[error(
        "built for plugin ABI {found}, but this clbench uses ABI {here}; build the plugin again with this clbench's harness-abi"
    )]
    OlderAbi {
        /// The plugin's.
        found: u32,
        /// Ours.
        here: u32,
    },
    /// It needs another runtime.
    #[error(
        "built for {found}, but this clbench opens {}; build the plugin with the tch that matches it",
        super::LIBTORCH
    )]
    Runtime {
        /// What it was built for.
        found: String,
    },
    /// libtorch was not found.
    #[error(
        "needs {}, which was not found in {searched}{note}; {fix}, or set CLBENCH_LIBTORCH to the folder that holds libtorch_cpu.so",
        super::LIBTORCH
    )]
    NoLibtorch {
        /// Where it was searched for.
        searched: String,
        /// What was passed over.
        note: String,
        /// How to get it.
        fix: &'static str,
    },
    /// The libtorch that was found has another version.
    #[error("needs {}, but {} is version {found}; set CLBENCH_LIBTORCH to the `lib` folder of the right one", super::LIBTORCH, folder.display())]
    WrongLibtorch {
        /// The folder.
        folder: PathBuf,
        /// The version in it.
        found: String,
    },
    /// The system cannot load libtorch.
    #[error(
        "needs {}, but the one in {} cannot be opened ({error}); {fix}, or set CLBENCH_LIBTORCH to the folder of a complete one",
        super::LIBTORCH, folder.display()
    )]
    DamagedLibtorch {
        /// The folder.
        folder: PathBuf,
        /// What the loader says.
        error: String,
        /// How to get another one.
        fix: &'static str,
    },
    /// The system cannot load it.
    #[error(
        "the system cannot load it ({0}); install the libraries that it needs, or build the plugin on this machine"
    )]
    Open(String),
    /// No place for its copy may hold code.
    #[error(
        "this system runs code neither from memory nor from files in {searched}; set TMPDIR to a folder on a file system \
         that is not mounted `noexec`"
    )]
    NotExecutable {
        /// The folders.
        searched: String,
    },
    /// It needs a library next to it that the dynamic linker cannot tell by its name.
    #[error(
        "needs {}, which has no soname; link that library with `-Wl,-soname,{name}`",
        library.display()
    )]
    NoSoname {
        /// The library.
        library: PathBuf,
        /// The name under which it is needed.
        name: String,
    },
    /// It has a manifest, but no functions.
    #[error(
        "it has a manifest, but not the functions that go with it; build the plugin again without stripping its dynamic symbols"
    )]
    NoHeader,
    /// The file has changed.
    #[error("has changed since the run was planned; run again")]
    Changed,
    /// A type that crosses the boundary has another layout.
    #[error("{0}; build the plugin with this clbench's harness-abi")]
    Layout(String),
}

impl PluginFault {
    /// The fault of a path that is a folder. The message calls it `named`.
    pub(crate) fn of_folder(path: &Path, named: &Path) -> Option<PluginFault> {
        let library = || crate_folder::library(path).map(|file| named.join(file));
        path.is_dir()
            .then(|| PluginFault::Folder { library: library() })
    }

    /// The fault of a file that the system cannot read.
    pub(super) fn unreadable(error: std::io::Error) -> PluginFault {
        match error.kind() {
            std::io::ErrorKind::NotFound => PluginFault::Missing,
            _ => PluginFault::Unreadable(error),
        }
    }

    /// The fault of that file.
    pub fn of(self, path: impl Into<PathBuf>) -> PluginError {
        PluginError::File {
            path: path.into(),
            fault: self,
        }
    }
}
