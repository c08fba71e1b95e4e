//! What lies between two matrix products, in one pass each. All buffers are row-major; biases and
//! gains are as wide as a row.

use clbench_torch::cpu::{exp, sum};
use clbench_torch::vectorised;
use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// The factor of [`Activation::QuickGelu`](crate::layer::Activation::QuickGelu).
const QUICK: f32 = 1.702;

vectorised! {
    /// Adds the bias, unless it is empty, to every row.
    pub fn add_bias(numbers: &mut [f32], bias: &[f32]) {
        if bias.is_empty() {
            return;
        }
        for row in numbers.chunks_exact_mut(bias.len()) {
            for (number, bias) in row.iter_mut().zip(bias) {
                *number += bias;
            }
        }
    }

    /// Adds rows to `numbers`, and the bias, unless it is empty.
    pub fn add_biased(numbers: &mut [f32], rows: &[f32], bias: &[f32]) {
        if bias.is_empty() {
            for (number, more) in numbers.iter_mut().zip(rows) {
                *number += more;
            }
            return;
        }
        let of_row = numbers.chunks_exact_mut(bias.len()).zip(rows.chunks_exact(bias.len()));
        for (numbers, row) in of_row {
            for ((number, more), bias) in numbers.iter_mut().zip(row).zip(bias) {
                *number += more + bias;
            }
        }
    }

    /// Adds `more` to `numbers`.
    pub fn add(numbers: &mut [f32], more: &[f32]) {
        for (number, more) in numbers.iter_mut().zip(more) {
            *number += more;
        }
    }

    /// Multiplies each number by its factor.
    pub fn multiply(numbers: &mut [f32], factors: &[f32]) {
        scale(numbers, factors);
    }

    /// Layer normalisation of the rows `x`: `made` is `normalised` · gain + bias, and `inverse` has
    /// one over the standard deviation of each row.
    pub fn normalise(
        made: &mut [f32],
        normalised: &mut [f32],
        inverse: &mut [f32],
        x: &[f32],
        gain: &[f32],
        bias: &[f32],
        eps: f32,
    ) {
        let width = gain.len();
        let rows = made.chunks_exact_mut(width).zip(normalised.chunks_exact_mut(width));
        for ((x, (made, normalised)), inverse) in x.chunks_exact(width).zip(rows).zip(inverse) {
            let mean = sum(x, x, |x, _| x) / width as f32;
            for (number, x) in normalised.iter_mut().zip(x) {
                *number = x - mean;
            }
            let variance = sum(normalised, normalised, |a, b| a * b) / width as f32;
            let over_deviation = 1.0 / (variance + eps).sqrt();
            *inverse = over_deviation;
            let affine = gain.iter().zip(bias);
            for ((made, number), (gain, bias)) in made.iter_mut().zip(normalised).zip(affine) {
                *number *= over_deviation;
                *made = *number * gain + bias;
            }
        }
    }

    /// Adds the gradient before the normalisation to `gradient`, from the one after gain and bias,
    /// `of_made`, which is overwritten.
    pub fn normalise_backward(
        gradient: &mut [f32],
        of_made: &mut [f32],
        normalised: &[f32],
        inverse: &[f32],
        gain: &[f32],
    ) {
        let width = gain.len();
        let rows = gradient.chunks_exact_mut(width).zip(of_made.chunks_exact_mut(width));
        let kept = normalised.chunks_exact(width).zip(inverse);
        for ((gradient, of_made), (normalised, inverse)) in rows.zip(kept) {
            scale(of_made, gain);
            let mean = sum(of_made, of_made, |number, _| number) / width as f32;
            let along = sum(of_made, normalised, |a, b| a * b) / width as f32;
            let numbers = of_made.iter().zip(normalised);
            for (gradient, (number, normalised)) in gradient.iter_mut().zip(numbers) {
                *gradient += inverse * (number - mean - normalised * along);
            }
        }
    }

    /// x · σ(1.702 x) with x = `slopes` + bias; `slopes` become the derivatives.
    pub fn quick_gelu(active: &mut [f32], slopes: &mut [f32], bias: &[f32]) {
        let rows = active.chunks_exact_mut(bias.len()).zip(slopes.chunks_exact_mut(bias.len()));
        for (active, slopes) in rows {
            for ((active, slope), bias) in active.iter_mut().zip(slopes).zip(bias) {
                let x = *slope + bias;
                let sigmoid = 1.0 / (1.0 + exp(-QUICK * x));
                *active = x * sigmoid;
                *slope = sigmoid + QUICK * *active * (1.0 - sigmoid);
            }
        }
    }

    /// Adds the bias to `numbers`; `scaled` become these over √2.
    pub fn scale_biased(scaled: &mut [f32], numbers: &mut [f32], bias: &[f32]) {
        let rows = scaled.chunks_exact_mut(bias.len()).zip(numbers.chunks_exact_mut(bias.len()));
        for (scaled, numbers) in rows {
            for ((scaled, number), bias) in scaled.iter_mut().zip(numbers).zip(bias) {
                *number += bias;
                *scaled = *number * FRAC_1_SQRT_2;
            }
        }
    }

    /// x · Φ(x) with x = `slopes`, where `active` is erf(x / √2); `slopes` become the derivatives.
    pub fn gelu(active: &mut [f32], slopes: &mut [f32]) {
        for (active, slope) in active.iter_mut().zip(slopes) {
            let x = *slope;
            let below = 0.5 * (1.0 + *active);
            let density = 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * exp(-0.5 * x * x);
            *active = x * below;
            *slope = below + x * density;
        }
    }
}

#[inline(always)]
fn scale(numbers: &mut [f32], factors: &[f32]) {
    for (number, factor) in numbers.iter_mut().zip(factors) {
        *number *= factor;
    }
}
