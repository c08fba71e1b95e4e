//! The exponential function.

/// The arguments between which eˣ is a normal number.
const DOMAIN: [f32; 2] = [-87.3, 88.3];
/// Adding 1.5 · 2²³ rounds to an integer, which is then in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts: products of the first with small integers are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// The polynomial p of eʳ = 1 + r + r² p(r) for |r| ≤ ½ ln 2, highest power first (Moshier's
/// Cephes, `expf`).
const POLYNOMIAL: [f32; 6] = [
    1.987_569_1e-4,
    1.398_2e-3,
    8.333_452e-3,
    4.166_579_6e-2,
    1.666_666_5e-1,
    5.0e-1,
];

/// eˣ, with a relative error of at most 2e-7. Arguments beyond ±87 are clamped; NaN stays NaN.
///
/// Unlike [`f32::exp`], it consists of operations that [`vectorised!`](crate::vectorised) compiles
/// for several numbers at a time, and it returns the same bits on every processor.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let [low, high] = DOMAIN;
    // Comparisons that are false for NaN.
    let x = if x < low { low } else { x };
    let x = if x > high { high } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let power = rounded - ROUNDER;
    let rest = x - power * LN_2[0] - power * LN_2[1];
    let mut sum = POLYNOMIAL[0];
    for coefficient in &POLYNOMIAL[1..] {
        sum = sum * rest + coefficient;
    }
    let of_rest = sum * rest * rest + rest + 1.0;
    // 2 to the power: the exponent's bits begin at bit 23, and 127 stands for 0.
    of_rest * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_exponential_function() {
        for step in -80_000..=80_000 {
            let x = step as f32 * 1.1e-3;
            let expected = f64::from(x.clamp(DOMAIN[0], DOMAIN[1])).exp();
            let apart = (f64::from(exp(x)) - expected).abs();
            assert!(apart <= 2e-7 * expected, "{x}: {apart:e} of {expected:e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::INFINITY) > 1e38);
    }
}
