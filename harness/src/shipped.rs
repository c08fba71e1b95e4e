//! What ships with the program: the small CLIP, the scenarios and their schema.
//!
//! An installed program has them beside it, under the same paths as in the source checkout. A
//! program that was built in a checkout uses the checkout's. The crate `harness-abi`, which plugins
//! in Rust are built against, is in a checkout only.

use crate::{regular_file, suggest};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The schema of scenarios. A folder that has it has everything that ships.
const SCHEMA: &str = "scenarios/scenario.schema.json";

/// The folder of what ships, if there is one.
pub(crate) fn root() -> Option<PathBuf> {
    beside().or_else(checkout)
}

/// The program's own folder, if what ships is in it.
fn beside() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let folder = program.parent()?;
    folder.join(SCHEMA).is_file().then(|| folder.to_owned())
}

/// The folder of installed Python packages that the program is in, if it was installed with pip: it
/// is `clbench/_bin/clbench` there.
pub(crate) fn python_packages() -> Option<PathBuf> {
    let folder = beside()?;
    let package = folder.parent()?;
    let packages = package.parent()?;
    package
        .join("__init__.py")
        .is_file()
        .then(|| packages.to_owned())
}

/// The checkout that this program was built from, if it is still where it was at build time.
pub(crate) fn checkout() -> Option<PathBuf> {
    let root = at_build_time();
    is_abi(&abi(&root)).then_some(root)
}

/// Where the checkout was at build time.
pub(crate) fn at_build_time() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.parent().unwrap_or(harness).to_owned()
}

/// The crate `harness-abi` of a checkout.
pub(crate) fn abi(root: &Path) -> PathBuf {
    root.join("harness/abi")
}

/// Whether this folder is the crate `harness-abi`.
pub(crate) fn is_abi(folder: &Path) -> bool {
    let manifest = regular_file::read_text(&folder.join("Cargo.toml"), 1 << 20);
    manifest.is_ok_and(|manifest| manifest.contains("name = \"harness-abi\""))
}

/// The small CLIP below this root, if it is there.
pub(crate) fn small_clip(root: &Path) -> Option<PathBuf> {
    let folder = root.join("plugins/clip/weights/small");
    folder.join("model.safetensors").is_file().then_some(folder)
}

/// The schema of scenarios below this root, if it is there.
pub(crate) fn schema(root: &Path) -> Option<PathBuf> {
    let file = root.join(SCHEMA);
    file.is_file().then_some(file)
}

/// The file of a scenario that a user names: by its path, or by the name of one that ships, such as
/// `quickstart`. A name has neither a folder nor `.yaml`, and a file of that name comes first.
///
/// # Errors
///
/// If it looks like a name, but is not one; the message has all names.
pub(crate) fn scenario(named: PathBuf) -> Result<PathBuf, String> {
    let of_file = |path: &Path| {
        let ending = path.extension().and_then(OsStr::to_str);
        path.file_name() != Some(path.as_os_str()) || matches!(ending, Some("yaml" | "yml"))
    };
    let Some(name) = named.to_str() else {
        return Ok(named);
    };
    if of_file(&named) || named.exists() {
        return Ok(named);
    }
    let mut known = root().map(|root| scenarios(&root)).unwrap_or_default();
    if let Some(file) = known.remove(name) {
        return Ok(file);
    }
    let names = || known.keys().map(String::as_str);
    let file = format!("{name}.yaml");
    let meant = match Path::new(&file).exists() {
        true => Some(&*file),
        false => suggest::closest(name, names()),
    };
    let meant = meant.map(|meant| format!("; did you mean `{meant}`?"));
    Err(format!(
        "no such file, and no scenario of this name comes with clbench{} The choices are {}",
        meant.as_deref().unwrap_or("."),
        suggest::list(names())
    ))
}

/// The scenarios below this root by name: the files in `scenarios` and in its folders, such as
/// `scenarios/mtil`, but not below these.
fn scenarios(root: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut gather = |folder: &Path| {
        let mut folders = Vec::new();
        for path in entries(folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new("yaml"))
                && let Some(name) = path.file_stem().and_then(OsStr::to_str)
            {
                found.entry(name.to_owned()).or_insert(path);
            }
        }
        folders
    };
    for folder in gather(&root.join("scenarios")) {
        gather(&folder);
    }
    found
}

/// What is in a folder, sorted by name; nothing if it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_name_leads_to_the_scenario_that_ships() {
        let root = checkout().unwrap();
        for (name, file) in [
            ("quickstart", "scenarios/quickstart.yaml"),
            ("x-tail", "scenarios/mtil/x-tail.yaml"),
        ] {
            assert_eq!(scenario(name.into()), Ok(root.join(file)));
        }
        // Paths are taken as they are, whether there is a file or not.
        for path in ["quickstart.yaml", "./quickstart", "a/quickstart", "src"] {
            assert_eq!(scenario(path.into()), Ok(path.into()));
        }
    }

    #[test]
    fn an_unknown_name_is_reported_with_all_that_ship() {
        expect!["no such file, and no scenario of this name comes with clbench; did you mean `quickstart`? The choices are `cars-196`, `cgil-generators`, `cifar-100`, `comparison`, `coop-order-1`, `coop-order-2`, `cross-domain`, `cub-200`, `digits`, `eurosat`, `fashion-mnist`, `frozen-features`, `imagenet-r`, `imagenet-r-rapf`, `isic`, `order-1`, `order-2`, `pilot-cars-196`, `pilot-cifar-100`, `pilot-cub-200`, `prompts`, `quickstart`, `ranpac-cars-196`, `ranpac-cifar-100`, `real-images`, `x-tail`"]
            .assert_eq(&scenario("quikstart".into()).unwrap_err());
        let other = scenario("something".into()).unwrap_err();
        assert!(
            other.contains("comes with clbench. The choices are"),
            "{other}"
        );
    }

    #[test]
    fn no_two_scenarios_that_ship_have_the_same_name() {
        let scenarios = checkout().unwrap().join("scenarios");
        let folders = entries(&scenarios).into_iter().filter(|path| path.is_dir());
        let mut names: Vec<PathBuf> = [scenarios.clone()]
            .into_iter()
            .chain(folders)
            .flat_map(|folder| entries(&folder))
            .filter(|path| path.extension() == Some(OsStr::new("yaml")))
            .map(|path| path.file_name().unwrap().into())
            .collect();
        names.sort();
        assert!(names.windows(2).all(|two| two[0] != two[1]), "{names:?}");
    }
}
