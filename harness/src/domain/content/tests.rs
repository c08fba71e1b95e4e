use super::*;
use crate::domain::source::{Digits, ImageFolder, Pictures};
use expect_test::expect;
use harness_pictures::Style;
use image::{Rgb, RgbImage};
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

/// Two classes with two training images and one test image each.
fn images(folder: &Path) {
    for (number, file) in [
        "train/a/0",
        "train/a/1",
        "train/b/0",
        "train/b/1",
        "test/a/0",
        "test/b/0",
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.join(file).with_extension("png");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        paint(&path, number as u8);
    }
}

/// All images have the same size in bytes.
fn paint(path: &Path, shade: u8) {
    let image = RgbImage::from_pixel(3, 2, Rgb([shade, 200, 100]));
    image.save(path).unwrap();
}

fn open(folder: &Path) -> Domain {
    Domain::open(&ImageFolder::at(folder).into()).unwrap()
}

/// A survey as it would be once all files have been left alone for a while.
fn later<'a>(domain: &'a Domain, memory: &ContentMemory) -> ContentSurvey<'a> {
    let mut survey = domain.survey(memory);
    survey.begun += Duration::from_secs(10);
    survey
}

/// The digest of a folder's images, and how many of them had to be read for it.
fn digest(survey: ContentSurvey<'_>) -> (String, usize) {
    let unread = survey.unread();
    assert!(survey.content().is_some() || unread > 0);
    let content = survey.read(&|| true).unwrap().unwrap();
    survey.remember(&content);
    (content.digest().as_str().to_owned(), unread)
}

/// A folder of images, and a memory.
fn scene() -> (TempDir, PathBuf, ContentMemory) {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("images");
    images(&root);
    let memory = ContentMemory::new(folder.path().join("memory"));
    (folder, root, memory)
}

#[test]
fn unchanged_files_are_read_once() {
    let (folder, root, memory) = scene();
    let domain = open(&root);
    let (first, unread) = digest(domain.survey(&memory));
    assert_eq!(unread, 6);
    // They have just been written, so they may change again within the same tick.
    assert_eq!(digest(later(&domain, &memory)), (first.clone(), 6));
    assert_eq!(digest(domain.survey(&memory)), (first.clone(), 0));
    // Also under another name of the folder, and in a domain with fewer samples.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&root, &link).unwrap();
    assert_eq!(digest(open(&link).survey(&memory)), (first.clone(), 0));
    let limited = open(&root).limited(std::num::NonZeroUsize::MIN);
    let (part, unread) = digest(limited.survey(&memory));
    assert!(part != first && unread == 0);
    // A copy is read, and is the same.
    let copy = folder.path().join("copy");
    images(&copy);
    assert_eq!(digest(open(&copy).survey(&memory)), (first, 6));
}

/// Also at equal size and modification time.
#[test]
fn a_changed_file_is_read_again_and_no_other() {
    let (_folder, root, memory) = scene();
    let (first, _) = digest(later(&open(&root), &memory));
    let path = root.join("train/b/1.png");
    let before = fs::metadata(&path).unwrap();
    paint(&path, 99);
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&path).unwrap();
    let stat = |found: &fs::Metadata| (found.len(), found.modified().unwrap());
    assert_eq!(
        stat(&before),
        stat(&after),
        "they differ in nothing but their change time"
    );

    let (second, unread) = digest(open(&root).survey(&memory));
    assert_eq!(unread, 1);
    assert_ne!(second, first);
    // With this trust, nothing was known before, and then too much.
    let stat = memory.trusting(Trust::Stat);
    assert_eq!(digest(later(&open(&root), &stat)), (second.clone(), 6));
    paint(&path, 98);
    file.set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(digest(open(&root).survey(&stat)), (second.clone(), 0));
    let (third, unread) = digest(open(&root).survey(&memory));
    assert!(third != second && unread == 1);
}

#[test]
fn a_damaged_memory_is_no_memory() {
    let (folder, root, memory) = scene();
    let first = digest(later(&open(&root), &memory));
    let path = fs::read_dir(folder.path().join("memory"))
        .unwrap()
        .next()
        .unwrap();
    let path = path.unwrap().path();
    let good = fs::read(&path).unwrap();
    for at in [0, 20, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(digest(open(&root).survey(&memory)), first);
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(digest(open(&root).survey(&memory)).1, 0);
}

#[test]
fn an_image_that_changes_while_it_is_in_use_is_an_error() {
    let (_folder, root, memory) = scene();
    let domain = open(&root);
    let content = domain.survey(&memory).read(&|| true).unwrap().unwrap();
    domain.know_content(content);
    domain.image(Split::Test, 1).unwrap();
    let path = root.join("test/b/0.png");
    paint(&path, 99);
    assert_eq!(
        domain.image(Split::Test, 1).unwrap_err().to_string(),
        format!(
            "{}: the image of `test/b/0.png` changed while it was in use; leave the images as they are during a run, and \
             run again",
            path.display()
        )
    );
    domain.image(Split::Test, 0).unwrap();
}

/// Digests must never change: results of all machines and versions are identified by them. A drawn
/// domain's are those of what is drawn.
#[test]
fn the_digests_of_built_in_domains_are_pinned() {
    let digest = |domain: Domain| digest(domain.survey(&ContentMemory::none())).0;
    let digits = Domain::open(&Digits {}.into()).unwrap();
    expect!["2e51b4db60a0b2e63b2f743f6353683aadfc874451114669b36be6e8c6c02955"]
        .assert_eq(&digest(digits));
    let styles = Style::ALL.map(|style| digest(Domain::open(&Pictures { style }.into()).unwrap()));
    expect![[r#"
        606c9de357ef4d96610d4facb214707d78b3f138450dbb396ebd22445a191285
        057aa5ffecf30d4a4aa1a676192d72b17e8ae692880ef976d72707fff7afe103
        066082b7eed81dad34386e3d5acd9596384bf29a19fcd91d91714a049fe7b47d
        436fc5f46aa2bc0e6460d9f2322ad0058ace4779587e5bd1a8f70bb71a81383d
        c9ab830dc1f55f76624e4d77a6c0add32ef4e118a1eecb22c5e3de674834f1df"#]]
    .assert_eq(&styles.join("\n"));
}
