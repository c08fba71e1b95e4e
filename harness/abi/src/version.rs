//! The version of the plugin boundary.

/// The ABI version, as a literal, for `concat!`.
#[doc(hidden)]
#[macro_export]
macro_rules! abi_version {
    () => {
        1
    };
}

/// The version of the boundary that this crate describes. A host loads a plugin only if its version
/// is the same.
///
/// It changes when a type that crosses by value changes its layout or its meaning. Additions that
/// older plugins and hosts can ignore do not change it: infos, settings, outlines and errors are
/// JSON in which a new field has a default, and new methods are appended with a default.
pub const ABI_VERSION: u32 = abi_version!();
