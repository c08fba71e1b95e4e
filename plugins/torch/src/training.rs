//! What a training is made of, whatever it trains.
//!
//! [`TrainingSamples`] are what is learned from, batch by batch; [`WarmUpCosine`], [`WarmRestarts`]
//! and [`QuarterCosine`] are the learning rates of published code; [`total`] and [`all_finite`]
//! read what came out. [`GradientMode`] says whether libtorch records operations.

mod gradient;
mod numbers;
mod samples;
mod schedule;

pub use gradient::GradientMode;
pub use numbers::{all_finite, total};
pub use samples::TrainingSamples;
pub use schedule::{QuarterCosine, WarmRestarts, WarmUpCosine};
