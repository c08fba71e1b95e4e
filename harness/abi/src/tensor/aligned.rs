//! Bytes in aligned memory.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::slice;

/// Where tensors begin in memory and in files that are read back: at multiples of this many bytes.
/// It is the widest vector register and a cache line of current processors.
pub const ALIGNMENT: usize = 64;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Block([u8; ALIGNMENT]);

/// Bytes whose first address is a multiple of [`ALIGNMENT`].
#[derive(Clone)]
pub struct AlignedBytes {
    blocks: Vec<Block>,
    length: usize,
}

impl AlignedBytes {
    /// This many zeros.
    pub fn zeroed(length: usize) -> AlignedBytes {
        AlignedBytes {
            blocks: vec![Block([0; ALIGNMENT]); length.div_ceil(ALIGNMENT)],
            length,
        }
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the blocks are `length` initialised bytes or more, without padding.
        unsafe { slice::from_raw_parts(self.blocks.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` excludes other access.
        unsafe { slice::from_raw_parts_mut(self.blocks.as_mut_ptr().cast(), self.length) }
    }
}

impl From<&[u8]> for AlignedBytes {
    fn from(bytes: &[u8]) -> AlignedBytes {
        let mut aligned = AlignedBytes::zeroed(bytes.len());
        aligned.copy_from_slice(bytes);
        aligned
    }
}

impl PartialEq for AlignedBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for AlignedBytes {}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}
