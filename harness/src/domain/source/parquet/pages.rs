//! What the page headers of a column declare, checked before any page is read.
//!
//! The library allocates what a page header declares: the size of the unpacked page, and room for
//! every value of a dictionary. A damaged header of ten bytes can declare 2 GiB of the one and 64
//! GiB of the other. So the headers are read here first. They are Thrift structs in the compact
//! protocol; only four numbers of them matter, and the rest is skipped. ("Apache Parquet format",
//! `PageHeader` in `parquet.thrift`; "Thrift compact protocol".)

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// The largest unpacked page, in bytes. Writers aim at one megabyte.
const LARGEST_PAGE: i64 = 1 << 30;

/// No packed byte stands for more unpacked ones than this, even in a page of zeros.
const PACKED_AT_MOST: i64 = 20_000;

/// How deep structs may be nested; those of a page header are nested twice.
const DEEPEST: u32 = 8;

/// The types of fields.
mod kind {
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const SET: u8 = 10;
    pub(super) const STRUCT: u8 = 12;
}

/// The fields of a page header that matter.
mod field {
    pub(super) const UNPACKED_SIZE: i64 = 2;
    pub(super) const PACKED_SIZE: i64 = 3;
    pub(super) const DICTIONARY: i64 = 7;
    /// In the header of a dictionary.
    pub(super) const VALUES: i64 = 1;
}

/// Checks the headers of all pages in these bytes of a file. The error says what is wrong.
pub(super) fn check(mut file: &File, start: i64, length: i64) -> Result<(), String> {
    let end = start.checked_add(length);
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    let end = end
        .filter(|&end| start >= 0 && length >= 0 && end as u64 <= size)
        .ok_or("a column is outside the file")?;
    let mut at = start;
    while at < end {
        let header = (file.seek(SeekFrom::Start(at as u64)))
            .and_then(|_| PageHeader::read(BufReader::new(file).take((end - at) as u64)))
            .map_err(|error| format!("a page header is damaged: {error}"))?;
        header.check()?;
        at += header.length + header.packed;
    }
    Ok(())
}

/// What a page header declares.
#[derive(Debug, Default, PartialEq)]
struct PageHeader {
    /// Its own length.
    length: i64,
    unpacked: i64,
    packed: i64,
    /// The number of values, if the page is a dictionary.
    dictionary: Option<i64>,
}

impl PageHeader {
    fn read(content: impl Read) -> io::Result<Self> {
        let mut reader = Compact { content, length: 0 };
        let mut header = PageHeader::default();
        reader.fields(0, &mut |path, value| match path {
            [field::UNPACKED_SIZE] => header.unpacked = value,
            [field::PACKED_SIZE] => header.packed = value,
            [field::DICTIONARY, field::VALUES] => header.dictionary = Some(value),
            _ => {}
        })?;
        header.length = reader.length;
        Ok(header)
    }

    fn check(&self) -> Result<(), String> {
        let most = self.packed.saturating_add(1).saturating_mul(PACKED_AT_MOST);
        if self.packed < 0 || self.unpacked < 0 || self.unpacked > most.min(LARGEST_PAGE) {
            return Err(format!(
                "a page declares {} bytes, unpacked from {}",
                self.unpacked, self.packed
            ));
        }
        // A value takes four bytes at least.
        match self.dictionary {
            Some(values) if values < 0 || values.saturating_mul(4) > self.unpacked => Err(format!(
                "a dictionary declares {values} values in {} bytes",
                self.unpacked
            )),
            _ => Ok(()),
        }
    }
}

/// A reader of Thrift's compact protocol, which counts what it has read.
struct Compact<R> {
    content: R,
    length: i64,
}

