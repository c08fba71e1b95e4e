//! What lies between two matrix products, in one pass each.
//!
//! All buffers are `[classes, features, rows]` unless noted, so the rows of a feature are
//! contiguous. Row weights are `[classes, rows]`, sum to 1 for each class, and are 0 for padding.
//! Gradients are written in place of the values that they belong to.

use clbench_torch::cpu::sum;
use clbench_torch::vectorised;

/// The slope of LeakyReLU.
const SLOPE: f32 = 0.2;
/// ε of batch normalisation.
const EPSILON: f32 = 1e-5;

#[inline(always)]
fn leaky(number: f32) -> f32 {
    if number > 0.0 { number } else { SLOPE * number }
}

/// The derivative of LeakyReLU, from its output, which has the sign of its input.
#[inline(always)]
fn slope(output: f32) -> f32 {
    if output > 0.0 { 1.0 } else { SLOPE }
}

vectorised! {
    /// Batch normalisation with the batch's own mean and variance (n in the denominator), and
    /// LeakyReLU: `numbers` become normalised, and `hidden` is LeakyReLU of gain · normalised +
    /// bias. `inverse` gets one over the standard deviation, `[classes, features]` like gain and
    /// bias.
    pub fn normalise(
        numbers: &mut [f32],
        hidden: &mut [f32],
        inverse: &mut [f32],
        gain: &[f32],
        bias: &[f32],
        weights: &[f32],
        rows: usize,
    ) {
        let features = gain.len() / (weights.len() / rows);
        let of_feature = numbers.chunks_exact_mut(rows).zip(hidden.chunks_exact_mut(rows));
        for (at, (numbers, hidden)) in of_feature.enumerate() {
            let weights = &weights[at / features * rows..][..rows];
            let mean = sum(numbers, weights, |number, weight| number * weight);
            for number in numbers.iter_mut() {
                *number -= mean;
            }
            let variance = sum(numbers, weights, |number, weight| number * number * weight);
            let over_deviation = 1.0 / (variance + EPSILON).sqrt();
            inverse[at] = over_deviation;
            for (number, hidden) in numbers.iter_mut().zip(hidden) {
                *number *= over_deviation;
                *hidden = leaky(gain[at] * *number + bias[at]);
            }
        }
    }

    /// From the gradient after gain and bias to the one before the normalisation. `of_bias` already
    /// has the gradient of the bias.
    pub fn normalise_backward(
        gradient: &mut [f32],
        of_gain: &mut [f32],
        of_bias: &[f32],
        normalised: &[f32],
        inverse: &[f32],
        gain: &[f32],
        weights: &[f32],
        rows: usize,
    ) {
        let features = gain.len() / (weights.len() / rows);
        let of_feature = gradient.chunks_exact_mut(rows).zip(normalised.chunks_exact(rows));
        for (at, (gradient, normalised)) in of_feature.enumerate() {
            let weights = &weights[at / features * rows..][..rows];
            let along = sum(gradient, normalised, |gradient, number| gradient * number);
            of_gain[at] = along;
            let (mean, factor) = (of_bias[at], gain[at] * inverse[at]);
            for ((gradient, number), weight) in gradient.iter_mut().zip(normalised).zip(weights) {
                *gradient = factor * (*gradient - weight * (mean + number * along));
            }
        }
    }

    /// Adds the bias, `[classes, features]`.
    pub fn add_bias(numbers: &mut [f32], bias: &[f32], rows: usize) {
        for (numbers, bias) in numbers.chunks_exact_mut(rows).zip(bias) {
            for number in numbers {
                *number += bias;
            }
        }
    }

    /// Adds the bias, `[classes, features]`, and applies LeakyReLU.
    pub fn add_bias_leaky(numbers: &mut [f32], bias: &[f32], rows: usize) {
        for (numbers, bias) in numbers.chunks_exact_mut(rows).zip(bias) {
            for number in numbers {
                *number = leaky(*number + bias);
            }
        }
    }

    /// From the gradient after LeakyReLU, which returned `hidden`, to the one before it and to the
    /// gradient of the bias.
    pub fn leaky_backward(gradient: &mut [f32], of_bias: &mut [f32], hidden: &[f32], rows: usize) {
        let of_feature = gradient.chunks_exact_mut(rows).zip(hidden.chunks_exact(rows));
        for ((gradient, hidden), of_bias) in of_feature.zip(of_bias) {
            for (gradient, hidden) in gradient.iter_mut().zip(hidden) {
                *gradient *= slope(*hidden);
            }
            *of_bias = sum(gradient, gradient, |gradient, _| gradient);
        }
    }

    /// The sum over rows.
    pub fn row_sums(sums: &mut [f32], numbers: &[f32], rows: usize) {
        for (sum_of_rows, numbers) in sums.iter_mut().zip(numbers.chunks_exact(rows)) {
            *sum_of_rows = sum(numbers, numbers, |number, _| number);
        }
    }

    /// `exponent` · ln σ². The moments of a class are `each` numbers μ and as many ln σ².
    pub fn exponents(scale: &mut [f32], moments: &[f32], exponent: f32, each: usize) {
        let of_class = scale.chunks_exact_mut(each).zip(moments.chunks_exact(2 * each));
        for (scale, moments) in of_class {
            for (scale, log_variance) in scale.iter_mut().zip(&moments[each..]) {
                *scale = exponent * log_variance;
            }
        }
    }

    /// Draws z = μ + scale · ε.
    pub fn draw(latent: &mut [f32], moments: &[f32], scale: &[f32], epsilon: &[f32], each: usize) {
        let of_class = latent.chunks_exact_mut(each).zip(moments.chunks_exact(2 * each));
        let noise = scale.chunks_exact(each).zip(epsilon.chunks_exact(each));
        for ((latent, moments), (scale, epsilon)) in of_class.zip(noise) {
            let mean = &moments[..each];
            for (((z, mean), scale), epsilon) in latent.iter_mut().zip(mean).zip(scale).zip(epsilon) {
                *z = mean + scale * epsilon;
            }
        }
    }

    /// From the gradient of z to those of μ and ln σ², in place of these; adds those of the
    /// divergence.
    pub fn draw_backward(
        moments: &mut [f32],
        of_latent: &[f32],
        scale: &[f32],
        epsilon: &[f32],
        exponent: f32,
        weights: &[f32],
        rows: usize,
    ) {
        let each = of_latent.len() / (weights.len() / rows);
        let of_class = moments.chunks_exact_mut(2 * each).zip(weights.chunks_exact(rows));
        for (class, (moments, weights)) in of_class.enumerate() {
            let (means, log_variances) = moments.split_at_mut(each);
            let features = means.chunks_exact_mut(rows).zip(log_variances.chunks_exact_mut(rows));
            for (feature, (means, log_variances)) in features.enumerate() {
                let own = class * each + feature * rows..class * each + (feature + 1) * rows;
                let (of_latent, scale) = (&of_latent[own.clone()], &scale[own.clone()]);
                let epsilon = &epsilon[own];
                for row in 0..rows {
                    let variance = variance(scale[row], exponent);
                    means[row] = of_latent[row] + weights[row] * means[row];
                    log_variances[row] = of_latent[row] * exponent * scale[row] * epsilon[row]
                        + 0.5 * weights[row] * (variance - 1.0);
                }
            }
        }
    }

    /// Adds −ln p(x|z) without its constant, ½ Σ (x − x̂)² averaged over rows, to the losses.
    /// `output` is x̂ without the bias, `[classes, rows, width]`, and becomes its gradient;
    /// `of_bias` becomes that of the bias, `[classes, width]`.
    pub fn reconstruction(
        losses: &mut [f32],
        output: &mut [f32],
        of_bias: &mut [f32],
        samples: &[f32],
        bias: &[f32],
        weights: &[f32],
    ) {
        let width = bias.len() / losses.len();
        let rows = weights.len() / losses.len();
        of_bias.fill(0.0);
        let of_row = output.chunks_exact_mut(width).zip(samples.chunks_exact(width));
        for ((at, (output, samples)), &weight) in of_row.enumerate().zip(weights) {
            let class = at / rows;
            let own = class * width..(class + 1) * width;
            for ((output, sample), bias) in output.iter_mut().zip(samples).zip(&bias[own.clone()]) {
                *output = *output + bias - sample;
            }
            losses[class] += 0.5 * weight * sum(output, output, |off, _| off * off);
            for (output, of_bias) in output.iter_mut().zip(&mut of_bias[own]) {
                *output *= weight;
                *of_bias += *output;
            }
        }
    }

    /// Adds the divergence from N(0, I), ½ Σ (σ² + μ² − 1 − ln σ²) averaged over rows, to the
    /// losses.
    pub fn divergence(
        losses: &mut [f32],
        moments: &[f32],
        scale: &[f32],
        exponent: f32,
        weights: &[f32],
        rows: usize,
    ) {
        let each = scale.len() / losses.len();
        let of_class = moments.chunks_exact(2 * each).zip(scale.chunks_exact(each));
        for ((loss, (moments, scale)), weights) in
            losses.iter_mut().zip(of_class).zip(weights.chunks_exact(rows))
        {
            let (means, log_variances) = moments.split_at(each);
            let features = means.chunks_exact(rows).zip(log_variances.chunks_exact(rows));
            for ((means, log_variances), scale) in features.zip(scale.chunks_exact(rows)) {
                let squares = sum(means, weights, |mean, weight| weight * mean * mean);
                let variances = sum(scale, weights, |scale, weight| {
                    weight * (variance(scale, exponent) - 1.0)
                });
                let logarithms = sum(log_variances, weights, |log, weight| weight * log);
                *loss += 0.5 * (squares + variances - logarithms);
            }
        }
    }
}

/// σ², from σ to the power 2 · `exponent`.
#[inline(always)]
fn variance(scale: f32, exponent: f32) -> f32 {
    if exponent == 0.5 {
        scale * scale
    } else {
        scale
    }
}
