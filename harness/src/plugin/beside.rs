//! Libraries that a plugin finds relative to its own file, by `$ORIGIN` in its rpath.
//!
//! A plugin is loaded from a copy that has no folder, where `$ORIGIN` leads nowhere. So such
//! libraries are opened before it, from the plugin's folder. The dynamic linker then takes them for
//! the ones that the plugin names, if they have a soname. They are not part of the plugin's hash.

use super::{PluginFault, library};
use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL, RTLD_NOW};
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, FileHeader64};
use object::read::elf::{Dyn, FileHeader};
use object::{LittleEndian, elf};
use std::path::{Path, PathBuf};

/// Opens the libraries that a plugin with these bytes needs from the folder `origin`, unless this
/// process already has a library of that name.
///
/// # Safety
///
/// The libraries' initialisers run; the caller must trust them.
pub(super) unsafe fn open(bytes: &[u8], origin: &Path) -> Result<(), PluginFault> {
    let needed = needed(bytes).map_err(|error| PluginFault::Damaged(error.to_string()))?;
    for name in &needed.names {
        let Some(path) = needed.beside(name, origin) else {
            continue;
        };
        if is_open(name) {
            continue;
        }
        // SAFETY: the caller trusts the initialisers.
        unsafe { library::open(&path, RTLD_NOW | RTLD_LOCAL) }.map_err(PluginFault::Open)?;
        if !is_open(name) {
            return Err(PluginFault::NoSoname {
                library: path,
                name: name.clone(),
            });
        }
    }
    Ok(())
}

/// Whether a library that is loaded has this name.
fn is_open(name: &str) -> bool {
    /// Linux's flag to open only what is loaded already.
    const RTLD_NOLOAD: i32 = 4;
    // SAFETY: nothing is loaded, so no initialiser runs.
    unsafe { Library::open(Some(name), RTLD_LAZY | RTLD_NOLOAD) }.is_ok()
}

/// What a library needs, and where it says to search.
#[derive(Debug, Default)]
struct Needed {
    names: Vec<String>,
    rpath: String,
}

impl Needed {
    /// The file with this name, if the first folder of the rpath that has it is relative to
    /// `origin`.
    fn beside(&self, name: &str, origin: &Path) -> Option<PathBuf> {
        let origin = origin.to_str()?;
        let folders = self.rpath.split(':').filter(|folder| !folder.is_empty());
        let mut found = folders.filter_map(|folder| {
            let expanded = folder.replace("$ORIGIN", origin);
            let expanded = expanded.replace("${ORIGIN}", origin);
            let path = Path::new(&expanded).join(name);
            path.is_file().then(|| (expanded != folder, path))
        });
        let (relative, path) = found.next()?;
        relative.then_some(path)
    }
}

/// Reads the dynamic section of a shared library that passed the preflight.
fn needed(bytes: &[u8]) -> object::Result<Needed> {
    let header = FileHeader64::<LittleEndian>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let Some((entries, strings)) = sections.dynamic(endian, bytes)? else {
        return Ok(Needed::default());
    };
    let strings = sections.strings(endian, bytes, strings)?;
    let all = |tag: elf::DynamicTag| {
        let entries = entries.iter().filter(move |entry| entry.tag(endian) == tag);
        let texts = entries.map(|entry| entry.string(endian, strings));
        texts
            .map(|text| Ok(String::from_utf8_lossy(text?).into_owned()))
            .collect::<object::Result<Vec<String>>>()
    };
    // The dynamic linker ignores an rpath if there is a runpath.
    let runpath = all(DT_RUNPATH)?;
    let rpath = match runpath.is_empty() {
        true => all(DT_RPATH)?,
        false => runpath,
    };
    Ok(Needed {
        names: all(DT_NEEDED)?,
        rpath: rpath.join(":"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{fixture, sealed};
    use super::*;
    use std::fs;

    /// A library in `lib` below the folder, and one that needs it from there.
    fn pair(dir: &Path, name: &str, flags: &[&str]) -> PathBuf {
        let lib = dir.join("lib");
        fs::create_dir_all(&lib).unwrap();
        let helper = format!("int {name}(void) {{ return 42; }}");
        let helper = fixture::library(&lib, name, &helper, flags);
        let code = format!("int {name}(void); int number(void) {{ return {name}(); }}");
        let helper = helper.parent().unwrap().display().to_string();
        fixture::library(
            dir,
            &format!("uses-{name}"),
            &code,
            &[
                &format!("-L{helper}"),
                &format!("-l{name}"),
                "-Wl,-rpath,/nowhere:$ORIGIN/lib",
            ],
        )
    }

    fn number(plugin: &Path) -> Result<i32, PluginFault> {
        let bytes = fs::read(plugin).unwrap();
        let hash = blake3::hash(&bytes).to_hex();
        let origin = plugin.parent().unwrap();
        // SAFETY: the tests' libraries have no initialisers.
        let library = unsafe { sealed::open(plugin, &hash, |bytes| open(bytes, origin)) }?;
        Ok(fixture::function(&library, "number"))
    }

    #[test]
    fn a_library_relative_to_the_plugin_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let plugin = pair(dir.path(), "besidea", &["-Wl,-soname,libbesidea.so"]);
        assert_eq!(number(&plugin).unwrap(), 42);
    }

    #[test]
    fn a_library_without_a_soname_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let plugin = pair(dir.path(), "besideb", &[]);
        let error = number(&plugin).unwrap_err().to_string();
        let library = dir.path().join("lib/libbesideb.so");
        assert_eq!(
            error,
            format!(
                "needs {}, which has no soname; link that library with `-Wl,-soname,libbesideb.so`",
                library.display()
            )
        );
    }

    #[test]
    fn a_missing_library_is_left_to_the_dynamic_linker() {
        let dir = tempfile::tempdir().unwrap();
        let plugin = pair(dir.path(), "besidec", &["-Wl,-soname,libbesidec.so"]);
        fs::remove_dir_all(dir.path().join("lib")).unwrap();
        let error = number(&plugin).unwrap_err().to_string();
        let expected = "(libbesidec.so: cannot open shared object file";
        assert!(error.contains(expected), "{error}");
    }
}
