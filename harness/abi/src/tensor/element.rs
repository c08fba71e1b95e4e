//! The Rust types as which a tensor's elements can be read.

use super::DType;

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that has the layout of a [`DType`] and for which every bit pattern is valid.
pub trait Element: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The type at the boundary.
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
