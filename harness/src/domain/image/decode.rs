//! One image file: its header, which is checked when a domain is opened, and its pixels.
//!
//! On opening, the first kilobytes are read: an empty file, a text file with the wrong name or a
//! truncated header ends the run there. The rest of the file is checked when the image is decoded.
//! The content decides whether a file is PNG, JPEG or WebP, as extensions are often wrong.
//!
//! # Pixels
//!
//! Every image becomes red, green and blue, as in Pillow's `convert("RGB")`: grey is copied to the
//! three channels, a palette is looked up, transparency is dropped (a transparent pixel shows its
//! colour), CMYK is inverted as Adobe's programs write it, and an orientation in the file's
//! metadata is not applied. The upper eight of 16 bits are kept, except in grey images: their
//! values are clipped at 255, so an image that uses the full range turns white. Pillow does this,
//! so published numbers were measured on such images; scale them to 8 bits first to avoid it.
//!
//! Of an animated WebP, the first frame counts.
//!
//! PNG and WebP images equal Pillow's bit for bit, lossy WebP included. JPEG leaves rounding to the
//! decoder. Compared with libjpeg, values differ by at most 1 at usual quality if colours are
//! stored at full size. If colours are stored at half size, as in most photographs, they differ by
//! at most 3 and by less than 0.5 on average; by up to 9 in the last row and column, where libjpeg
//! does not look at neighbours outside the image; and by more in images of a few pixels.

use crate::domain::error::DomainError;
use crate::regular_file;
use image::{
    DynamicImage, ImageBuffer, ImageError, ImageFormat, ImageReader, Limits, Luma, LumaA, Pixel,
    Rgb, RgbImage, Rgba,
};
use std::io::{Cursor, Read};
use std::path::Path;

/// Headers are nearly always this short; if one is longer, the whole file is read.
const HEADER_BYTES: u64 = 4096;

/// The largest file of one image, in bytes.
pub(crate) const LARGEST_FILE: u64 = 256 << 20;

/// The most pixels of an image: where Pillow, too, suspects a decompression bomb.
const MOST_PIXELS: u64 = 178_956_970;

/// The most memory that a decoder may use, in bytes.
const MOST_MEMORY: u64 = 1 << 30;

/// The colour type of a PNG whose pixels are only grey.
const PNG_GREY: u8 = 0;

/// Reads only as much as is needed to know that the file begins like an image.
pub(crate) fn check_header(path: &Path) -> Result<(), DomainError> {
    let unreadable = |cause| unreadable(path, cause);
    let (mut file, metadata) = regular_file::open_with_metadata(path).map_err(unreadable)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES as usize);
    file.by_ref()
        .take(HEADER_BYTES)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let format = format(path, &bytes)?;
    if check_size(path, &bytes, format).is_err() {
        // The header may just be longer.
        check_length(path, metadata.len())?;
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        check_size(path, &bytes, format)?;
    }
    Ok(())
}

/// The image in these bytes, at its own size. Messages call it `path`, which is a file or a part of
/// one.
pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<RgbImage, DomainError> {
    let format = format(path, bytes)?;
    check_size(path, bytes, format)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let image = reader.decode().map_err(|cause| match cause {
        ImageError::Limits(_) => {
            let most = MOST_MEMORY >> 20;
            damaged(path, format!("decoding it takes more than {most} MiB"))
        }
        other => damaged(path, other),
    })?;
    // The JPEG decoder fills missing data with grey, which suits viewers only.
    // The WebP decoder does not miss the end of a file that it can do without.
    let is_whole = match format {
        ImageFormat::Jpeg => jpeg_is_whole(bytes),
        ImageFormat::WebP => webp_is_whole(bytes),
        _ => true,
    };
    if !is_whole {
        return Err(damaged(path, "the file ends inside the image"));
    }
    Ok(match image {
        DynamicImage::ImageLuma16(image) => rgb(&image, |Luma([grey])| [cut_off(grey); 3]),
        // Grey with one value that counts as transparent: the file has no alpha channel, this has.
        DynamicImage::ImageLumaA16(image) if png_colour_type(bytes) == Some(PNG_GREY) => {
            rgb(&image, |LumaA([grey, _])| [cut_off(grey); 3])
        }
        DynamicImage::ImageLumaA16(image) => rgb(&image, |LumaA([grey, _])| [upper(grey); 3]),
        DynamicImage::ImageRgb16(image) => rgb(&image, |Rgb(values)| values.map(upper)),
        DynamicImage::ImageRgba16(image) => rgb(&image, |Rgba([r, g, b, _])| [r, g, b].map(upper)),
        other => other.into_rgb8(),
    })
}

/// An image of 16 bits, pixel by pixel.
fn rgb<P: Pixel<Subpixel = u16>>(
    image: &ImageBuffer<P, Vec<u16>>,
    value: impl Fn(P) -> [u8; 3],
) -> RgbImage {
    let (width, height) = image.dimensions();
    RgbImage::from_fn(width, height, |x, y| Rgb(value(*image.get_pixel(x, y))))
}

fn upper(value: u16) -> u8 {
    value.to_be_bytes()[0]
}

