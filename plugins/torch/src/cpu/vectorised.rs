//! Loops compiled for several instruction sets.

/// Compiles the functions in it for AVX-512, for AVX2, and for the target that the crate is built
/// for. A call runs the best version that the processor has.
///
/// Rust neither reorders floating-point operations nor contracts a product and a sum, so all
/// versions return the same bits. Sums vectorise only if they are written with several partial
/// sums: see [`sum`](crate::cpu::sum).
///
/// ```
/// clbench_torch::vectorised! {
///     /// Adds the products of `a` and `factor`.
///     pub fn add_scaled(sums: &mut [f32], a: &[f32], factor: f32) {
///         for (sum, a) in sums.iter_mut().zip(a) {
///             *sum += factor * a;
///         }
///     }
/// }
/// let mut sums = [1.0; 40];
/// add_scaled(&mut sums, &[2.0; 40], 0.5);
/// assert_eq!(sums, [2.0; 40]);
/// ```
#[macro_export]
macro_rules! vectorised {
    ($(
        $(#[$attribute:meta])*
        $visible:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block
    )*) => {$(
        $(#[$attribute])*
        #[allow(clippy::too_many_arguments)]
        $visible fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($argument: $type),*) $(-> $result)? {
                body($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($argument: $type),*) $(-> $result)? {
                body($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            if ::std::is_x86_feature_detected!("avx512f")
                && ::std::is_x86_feature_detected!("avx512bw")
                && ::std::is_x86_feature_detected!("avx512dq")
                && ::std::is_x86_feature_detected!("avx512vl")
            {
                // SAFETY: the processor has the features.
                return unsafe { avx512($($argument),*) };
            } else if ::std::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has the feature.
                return unsafe { avx2($($argument),*) };
            }
            body($($argument),*)
        }
    )*};
}

/// Partial sums of [`sum`]: one per lane of an AVX-512 register.
const LANES: usize = 16;

/// The sum of `term(a, b)` over two slices of equal length, in an order that only depends on the
/// length.
#[inline(always)]
pub fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut partial = [0.0_f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            partial[lane] += term(a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        partial[lane] += term(a, b);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            partial[lane] += partial[lane + half];
        }
        half /= 2;
    }
    partial[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    vectorised! {
        fn dot(a: &[f32], b: &[f32]) -> f32 {
            sum(a, b, |a, b| a * b)
        }
    }

    #[test]
    fn every_version_returns_the_same_bits() {
        let mut generator = crate::Generator::new(1, "vectorised", 0);
        for length in [0, 1, 15, 16, 17, 64, 100, 1000] {
            let mut numbers = || {
                let numbers = (0..length).map(|_| generator.normal() as f32);
                numbers.collect::<Vec<f32>>()
            };
            let (a, b) = (numbers(), numbers());
            let exact: f64 = a
                .iter()
                .zip(&b)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum();
            // Outside of `vectorised!`, the loop is compiled for the crate's own target.
            assert_eq!(dot(&a, &b).to_bits(), sum(&a, &b, |a, b| a * b).to_bits());
            assert!((f64::from(dot(&a, &b)) - exact).abs() < 1e-4);
        }
    }
}
