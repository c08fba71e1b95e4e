use super::ImageFolder;
use crate::domain::classes::{ClassKey, LeaveOut};
use crate::domain::collection::Domain;
use crate::domain::content::ContentMemory;
use crate::domain::error::DomainError;
use crate::domain::sample::Split;
use crate::domain::split_list::{RandomSplit, SplitList};
use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Two classes with two training images and one test image each.
fn small() -> TempDir {
    let folder = TempDir::new().unwrap();
    for class in ["2", "100"] {
        for file in ["train/10.png", "train/9.PNG", "test/1.png"] {
            let (split, file) = file.split_once('/').unwrap();
            let path = folder.path().join(split).join(class).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let level = file.len() as u8;
            let image = RgbImage::from_pixel(3, 2, Rgb([level, 20, 30]));
            image.save_with_format(path, ImageFormat::Png).unwrap();
        }
    }
    folder
}

fn open(folder: &Path) -> Result<Domain, DomainError> {
    Domain::open(&ImageFolder::at(folder).into())
}

/// The message of the error with the folder's own path left out.
fn message(folder: &TempDir) -> String {
    let error = open(folder.path()).expect_err("a bad folder is refused");
    error
        .to_string()
        .replace(folder.path().to_str().unwrap(), "DIR")
}

fn names(domain: &Domain, split: Split) -> Vec<&str> {
    domain
        .samples(split)
        .iter()
        .map(|sample| sample.name.as_str())
        .collect()
}

#[test]
fn classes_and_files_are_in_natural_order() {
    let folder = small();
    fs::write(folder.path().join("train/.DS_Store"), "x").unwrap();
    fs::write(folder.path().join("train/2/Thumbs.db"), "x").unwrap();
    fs::write(folder.path().join("README"), "x").unwrap();
    let domain = open(folder.path()).unwrap();
    assert_eq!(domain.classes(), ["2", "100"]);
    assert_eq!(
        names(&domain, Split::Train),
        [
            "train/2/9.PNG",
            "train/2/10.png",
            "train/100/9.PNG",
            "train/100/10.png"
        ]
    );
    assert_eq!(
        names(&domain, Split::Test),
        ["test/2/1.png", "test/100/1.png"]
    );
    let image = domain.image(Split::Train, 1).unwrap();
    assert_eq!(
        (image.dimensions(), image.get_pixel(2, 1).0),
        ((3, 2), [6, 20, 30])
    );
    let summary = domain.summary();
    assert_eq!((summary.n_train, summary.n_test), (4, 2));
}

/// The split hash of [`small`]. It must never change: results of all machines and versions are
/// identified by such hashes.
const SPLIT_HASH: &str = "a541cf66c91e705bc0dd65cddac9e2dbb5389de1cbd635f77ccd8df4121bac5a";

#[test]
fn the_split_hash_is_portable_and_the_content_digest_is_that_of_the_images() {
    let (one, other) = (small(), small());
    let (a, b) = (open(one.path()).unwrap(), open(other.path()).unwrap());
    assert_eq!(a.split_hash(), b.split_hash());
    assert_eq!(a.split_hash().as_str(), SPLIT_HASH);

    let digest = |domain: &Domain| {
        let survey = domain.survey(&ContentMemory::none());
        survey.read(&|| true).unwrap().unwrap().digest().clone()
    };
    assert_eq!(digest(&a), digest(&b));
    let changed = other.path().join("test/2/1.png");
    RgbImage::from_pixel(40, 30, Rgb([1, 2, 3]))
        .save(&changed)
        .unwrap();
    let c = open(other.path()).unwrap();
    assert_eq!(c.split_hash(), b.split_hash());
    assert_ne!(digest(&c), digest(&a));

    fs::rename(&changed, changed.with_file_name("3.png")).unwrap();
    assert_ne!(open(other.path()).unwrap().split_hash(), b.split_hash());
}

#[test]
fn grey_and_transparent_images_become_rgb() {
    let folder = small();
    GrayImage::from_pixel(1, 1, Luma([7]))
        .save(folder.path().join("test/2/1.png"))
        .unwrap();
    RgbaImage::from_pixel(1, 1, Rgba([1, 2, 3, 0]))
        .save(folder.path().join("test/100/1.png"))
        .unwrap();
    let domain = open(folder.path()).unwrap();
    assert_eq!(
        domain.image(Split::Test, 0).unwrap().get_pixel(0, 0).0,
        [7; 3]
    );
    assert_eq!(
        domain.image(Split::Test, 1).unwrap().get_pixel(0, 0).0,
        [1, 2, 3]
    );
}

