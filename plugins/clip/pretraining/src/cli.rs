//! The command line.

use clap::Parser;
use std::path::PathBuf;

/// Train the small CLIP from scratch and print its zero-shot accuracy on held-out combinations.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Options {
    /// Output folder, in the Hugging Face layout
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = "plugins/clip/weights/small"
    )]
    pub out: PathBuf,
    /// Number of optimiser steps
    #[arg(long, default_value_t = 1200, value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: u32,
    /// Picture-caption pairs per step, each of another combination
    #[arg(long, default_value_t = 192, value_parser = clap::value_parser!(u32).range(2..=384))]
    pub batch_size: u32,
    /// Peak learning rate
    #[arg(long, default_value_t = 1e-3, value_parser = positive)]
    pub lr: f64,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 2024)]
    pub seed: u64,
    /// CPU threads; affects the last digits of the weights
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && f64::is_finite(number) => Ok(number),
        _ => Err("must be a number above 0".into()),
    }
}
