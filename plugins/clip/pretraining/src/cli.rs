//! The command line.

use clap::Parser;
use std::path::PathBuf;

/// Trains the small CLIP that ships, from nothing, and prints its zero-shot accuracy on combinations that it has not seen.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Options {
    /// The folder to write, in the Hugging Face layout
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = "plugins/clip/weights/small"
    )]
    pub out: PathBuf,
    /// Optimiser steps
    #[arg(long, default_value_t = 1200, value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: u32,
    /// Pictures with captions in each step, no two of the same combination
    #[arg(long, default_value_t = 192, value_parser = clap::value_parser!(u32).range(2..=384))]
    pub batch_size: u32,
    /// The highest learning rate
    #[arg(long, default_value_t = 1e-3, value_parser = positive)]
    pub lr: f64,
    /// What all random numbers come from
    #[arg(long, default_value_t = 2024)]
    pub seed: u64,
    /// CPU threads; the last digits of the weights depend on it
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && f64::is_finite(number) => Ok(number),
        _ => Err("it must be a number above 0".into()),
    }
}
