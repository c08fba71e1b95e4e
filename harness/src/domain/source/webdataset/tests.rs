use super::*;
use image::{ImageFormat, Rgb};
use std::fs::File;
use std::io::Cursor;
use tempfile::TempDir;

/// A shard with these members.
fn shard(members: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let file = File::create(folder.path().join("train-0.tar")).unwrap();
    let mut archive = tar::Builder::new(file);
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.finish().unwrap();
    folder
}

fn opened(folder: &TempDir) -> Result<SourceImages, String> {
    let root = format!("{}/", folder.path().display());
    images(&Shards::Under(folder.path().into()), "label", false)
        .map_err(|error| error.to_string().replace(&root, ""))
}

fn picture() -> RgbImage {
    RgbImage::from_fn(5, 4, |x, y| Rgb([x as u8 * 50, y as u8 * 60, 7]))
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn webp_images_are_read_and_the_content_decides() {
    let (webp, png) = (encoded(ImageFormat::WebP), encoded(ImageFormat::Png));
    let folder = shard(&[
        ("a.webp", &webp),
        ("a.cls", b"0"),
        ("b.webp", &png),
        ("b.cls", b"1"),
        ("c.jpg", &webp),
        ("c.cls", b"2"),
    ]);
    let found = opened(&folder).unwrap();
    for number in 0..3 {
        let encoded = found.store.encoded(number).unwrap();
        assert_eq!(found.store.decode(number, &encoded).unwrap(), picture());
    }
}

#[test]
fn images_in_formats_that_are_not_read_are_named() {
    let message = |members: &[(&str, &[u8])]| opened(&shard(members)).err();
    let gif = "train-0.tar: 00.gif: .gif images are not supported; convert the images to PNG, JPEG or WebP";
    for members in [
        &[("00.gif", &b"GIF89a"[..]), ("00.cls", b"0")][..],
        &[("00.cls", b"0"), ("00.gif", b"GIF89a")],
        // Without a label too.
        &[("00.gif", b"GIF89a")],
    ] {
        assert_eq!(message(members).as_deref(), Some(gif));
    }
    let png = encoded(ImageFormat::Png);
    let beside: [(&str, &[u8]); 3] = [("00.png", &png), ("00.bmp", b"BM"), ("00.cls", b"0")];
    assert_eq!(message(&beside), None);
    assert_eq!(
        message(&[("00.cls", b"0")]).as_deref(),
        Some(
            "train-0.tar: 00: this key has a label but no image (.jpg, .jpeg, .png or .webp); add the image, or remove the \
             label"
        )
    );
}

#[test]
fn labels_are_read_without_a_byte_order_mark() {
    let png = encoded(ImageFormat::Png);
    let folder = shard(&[
        ("a.png", &png),
        ("a.cls", b"\xef\xbb\xbfcat"),
        ("b.png", &png),
        ("b.json", b"\xef\xbb\xbf{\"label\": \"dog\"}"),
        ("c.png", &png),
        ("c.txt", b"\xef\xbb\xbf007\r\n"),
    ]);
    let tags = opened(&folder)
        .unwrap()
        .images
        .into_iter()
        .map(|i| i.tag.unwrap());
    let expected = [Tag::text("cat"), Tag::text("dog"), Tag::parse("007")];
    assert_eq!(tags.collect::<Vec<_>>(), expected);
    let folder = shard(&[("a.png", &png), ("a.cls", b"\xff\xfec\0")]);
    assert_eq!(
        opened(&folder).err().as_deref(),
        Some("train-0.tar: a.cls: line 1: UTF-16 text; save the file as UTF-8")
    );
}
