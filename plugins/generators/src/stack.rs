//! Trains many small networks at once, one per class.
//!
//! The classes are stacked, largest first: they are the first dimension of parameters and batches.
//! [`plan`] decides which classes take part in which step, [`batches`] which samples they see, and
//! [`adam`] updates the parameters of those that take part. The result for a class does not depend
//! on the other classes, except for rounding.

pub(crate) mod adam;
pub(crate) mod batches;
pub(crate) mod plan;
