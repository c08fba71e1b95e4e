//! One image file: its header, which is checked when a domain is opened, and its pixels.
//!
//! On opening, the first kilobytes are read: an empty file, a text file with the wrong name or a cut header ends the run
//! there. What lies behind the header is checked when the image is decoded. Whether a file is PNG or JPEG is decided by
//! its content, as the two names are often confused.

use super::error::DomainError;
use image::{ImageFormat, ImageReader, RgbImage};
use std::fs::{self, File, Metadata};
use std::io::{Cursor, Read};
use std::path::Path;

/// Headers are nearly always this short; where one is not, the file is read whole.
const HEADER_BYTES: u64 = 4096;

/// Reads no more than it takes to know that the file begins as an image does.
pub(super) fn check_header(path: &Path) -> Result<Metadata, DomainError> {
    let unreadable = |cause| unreadable(path, cause);
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.by_ref()
        .take(HEADER_BYTES)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let format = format(path, &bytes)?;
    if check_size(path, &bytes, format).is_err() {
        // The header may just be longer.
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        check_size(path, &bytes, format)?;
    }
    Ok(metadata)
}

/// The image at its own size.
pub(super) fn decode(path: &Path) -> Result<RgbImage, DomainError> {
    let bytes = fs::read(path).map_err(|cause| unreadable(path, cause))?;
    decode_bytes(path, &bytes)
}

/// The image in these bytes, at its own size. `path` is how messages call it: a file, or a part of one.
pub(super) fn decode_bytes(path: &Path, bytes: &[u8]) -> Result<RgbImage, DomainError> {
    let format = format(path, bytes)?;
    let image =
        image::load_from_memory_with_format(bytes, format).map_err(|cause| damaged(path, cause))?;
    // The JPEG decoder fills what is missing of a file with grey, which is for viewers.
    if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
        return Err(damaged(path, "the file ends inside the image"));
    }
    Ok(image.into_rgb8())
}

/// PNG or JPEG, by the first bytes.
fn format(path: &Path, bytes: &[u8]) -> Result<ImageFormat, DomainError> {
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => Ok(format),
        _ if bytes.is_empty() => Err(DomainError::EmptyFile {
            path: path.to_owned(),
        }),
        _ => Err(DomainError::NotAnImage {
            path: path.to_owned(),
        }),
    }
}

fn check_size(path: &Path, bytes: &[u8], format: ImageFormat) -> Result<(), DomainError> {
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader
        .into_dimensions()
        .map(drop)
        .map_err(|cause| damaged(path, cause))
}

/// Whether a JPEG file goes on to its end-of-image marker. What follows the marker, such as a phone's video, is no
/// part of the image.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xd9;
    const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;
    // Behind the start-of-image marker.
    let mut at = 2;
    loop {
        // To the next marker. Inside a scan, 0xff 0x00 is a byte of the data and 0xff 0xff is filling.
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
        // A segment, whose length counts its own two bytes; behind that of a scan come the scan's data.
        let Some(&[high, low]) = bytes.get(at..at + 2) else {
            return false;
        };
        at += usize::from(u16::from_be_bytes([high, low]));
    }
}

fn unreadable(path: &Path, cause: std::io::Error) -> DomainError {
    DomainError::Unreadable {
        path: path.to_owned(),
        cause,
    }
}

fn damaged(path: &Path, cause: impl ToString) -> DomainError {
    // Some decoders' words end in a line break.
    let cause = cause.to_string();
    DomainError::DamagedImage {
        path: path.to_owned(),
        cause: cause.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
