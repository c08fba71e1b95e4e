//! Training of many small networks at once, one for each class.
//!
//! The classes are stacked, the largest first: parameters and batches have them as their first dimension. [`plan`] says which
//! of them take part in which step, [`batches`] which samples they see there, and [`adam`] moves the parameters of those that
//! took part. What becomes of a class does not depend on the classes beside it, but for rounding.

pub(crate) mod adam;
pub(crate) mod batches;
pub(crate) mod plan;
