//! Random orthogonal vectors by the Gram-Schmidt process.

use clbench_torch::tch::{Device, Kind, TchError, Tensor};
use clbench_torch::{During, Generator};
use harness_abi::{Error, Result};

/// A random vector whose remainder has a smaller squared length is drawn again.
const SHORTEST: f64 = 1e-8;
/// The maximum number of draws per vector.
const DRAWS: u32 = 100;

/// Draws `count` unit vectors, f32 `[count, width]` on the device of `before`, from a normal
/// distribution, subtracts their projections onto each row of `before`, `[n, width]`, and onto each
/// other, and scales them to unit length. As in the released code's `gram_schmidt`, projections are
/// computed from the drawn vector, so the result is exactly orthogonal only to rows that are
/// orthogonal to each other, and nearly so to trained rows.
///
/// # Errors
///
/// If no orthogonal vector is found, because there are as many rows as dimensions.
pub fn orthogonal_to(before: &Tensor, count: i64, generator: &mut Generator) -> Result<Tensor> {
    let doing = "making components orthogonal";
    let device = before.device();
    let width = before.size()[1];
    let mut rows = before
        .f_to_device(Device::Cpu)
        .and_then(|rows| rows.f_to_kind(Kind::Double))
        .during(doing)?;
    for _ in 0..count {
        let mut draws = 0..DRAWS;
        let vector = loop {
            if draws.next().is_none() {
                return Err(Error::failed(format!(
                    "cannot find a vector of width {width} orthogonal to {} others; use fewer components",
                    rows.size()[0]
                )));
            }
            let drawn = generator.normal_tensor(&[width], 1.0, Device::Cpu)?;
            let (left, length) = remainder(&rows, &drawn).during(doing)?;
            if length >= SHORTEST {
                break left;
            }
        };
        rows = vector
            .f_unsqueeze(0)
            .and_then(|vector| Tensor::f_cat(&[rows, vector], 0))
            .during(doing)?;
    }
    let unit = || {
        let new = rows.f_narrow(0, rows.size()[0] - count, count)?;
        let length = new.f_norm_scalaropt_dim(2.0, [1], true)?;
        new.f_div(&length)?
            .f_to_kind(Kind::Float)?
            .f_to_device(device)
    };
    unit().during(doing)
}

/// A vector minus its projections onto the rows, and the squared length of this remainder.
fn remainder(rows: &Tensor, vector: &Tensor) -> Result<(Tensor, f64), TchError> {
    let vector = vector.f_to_kind(Kind::Double)?;
    let squares = rows
        .f_square()?
        .f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Double)?
        // A zero row has no projection.
        .f_clamp_min(f64::MIN_POSITIVE)?;
    let shares = rows.f_mv(&vector)?.f_div(&squares)?;
    let left = vector.f_sub(&rows.f_tr()?.f_mv(&shares)?)?;
    let length = left.f_square()?.f_sum(Kind::Double)?.f_double_value(&[])?;
    Ok((left, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_vectors_have_unit_length_and_are_orthogonal_to_all_others() {
        let mut generator = Generator::new(1, "begin", 1);
        let none = Tensor::zeros([0, 6], (Kind::Float, Device::Cpu));
        let first = orthogonal_to(&none, 2, &mut generator).unwrap();
        // Trained rows have any length.
        let past = &first * Tensor::from_slice(&[3.0_f32, 0.2]).view((2, 1));
        let second = orthogonal_to(&past, 3, &mut generator).unwrap();
        let all = Tensor::cat(&[first, second], 0);
        let gram = all.matmul(&all.tr());
        let off = (gram - Tensor::eye(5, (Kind::Float, Device::Cpu)))
            .abs()
            .max();
        assert!(off.double_value(&[]) < 1e-6, "{off}");
        let error = orthogonal_to(&all, 2, &mut generator).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot find a vector of width 6 orthogonal to 6 others; use fewer components"
        );
    }
}