fn cut_off(value: u16) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// A PNG's colour type: what its pixels are made of.
fn png_colour_type(bytes: &[u8]) -> Option<u8> {
    // After the signature, the length and name of the header, width, height and bit depth.
    const AT: usize = 8 + 8 + 4 + 4 + 1;
    bytes.get(AT).copied()
}

/// PNG, JPEG or WebP, by the first bytes.
fn format(path: &Path, bytes: &[u8]) -> Result<ImageFormat, DomainError> {
    let path = || path.to_owned();
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)) => Ok(format),
        _ if bytes.is_empty() => Err(DomainError::EmptyFile { path: path() }),
        guess => Err(match unsupported(guess.ok(), bytes) {
            Some(format) => DomainError::UnsupportedImage {
                path: path(),
                format,
            },
            None => DomainError::NotAnImage { path: path() },
        }),
    }
}

/// The name of a format that is known but not read.
fn unsupported(guess: Option<ImageFormat>, bytes: &[u8]) -> Option<&'static str> {
    match guess {
        Some(ImageFormat::Gif) => Some("GIF"),
        Some(ImageFormat::Bmp) => Some("BMP"),
        Some(ImageFormat::Tiff) => Some("TIFF"),
        Some(ImageFormat::Avif) => Some("AVIF"),
        Some(ImageFormat::Pnm) => Some("PNM"),
        _ => match bytes.get(4..12)? {
            b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftypmsf1" => Some("HEIC"),
            b"jP  \r\n\x87\n" => Some("JPEG 2000"),
            b"JXL \r\n\x87\n" => Some("JPEG XL"),
            _ => None,
        },
    }
}

fn check_size(path: &Path, bytes: &[u8], format: ImageFormat) -> Result<(), DomainError> {
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = (reader.into_dimensions()).map_err(|cause| damaged(path, cause))?;
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(damaged(
            path,
            format!("it has {width}×{height} pixels, and at most {MOST_PIXELS} are decoded"),
        ));
    }
    Ok(())
}

/// Checks the length of a file, or of the part of one, that is an image.
pub(crate) fn check_length(path: &Path, length: u64) -> Result<(), DomainError> {
    match length > LARGEST_FILE {
        true => Err(damaged(
            path,
            format!("it has {length} bytes, and at most {LARGEST_FILE} are read"),
        )),
        false => Ok(()),
    }
}

/// Whether a JPEG file reaches its end-of-image marker. Anything after the marker, such as a
/// phone's video, is not part of the image.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xd9;
    const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;
    // After the start-of-image marker.
    let mut at = 2;
    loop {
        // To the next marker. Inside a scan, 0xff 0x00 is a byte of the data and 0xff 0xff is
        // padding.
        let marker = loop {
            let Some(skip) = bytes
                .get(at..)
                .and_then(|rest| rest.iter().position(|&b| b == 0xff))
            else {
                return false;
            };
            at += skip + 1;
            match bytes.get(at) {
                None => return false,
                Some(0x00 | 0xff) => {}
                Some(marker) if RESTARTS.contains(marker) => {}
                Some(&marker) => break marker,
            }
        };
        at += 1;
        if marker == END_OF_IMAGE {
            return true;
        }
        // A segment, whose length includes its own two bytes; a scan's segment is followed by the
        // scan's data.
        let Some(&[high, low]) = bytes.get(at..at + 2) else {
            return false;
        };
        at += usize::from(u16::from_be_bytes([high, low]));
    }
}

/// Whether a WebP file has as many bytes as its header says.
fn webp_is_whole(bytes: &[u8]) -> bool {
    // After `RIFF`; the length is that of the rest.
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok());
    length.is_some_and(|length| u32::from_le_bytes(length) as usize <= bytes.len() - 8)
}

fn unreadable(path: &Path, cause: std::io::Error) -> DomainError {
    DomainError::Unreadable {
        path: path.to_owned(),
        cause,
    }
}

fn damaged(path: &Path, cause: impl ToString) -> DomainError {
    // Some decoders' messages end in a line break.
    let cause = cause.to_string();
    DomainError::DamagedImage {
        path: path.to_owned(),
        cause: cause.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG of one pixel whose header declares another size.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::new(1, 1)
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        let mut bytes = bytes.into_inner();
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut checksum = flate2::Crc::new();
        checksum.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
        bytes
    }

    #[test]
    fn an_image_of_too_many_pixels_is_refused() {
        let path = Path::new("bomb.png");
        let message = |bytes: &[u8]| decode(path, bytes).unwrap_err().to_string();
        assert_eq!(
            message(&png(60_000, 60_000)),
            "bomb.png: damaged image (it has 60000×60000 pixels, and at most 178956970 are decoded); copy it again, or \
             delete it"
        );
        assert!(decode(path, &png(1, 1)).is_ok());
        // A file that is too short for what it declares is refused, too.
        assert!(message(&png(10_000, 10_000)).starts_with("bomb.png: damaged image ("));
        assert!(check_length(path, LARGEST_FILE).is_ok());
        assert!(check_length(path, LARGEST_FILE + 1).is_err());
    }
}
