//! The Rust types that a tensor's elements can be read as.

use super::DType;

mod sealed {
    pub trait Sealed {}
}

/// A Rust type with a [`DType`] of the same layout, every bit pattern of which is a value.
pub trait Element: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The type's name at the boundary.
    const DTYPE: DType;
}

macro_rules! element {
    ($($rust:ty => $dtype:ident),* $(,)?) => {$(
        impl sealed::Sealed for $rust {}
        impl Element for $rust {
            const DTYPE: DType = DType::$dtype;
        }
    )*};
}

element! { u8 => U8, i64 => I64, f32 => F32, f64 => F64 }
