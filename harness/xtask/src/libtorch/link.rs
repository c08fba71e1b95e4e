//! The link `.cargo/libtorch`.

use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Whether the link leads to another folder than this one; a link that is not there yet leads nowhere.
pub fn leads_elsewhere(link: &Path, folder: &Path) -> bool {
    fs::read_link(link).is_ok_and(|former| former != folder)
}

/// Makes `link` lead to `folder`, in one step, so that no cargo ever sees it missing.
pub fn point(link: &Path, folder: &Path) -> Result<()> {
    let former = fs::read_link(link).ok();
    if former.as_deref() == Some(folder) {
        return Ok(());
    }
    if former.is_none() && link.symlink_metadata().is_ok() {
        bail!(
            "{} is not a link. xtask keeps a link to libtorch there: move it away, and if it is a libtorch that you want to use, \
             set LIBTORCH to where you moved it",
            link.display()
        );
    }
    let beside = link.with_extension(format!("new-{}", std::process::id()));
    symlink(folder, &beside)
        .and_then(|()| fs::rename(&beside, link))
        .with_context(|| format!("cannot make the link {}", link.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_link_that_is_there_can_lead_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("libtorch");
        let [a, b] = ["/a", "/b"].map(Path::new);
        assert!(!leads_elsewhere(&link, a));
        point(&link, a).unwrap();
        point(&link, a).unwrap();
        assert!(!leads_elsewhere(&link, a));
        assert!(leads_elsewhere(&link, b));
        point(&link, b).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), b);
    }

    #[test]
    fn a_real_folder_in_its_place_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("libtorch");
        fs::create_dir(&link).unwrap();
        let message = point(&link, Path::new("/a")).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{} is not a link.", link.display())),
            "{message}"
        );
        assert!(link.is_dir());
    }
}
