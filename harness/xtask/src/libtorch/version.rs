//! Read the version of a libtorch folder from its files.

use std::path::Path;

/// The version without its build suffix (`2.11.0`, not `2.11.0+cpu`), or `None` if it is not found.
///
/// Archives of libtorch have a file `build-version`; an installed PyTorch has its version in a
/// header.
pub fn of_folder(folder: &Path) -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    if let Some(text) = read("build-version") {
        return Some(without_suffix(&text).to_owned());
    }
    // The second is the path up to 2.8.
    [
        "include/torch/headeronly/version.h",
        "include/torch/csrc/api/include/torch/version.h",
    ]
    .into_iter()
    .filter_map(read)
    .find_map(|header| of_header(&header))
}

fn without_suffix(version: &str) -> &str {
    let version = version.trim();
    version
        .split_once('+')
        .map_or(version, |(number, _)| number)
}

/// Reads lines such as `#define TORCH_VERSION_MAJOR 2`.
fn of_header(text: &str) -> Option<String> {
    let part = |name: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let is_it = words.next() == Some("#define") && words.next() == Some(name);
            words.next().filter(|_| is_it)?.parse::<u32>().ok()
        })
    };
    let major = part("TORCH_VERSION_MAJOR")?;
    let minor = part("TORCH_VERSION_MINOR")?;
    let patch = part("TORCH_VERSION_PATCH")?;
    Some(format!("{major}.{minor}.{patch}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const HEADER: &str = "\
#pragma once
/// Indicates the major version of LibTorch.
#define TORCH_VERSION_MAJOR 2
#define TORCH_VERSION_MINOR 8
#define TORCH_VERSION_PATCH 0
#define TORCH_VERSION_ABI_TAG 0
#define TORCH_VERSION \\
  \"2.8.0\"
";

    #[test]
    fn the_version_is_in_an_archives_build_version_or_in_an_installed_pytorchs_header() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of_folder(folder.path()), None);

        let headers = folder.path().join("include/torch/csrc/api/include/torch");
        fs::create_dir_all(&headers).unwrap();
        fs::write(
            headers.join("version.h"),
            "#include <torch/headeronly/version.h>\n",
        )
        .unwrap();
        assert_eq!(of_folder(folder.path()), None);
        fs::write(headers.join("version.h"), HEADER).unwrap();
        assert_eq!(of_folder(folder.path()).as_deref(), Some("2.8.0"));

        fs::write(folder.path().join("build-version"), "2.11.0+cu130\n").unwrap();
        assert_eq!(of_folder(folder.path()).as_deref(), Some("2.11.0"));
    }
}
