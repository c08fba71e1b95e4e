//! The link `.cargo/libtorch`.

use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Whether the link exists and leads to a folder other than this one.
pub fn leads_elsewhere(link: &Path, folder: &Path) -> bool {
    fs::read_link(link).is_ok_and(|former| former != folder)
}

/// Makes `link` lead to `folder`, atomically, so that no cargo ever finds it missing.
pub fn point(link: &Path, folder: &Path) -> Result<()> {
    let former = fs::read_link(link).ok();
    if former.as_deref() == Some(folder) {
        return Ok(());
    }
    if former.is_none() && link.symlink_metadata().is_ok() {
        bail!(
            "{} is not a link, but xtask needs a link to libtorch there. Move it elsewhere; if it \
             is a libtorch that you want to use, set LIBTORCH to its new path",
            link.display()
        );
    }
    let new = link.with_extension(format!("new-{}", std::process::id()));
    symlink(folder, &new)
        .and_then(|()| fs::rename(&new, link))
        .with_context(|| format!("cannot create the link {}", link.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_existing_link_can_lead_elsewhere() {
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
    fn a_real_folder_in_its_place_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("libtorch");
        fs::create_dir(&link).unwrap();
        let message = point(&link, Path::new("/a")).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{} is not a link,", link.display())),
            "{message}"
        );
        assert!(link.is_dir());
    }
}
