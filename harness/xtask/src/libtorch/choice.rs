//! Which libtorch is used: the user's, after a check, or the fetched one.

use super::{VERSION, python, version};
use crate::environment::Environment;
use anyhow::{Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Which libtorch is used.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// A folder that the user has named. It has `lib`, `include` and the right version.
    Users(PathBuf),
    /// The one in the cache.
    Fetched,
}

/// Decides as torch-sys, which compiles against it, does: `LIBTORCH_USE_PYTORCH` wins over
/// `LIBTORCH`.
///
/// If `LIBTORCH` is `link`, this repository's `.cargo/config.toml` has set it, not the user.
pub fn choose(environment: &Environment, link: &Path) -> Result<Choice> {
    let separate = [
        ("LIBTORCH_LIB", &environment.libtorch_lib),
        ("LIBTORCH_INCLUDE", &environment.libtorch_include),
    ];
    if let Some((name, _)) = separate.iter().find(|(_, value)| value.is_some()) {
        bail!(
            "{name} must not be set, because plugins must be compiled against the same libtorch \
             that is loaded. Unset it; to use your own libtorch, set LIBTORCH to a folder that has \
             both lib and include"
        );
    }
    let bypass = environment.libtorch_bypass_version_check;
    if environment.libtorch_use_pytorch {
        let folder = python::torch_folder(environment.virtual_env)?;
        check(&folder, "LIBTORCH_USE_PYTORCH", bypass)?;
        return Ok(Choice::Users(folder));
    }
    match &environment.libtorch {
        Some(value) if Path::new(value) != link => {
            check_is_absolute(value)?;
            let folder = PathBuf::from(value);
            check(&folder, "LIBTORCH", bypass)?;
            Ok(Choice::Users(folder))
        }
        _ => Ok(Choice::Fetched),
    }
}

fn check_is_absolute(value: &OsStr) -> Result<()> {
    if !Path::new(value).is_absolute() {
        bail!(
            "LIBTORCH must be an absolute path, but is \"{}\". Set it to the absolute path of a \
             libtorch folder, or unset it to fetch libtorch",
            value.display()
        );
    }
    Ok(())
}

/// Checks that a folder has the parts and the version that tch needs. `named_by` is the variable
/// that names the folder.
fn check(folder: &Path, named_by: &str, bypass_version: bool) -> Result<()> {
    let fix = format!(
        "Unset {named_by} to fetch the right one, or set it to a libtorch {VERSION} folder"
    );
    let library = format!(
        "lib/{}torch_cpu{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let parts = [
        library.as_str(),
        "include/torch/csrc/api/include/torch/torch.h",
    ];
    if let Some(missing) = parts.into_iter().find(|part| !folder.join(part).is_file()) {
        bail!(
            "{named_by} leads to {}, which is not a complete libtorch: {missing} is missing. {fix}",
            folder.display()
        );
    }
    if bypass_version {
        return Ok(());
    }
    let found = version::of_folder(folder);
    if found.as_deref() != Some(VERSION) {
        let found = found.map_or("a libtorch of unknown version".to_owned(), |found| {
            format!("libtorch {found}")
        });
        bail!(
            "{named_by} leads to {}, which is {found}, but clbench needs {VERSION}. {fix}. \
             LIBTORCH_BYPASS_VERSION_CHECK=1 skips this check",
            folder.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const LINK: &str = "/repository/.cargo/libtorch";

    fn with_libtorch(value: impl AsRef<OsStr>) -> Environment {
        Environment {
            libtorch: Some(value.as_ref().to_owned()),
            ..Environment::default()
        }
    }

    fn message(environment: &Environment) -> String {
        choose(environment, Path::new(LINK))
            .unwrap_err()
            .to_string()
    }

    /// A folder that looks like a libtorch of the given version.
    fn libtorch(version: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let headers = folder.path().join("include/torch/csrc/api/include/torch");
        fs::create_dir_all(&headers).unwrap();
        fs::write(headers.join("torch.h"), "").unwrap();
        fs::create_dir(folder.path().join("lib")).unwrap();
        let name = format!(
            "{}torch_cpu{}",
            std::env::consts::DLL_PREFIX,
            std::env::consts::DLL_SUFFIX
        );
        fs::write(folder.path().join("lib").join(name), "").unwrap();
        fs::write(folder.path().join("build-version"), version).unwrap();
        folder
    }

    #[test]
    fn a_value_set_by_cargo_is_not_the_users() {
        let link = Path::new(LINK);
        assert_eq!(
            choose(&Environment::default(), link).unwrap(),
            Choice::Fetched
        );
        assert_eq!(choose(&with_libtorch(LINK), link).unwrap(), Choice::Fetched);
    }

    #[test]
    fn a_folder_of_the_right_version_is_taken() {
        let folder = libtorch("2.11.0+cu130\n");
        let choice = choose(&with_libtorch(folder.path()), Path::new(LINK)).unwrap();
        assert_eq!(choice, Choice::Users(folder.path().to_owned()));
    }

    #[test]
    fn a_wrong_version_is_reported_with_the_right_one_and_the_fix() {
        let folder = libtorch("2.8.0+cpu");
        let mut environment = with_libtorch(folder.path());
        assert_eq!(
            message(&environment),
            format!(
                "LIBTORCH leads to {}, which is libtorch 2.8.0, but clbench needs 2.11.0. Unset \
                 LIBTORCH to fetch the right one, or set it to a libtorch 2.11.0 folder. \
                 LIBTORCH_BYPASS_VERSION_CHECK=1 skips this check",
                folder.path().display()
            )
        );
        environment.libtorch_bypass_version_check = true;
        assert!(choose(&environment, Path::new(LINK)).is_ok());
    }

    #[test]
    fn a_folder_without_libtorch_a_relative_path_and_separate_folders_are_rejected() {
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(
            message(&with_libtorch(empty.path())),
            format!(
                "LIBTORCH leads to {}, which is not a complete libtorch: lib/{}torch_cpu{} is \
                 missing. Unset LIBTORCH to fetch the right one, or set it to a libtorch 2.11.0 \
                 folder",
                empty.path().display(),
                std::env::consts::DLL_PREFIX,
                std::env::consts::DLL_SUFFIX,
            )
        );
        for relative in ["", "libtorch"] {
            let message = message(&with_libtorch(relative));
            assert!(
                message.starts_with(&format!(
                    "LIBTORCH must be an absolute path, but is \"{relative}\"."
                )),
                "{message}"
            );
        }
        let separate = Environment {
            libtorch_lib: Some("/usr".into()),
            ..Environment::default()
        };
        assert!(message(&separate).starts_with("LIBTORCH_LIB must not be set,"));
    }
}
