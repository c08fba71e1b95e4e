//! Building blocks of a training loop.
//!
//! [`TrainingSamples`] holds the data; [`adam`] is an optimiser whose step is one pass;
//! [`WarmUpCosine`], [`WarmRestarts`] and [`QuarterCosine`] are the learning-rate schedules of
//! published code; [`total`] and [`all_finite`] read losses and parameters; [`GradientMode`] sets
//! whether libtorch records operations.

pub mod adam;
mod gradient;
mod numbers;
mod samples;
mod schedule;

pub use gradient::GradientMode;
pub use numbers::{all_finite, total};
pub use samples::TrainingSamples;
pub use schedule::{QuarterCosine, WarmRestarts, WarmUpCosine};