#[test]
fn missing_split_folders_are_named() {
    let folder = TempDir::new().unwrap();
    let missing = "folder not found; an image folder needs train/<class>/ and test/<class>/";
    assert_eq!(message(&folder), format!("DIR/train: {missing}"));
    fs::create_dir_all(folder.path().join("train/a")).unwrap();
    assert_eq!(message(&folder), format!("DIR/test: {missing}"));
    fs::create_dir(folder.path().join("test")).unwrap();
    assert_eq!(
        message(&folder),
        "DIR/test: no class folders found; put each class's images in a folder named after the class"
    );
}

#[test]
fn a_class_has_samples_in_both_splits() {
    let folder = small();
    fs::create_dir(folder.path().join("test/7")).unwrap();
    assert_eq!(
        message(&folder),
        "DIR/train/7: class `7` has test samples but no train samples; add this folder with images, or remove the \
         class from the test split"
    );
    fs::rename(folder.path().join("test/7"), folder.path().join("train/7")).unwrap();
    assert_eq!(
        message(&folder),
        "DIR/test/7: class `7` has train samples but no test samples; add this folder with images, or remove the \
         class from the train split"
    );
    fs::create_dir(folder.path().join("test/7")).unwrap();
    assert_eq!(
        message(&folder),
        "DIR/train/7: class `7` has no train samples; add some, or remove the class"
    );
}

#[test]
fn nothing_is_skipped() {
    let folder = small();
    let stray = |path: &str| {
        let path = folder.path().join(path);
        fs::write(&path, "x").unwrap();
        let message = message(&folder);
        fs::remove_file(&path).unwrap();
        message
    };
    assert_eq!(
        stray("train/notes.txt"),
        "DIR/train/notes.txt: found a file where only class folders are expected; move it elsewhere"
    );
    assert_eq!(
        stray("test/2/notes.txt"),
        "DIR/test/2/notes.txt: found a file that is not .png, .jpg or .webp where only a class's images are expected; \
         move it elsewhere"
    );
    assert_eq!(
        stray("test/2/text.png"),
        "DIR/test/2/text.png: not a PNG, JPEG or WebP image, despite its name; copy it again, convert it, or delete it"
    );
    fs::create_dir(folder.path().join("test/2/more.png")).unwrap();
    assert_eq!(
        message(&folder),
        "DIR/test/2/more.png: found a folder where only a class's images are expected; move it elsewhere"
    );
}

