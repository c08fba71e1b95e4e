//! The part of MATLAB's version 5 format that annotations use: text, numbers, cell arrays and
//! struct arrays, plain or deflated.
//!
//! A file is a header of 128 bytes followed by elements: a type, a length, and that many bytes,
//! padded to a multiple of eight. An array is an element of elements (flags, dimensions, name,
//! content), and so are the elements of cells and structs. Every length is checked against the
//! bytes that are left, so a truncated file is an error, never a panic. ("MAT-File Format", The
//! MathWorks, level 5.)

use flate2::read::ZlibDecoder;
use std::io::Read;

const HEADER: usize = 128;
/// Maximum nesting of cells: deeper than any annotation, shallow enough for the stack.
const DEEPEST: usize = 16;
/// The most bytes of a file and of what is packed in it; annotations take a few megabytes.
const LARGEST: usize = 64 << 20;

/// The types of elements.
mod element {
    pub(super) const INT8: u32 = 1;
    pub(super) const UINT8: u32 = 2;
    pub(super) const INT16: u32 = 3;
    pub(super) const UINT16: u32 = 4;
    pub(super) const INT32: u32 = 5;
    pub(super) const UINT32: u32 = 6;
    pub(super) const SINGLE: u32 = 7;
    pub(super) const DOUBLE: u32 = 9;
    pub(super) const INT64: u32 = 12;
    pub(super) const UINT64: u32 = 13;
    pub(super) const MATRIX: u32 = 14;
    pub(super) const COMPRESSED: u32 = 15;
    pub(super) const UTF8: u32 = 16;
    pub(super) const UTF16: u32 = 17;
    pub(super) const UTF32: u32 = 18;
}

/// The classes of arrays.
mod class {
    pub(super) const CELL: u32 = 1;
    pub(super) const STRUCT: u32 = 2;
    pub(super) const CHAR: u32 = 4;
    pub(super) const DOUBLE: u32 = 6;
    pub(super) const UINT64: u32 = 15;
}

/// The variables of a file.
pub(super) struct Mat(Vec<(String, Value)>);

/// The value of a variable, in MATLAB's column-major order.
pub(super) enum Value {
    Text(String),
    Numbers(Vec<f64>),
    Cells(Vec<Value>),
    Structs(Structs),
    /// Sparse arrays, objects and functions, which annotations do not use.
    Other,
}

/// An array of structs.
pub(super) struct Structs {
    fields: Vec<String>,
    /// By element, then by field.
    pub(super) elements: Vec<Vec<Value>>,
}

impl Mat {
    /// Reads a file. The error says what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(b"MATLAB 7.3") || bytes.get(1..4) == Some(b"HDF") {
            return Err(
                "this is a MATLAB 7.3 (HDF5) file, but the published files are version 5"
                    .to_owned(),
            );
        }
        let order = match bytes.get(HEADER - 2..HEADER) {
            Some(b"IM") => Order::Little,
            Some(b"MI") => Order::Big,
            _ => return Err("not a MATLAB file of version 5".to_owned()),
        };
        let too_large = || format!("it has more than {LARGEST} bytes, the most that is read");
        let mut left = LARGEST.checked_sub(bytes.len()).ok_or_else(too_large)?;
        let mut variables = Vec::new();
        let mut rest = Bytes {
            bytes: &bytes[HEADER..],
            order,
        };
        while !rest.bytes.is_empty() {
            let (kind, content) = rest.element()?;
            match kind {
                element::MATRIX => variables.push(content.array(0)?),
                element::COMPRESSED => {
                    let mut unpacked = Vec::new();
                    ZlibDecoder::new(content.bytes)
                        .take(left as u64 + 1)
                        .read_to_end(&mut unpacked)
                        .map_err(|error| format!("damaged deflate data ({error})"))?;
                    left = left.checked_sub(unpacked.len()).ok_or_else(too_large)?;
                    let mut unpacked = Bytes {
                        bytes: &unpacked,
                        order,
                    };
                    if let (element::MATRIX, content) = unpacked.element()? {
                        variables.push(content.array(0)?);
                    }
                }
                _ => {}
            }
        }
        Ok(Self(variables))
    }

    pub(super) fn variable(&self, name: &str) -> Option<&Value> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            // A single text in a cell.
            Self::Cells(cells) => match &cells[..] {
                [only] => only.text(),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self.numbers()? {
            [only] => Some(*only),
            _ => None,
        }
    }

    pub(super) fn numbers(&self) -> Option<&[f64]> {
        match self {
            Self::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }
}