impl<R: Read> Compact<R> {
    /// Reads the fields of a struct. `found` hears of every whole number, with the path of its
    /// field.
    fn fields(&mut self, depth: u32, found: &mut dyn FnMut(&[i64], i64)) -> io::Result<()> {
        if depth > DEEPEST {
            return Err(damaged("structs are nested too deep"));
        }
        let mut id = 0_i64;
        loop {
            let byte = self.byte()?;
            if byte == 0 {
                return Ok(());
            }
            id = match byte >> 4 {
                0 => self.number()?,
                more => id + i64::from(more),
            };
            match byte & 0x0f {
                kind::TRUE | kind::FALSE => {}
                kind @ kind::BYTE..=kind::I64 if kind != kind::BYTE => {
                    found(&[id], self.number()?);
                }
                kind::STRUCT => self.fields(depth + 1, &mut |path, value| {
                    if let [inner] = *path {
                        found(&[id, inner], value);
                    }
                })?,
                kind => self.skip(kind, depth)?,
            }
        }
    }

    /// Skips a value that is not needed.
    fn skip(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        match kind {
            kind::TRUE | kind::FALSE | kind::BYTE => self.byte().map(drop),
            kind::DOUBLE => self.bytes(8),
            kind::BINARY => {
                let length = self.varint()?;
                self.bytes(length)
            }
            kind::LIST | kind::SET => {
                let byte = self.byte()?;
                let length = match byte >> 4 {
                    15 => self.varint()?,
                    length => length.into(),
                };
                for _ in 0..length {
                    match byte & 0x0f {
                        kind::STRUCT => self.fields(depth + 1, &mut |_, _| {})?,
                        kind => self.skip(kind, depth + 1)?,
                    }
                }
                Ok(())
            }
            kind if kind <= kind::I64 => self.number().map(drop),
            // No struct of a page header has a map.
            _ => Err(damaged("a field has an unknown type")),
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.content.read_exact(&mut byte)?;
        self.length += 1;
        Ok(byte[0])
    }

    fn bytes(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.content.by_ref().take(length), &mut io::sink())?;
        self.length += skipped as i64;
        match skipped == length {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged("a number is too long"))
    }

    /// A signed number, zigzag encoded.
    fn number(&mut self) -> io::Result<i64> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

fn damaged(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dictionary page of `values` values, with a list, a double and a binary to skip.
    fn header(unpacked: i64, packed: i64, values: i64) -> Vec<u8> {
        let number = |out: &mut Vec<u8>, number: i64| {
            let mut rest = ((number << 1) ^ (number >> 63)) as u64;
            while rest >= 0x80 {
                out.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            out.push(rest as u8);
        };
        let mut out = vec![0x15, 4, 0x15];
        number(&mut out, unpacked);
        out.push(0x15);
        number(&mut out, packed);
        out.extend([0x4c, 0x15]);
        number(&mut out, values);
        out.extend([0x15, 0, 0x11, 0x00]);
        // Fields that a later version may add.
        out.extend([
            0x19, 0x25, 2, 4, 0x17, 0, 0, 0, 0, 0, 0, 0, 0, 0x18, 3, 1, 2, 3, 0,
        ]);
        out
    }

    fn read(bytes: &[u8]) -> Result<PageHeader, String> {
        let header = PageHeader::read(bytes).map_err(|error| error.to_string())?;
        header.check().map(|()| header)
    }

    #[test]
    fn a_header_that_declares_too_much_is_refused() {
        let good = header(400, 200, 100);
        let expected = PageHeader {
            length: good.len() as i64,
            unpacked: 400,
            packed: 200,
            dictionary: Some(100),
        };
        assert_eq!(read(&good), Ok(expected));
        for (wrong, message) in [
            (
                header(400, 200, 101),
                "a dictionary declares 101 values in 400 bytes",
            ),
            (
                header(2_000_000_000, 200, 1),
                "a page declares 2000000000 bytes, unpacked from 200",
            ),
            (
                header(1 << 30, 1 << 30, -1),
                "a dictionary declares -1 values in 1073741824 bytes",
            ),
            (
                header(400, -1, 1),
                "a page declares 400 bytes, unpacked from -1",
            ),
        ] {
            assert_eq!(read(&wrong).unwrap_err(), message);
        }
        for length in 0..good.len() {
            assert!(read(&good[..length]).is_err());
        }
    }
}