#[test]
fn images_in_formats_that_are_not_read_are_named_and_counted() {
    let folder = small();
    let one = "DIR/test/2/a.GIF: .gif images are not supported (the only image in such a format below DIR); convert \
               them to PNG, JPEG or WebP, or move them elsewhere";
    fs::write(folder.path().join("test/2/a.GIF"), "GIF89a").unwrap();
    assert_eq!(message(&folder), one);
    fs::write(folder.path().join("train/2/b.bmp"), "BM").unwrap();
    let two = "DIR/train/2/b.bmp: .bmp images are not supported (one of 2 images in such formats below DIR); convert \
               them to PNG, JPEG or WebP, or move them elsewhere";
    assert_eq!(message(&folder), two);
    // The content counts, whatever the name says.
    for (name, content, expected) in [
        ("a.png", &b"GIF89a\x01\0\x01\0"[..], "a GIF image"),
        ("a.jpg", b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC image"),
        ("a.jpg", b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF image"),
        ("a.jpg", b"II*\0\x08\0\0\0", "a TIFF image"),
    ] {
        let folder = small();
        fs::write(folder.path().join("test/2").join(name), content).unwrap();
        assert_eq!(
            message(&folder),
            format!(
                "DIR/test/2/{name}: {expected}, which is not supported; convert it to PNG, JPEG or WebP"
            )
        );
    }
}

#[test]
fn the_content_of_a_file_decides_its_format() {
    let folder = small();
    let image = RgbImage::from_pixel(3, 2, Rgb([7, 8, 9]));
    for (name, format) in [
        ("test/2/png.webp", ImageFormat::Png),
        ("test/2/webp.jpg", ImageFormat::WebP),
    ] {
        let path = folder.path().join(name);
        image.save_with_format(path, format).unwrap();
    }
    let domain = open(folder.path()).unwrap();
    let named = |name: &str| {
        let names = names(&domain, Split::Test);
        names.iter().position(|other| *other == name).unwrap()
    };
    for name in ["test/2/png.webp", "test/2/webp.jpg"] {
        assert_eq!(domain.image(Split::Test, named(name)).unwrap(), image);
    }
}

#[test]
fn an_empty_file_or_a_truncated_header_is_found_on_opening() {
    let folder = small();
    let path = folder.path().join("test/2/1.png");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(
        message(&folder),
        "DIR/test/2/1.png: the file is empty; copy it again, or delete it"
    );
    fs::write(&path, &whole[..20]).unwrap();
    let message = message(&folder);
    assert!(
        message.starts_with("DIR/test/2/1.png: damaged image ("),
        "{message}"
    );
    assert!(
        message.ends_with("); copy it again, or delete it"),
        "{message}"
    );
}

/// Noise, so that the files are longer than the part that is read on opening.
fn noise() -> RgbImage {
    RgbImage::from_fn(96, 96, |x, y| {
        let hash = (x * 7919 + y * 104_729).wrapping_mul(2_654_435_761);
        Rgb([(hash >> 24) as u8, (hash >> 16) as u8, (hash >> 8) as u8])
    })
}

#[test]
fn damage_after_the_header_is_found_on_decoding() {
    for (format, file) in [
        (ImageFormat::Png, "1.png"),
        (ImageFormat::Jpeg, "2.jpeg"),
        (ImageFormat::WebP, "3.webp"),
    ] {
        let folder = small();
        let path = folder.path().join("test/2").join(file);
        noise().save_with_format(&path, format).unwrap();
        let whole = fs::read(&path).unwrap();
        assert!(whole.len() > 5000, "{file} has {} bytes", whole.len());
        let at = names(&open(folder.path()).unwrap(), Split::Test)
            .iter()
            .position(|name| name.ends_with(file))
            .unwrap();
        let decode = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            open(folder.path()).unwrap().image(Split::Test, at)
        };
        assert_eq!(decode(&whole).unwrap().dimensions(), (96, 96));
        let trailed = [&whole[..], b"trailing data\xff\xda"].concat();
        assert!(decode(&trailed).is_ok(), "{file}");
        for length in [whole.len() / 2, whole.len() - 14] {
            let message = decode(&whole[..length]).unwrap_err().to_string();
            assert!(
                message.contains(&format!("test/2/{file}: damaged image (")),
                "{message}"
            );
            assert!(!message.contains('\n'), "{message}");
        }
    }
}

#[test]
fn a_header_may_be_longer_than_what_is_read_first() {
    let folder = small();
    let path = folder.path().join("train/2/long.jpg");
    noise().save(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // A comment of 60,000 bytes after the start-of-image marker.
    let mut comment = vec![0xff, 0xfe, 0xea, 0x60];
    comment.resize(2 + 60_000, b' ');
    bytes.splice(2..2, comment);
    fs::write(&path, bytes).unwrap();
    let domain = open(folder.path()).unwrap();
    let at = domain
        .samples(Split::Train)
        .iter()
        .position(|s| s.name.ends_with("long.jpg"));
    assert_eq!(
        domain
            .image(Split::Train, at.unwrap())
            .unwrap()
            .dimensions(),
        (96, 96)
    );
}

/// The draw runs over the images in the order of torchvision's `ImageFolder`, whatever order other
/// lists have here, and classes that are left out are not drawn from.
#[test]
fn a_random_split_is_drawn_over_torchvisions_order() {
    let folder = TempDir::new().unwrap();
    let classes = ["BACKGROUND", "Zebra", "ant", "ant hill", "bee"];
    for class in classes {
        fs::create_dir(folder.path().join(class)).unwrap();
        for file in ["_1.png", "_2.png", "_10.png", "_11.png"] {
            let path = folder.path().join(class).join(file);
            GrayImage::new(2, 2).save(path).unwrap();
        }
    }
    let mut source = ImageFolder::at(folder.path());
    source.split = Some(SplitList::Random(RandomSplit {
        random: 0.5,
        torch: 42,
    }));
    source.leave_out = Some(LeaveOut(vec![ClassKey::Text("BACKGROUND".to_owned())]));
    let domain = Domain::open(&source.into()).unwrap();
    assert_eq!(domain.classes(), ["Zebra", "ant", "ant hill", "bee"]);
    // Python: random_split(x, [8, 8], generator=torch.Generator().manual_seed(42)), where x are the
    // pairs of classes and files, both sorted.
    assert_eq!(
        names(&domain, Split::Train),
        [
            "ant/_11.png",
            "Zebra/_2.png",
            "Zebra/_1.png",
            "ant/_2.png",
            "ant hill/_11.png",
            "bee/_2.png",
            "Zebra/_11.png",
            "bee/_1.png"
        ]
    );
    assert_eq!(
        names(&domain, Split::Test),
        [
            "bee/_11.png",
            "ant hill/_10.png",
            "ant hill/_1.png",
            "ant/_10.png",
            "ant/_1.png",
            "bee/_10.png",
            "ant hill/_2.png",
            "Zebra/_10.png"
        ]
    );
}
