//! The version of the plugin boundary.

/// The ABI version, as a literal, for `concat!`.
#[doc(hidden)]
#[macro_export]
macro_rules! abi_version {
    () => {
        1
    };
}

/// The version of the boundary that this crate describes. A host loads a plugin only if the two agree.
///
/// It moves when a type that crosses by value changes its layout or its meaning. What can grow without that (infos,
/// errors and task descriptions are JSON; new methods are appended with defaults) does not move it.
pub const ABI_VERSION: u32 = abi_version!();