impl Structs {
    /// The number of a field.
    pub(super) fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field == name)
    }
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// Bytes not yet read, and their byte order.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    bytes: &'a [u8],
    order: Order,
}

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) =
            (self.bytes.split_at_checked(n)).ok_or_else(|| "the file is truncated".to_owned())?;
        self.bytes = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u32, String> {
        let bytes = self.take(4)?.try_into().expect("four bytes were taken");
        Ok(match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    /// The next element: its type and content.
    fn element(&mut self) -> Result<(u32, Bytes<'a>), String> {
        let word = self.word()?;
        let order = self.order;
        // A small element has its length in the upper half of the first word, and its content in
        // the second.
        if word >> 16 != 0 {
            let (kind, length) = (word & 0xffff, (word >> 16) as usize);
            let content = self.take(4)?;
            let bytes = content.get(..length).ok_or("a small element is too long")?;
            return Ok((kind, Bytes { bytes, order }));
        }
        let length = self.word()? as usize;
        let bytes = self.take(length)?;
        if word != element::COMPRESSED {
            // The padding at the end of a file may be missing.
            let filling = (length.next_multiple_of(8) - length).min(self.bytes.len());
            self.take(filling)?;
        }
        Ok((word, Bytes { bytes, order }))
    }

    /// The content of an array element: the array's name and value.
    fn array(mut self, depth: usize) -> Result<(String, Value), String> {
        // An empty element stands for an empty array.
        if self.bytes.is_empty() {
            return Ok((String::new(), Value::Numbers(Vec::new())));
        }
        if depth > DEEPEST {
            return Err(format!("arrays are nested more than {DEEPEST} deep"));
        }
        let flags = self.element()?.1.word()?;
        let dimensions = self.numbers()?;
        let name = self.name()?;
        let count = dimensions.iter().product::<f64>() as usize;
        let value = match flags & 0xff {
            class::CELL => {
                let mut cells = Vec::new();
                for _ in 0..count {
                    cells.push(self.nested(depth)?);
                }
                Value::Cells(cells)
            }
            class::STRUCT => {
                let length = self.numbers()?;
                let length = length.first().map_or(0, |&length| length as usize);
                let names = self.element()?.1.bytes;
                let fields: Vec<String> = (names.chunks(length.max(1))).map(until_zero).collect();
                let mut elements = Vec::new();
                // Without fields, an element takes no bytes, and the count could be anything.
                for _ in 0..if fields.is_empty() { 0 } else { count } {
                    let values = fields.iter().map(|_| self.nested(depth));
                    elements.push(values.collect::<Result<_, _>>()?);
                }
                Value::Structs(Structs { fields, elements })
            }
            class::CHAR => Value::Text(self.text()?),
            class::DOUBLE..=class::UINT64 => Value::Numbers(self.numbers()?),
            _ => Value::Other,
        };
        Ok((name, value))
    }

    fn nested(&mut self, depth: usize) -> Result<Value, String> {
        match self.element()? {
            (element::MATRIX, content) => Ok(content.array(depth + 1)?.1),
            (kind, _) => Err(format!("element of type {kind} where an array is expected")),
        }
    }

    fn name(&mut self) -> Result<String, String> {
        Ok(until_zero(self.element()?.1.bytes))
    }

    /// An element of numbers of any type.
    fn numbers(&mut self) -> Result<Vec<f64>, String> {
        let (kind, content) = self.element()?;
        let little = matches!(self.order, Order::Little);
        macro_rules! read {
            ($type:ty) => {{
                let chunks = content.bytes.chunks_exact(size_of::<$type>());
                let number = |bytes: &[u8]| {
                    let bytes = bytes.try_into().expect("a chunk has that size");
                    let (le, be) = (<$type>::from_le_bytes, <$type>::from_be_bytes);
                    (if little { le(bytes) } else { be(bytes) }) as f64
                };
                Ok(chunks.map(number).collect())
            }};
        }
        match kind {
            element::INT8 => read!(i8),
            element::UINT8 => read!(u8),
            element::INT16 => read!(i16),
            element::UINT16 => read!(u16),
            element::INT32 => read!(i32),
            element::UINT32 => read!(u32),
            element::SINGLE => read!(f32),
            element::DOUBLE => read!(f64),
            element::INT64 => read!(i64),
            element::UINT64 => read!(u64),
            _ => Err(format!("element of type {kind} where numbers are expected")),
        }
    }

    /// An element of characters.
    fn text(&mut self) -> Result<String, String> {
        let mut ahead = *self;
        let (kind, content) = ahead.element()?;
        if kind == element::UTF8 {
            *self = ahead;
            return String::from_utf8(content.bytes.to_vec())
                .map_err(|_| "text that is not valid UTF-8".to_owned());
        }
        let units: Vec<u32> = match kind {
            element::UTF16 | element::UTF32 => {
                let size = if kind == element::UTF16 { 2 } else { 4 };
                *self = ahead;
                let unit = |bytes: &[u8]| {
                    let join = |sum: u32, &byte: &u8| sum << 8 | u32::from(byte);
                    match self.order {
                        Order::Little => bytes.iter().rev().fold(0, join),
                        Order::Big => bytes.iter().fold(0, join),
                    }
                };
                content.bytes.chunks_exact(size).map(unit).collect()
            }
            _ => self.numbers()?.into_iter().map(|n| n as u32).collect(),
        };
        let bad = || "text with an invalid character".to_owned();
        if kind == element::UTF32 {
            let characters = units
                .into_iter()
                .map(|unit| char::from_u32(unit).ok_or_else(bad));
            return characters.collect();
        }
        let units: Vec<u16> = units.into_iter().map(|unit| unit as u16).collect();
        String::from_utf16(&units).map_err(|_| bad())
    }
}

fn until_zero(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}
