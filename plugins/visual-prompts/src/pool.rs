//! Prompt pools: the similarity of queries and keys, and initial values.

use clbench_torch::prompting::cosine::unit_rows;
use clbench_torch::tch::{TchError, Tensor};
use harness_abi::Result;
use harness_abi::parameters::require;

/// Cosine similarities `[images, keys]` of queries `[images, width]` with keys `[keys, width]`.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn similarity(query: &Tensor, keys: &Tensor) -> Result<Tensor, TchError> {
    unit_rows(query)?.f_matmul(&unit_rows(keys)?.f_tr()?)
}

/// The columns of the `k` largest numbers of every row, i64 `[rows, k]`: largest first, ties in
/// order of columns.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn largest(numbers: &Tensor, k: i64) -> Result<Tensor, TchError> {
    // libtorch's `topk` does not define the order of ties.
    let (_, columns) = numbers.f_sort_stable(true, -1, true)?;
    columns.f_narrow(-1, 0, k)
}

/// Checks the range of initial values.
///
/// # Errors
///
/// A parameter error at `init_range`.
pub fn check_range([low, high]: [f64; 2]) -> Result<()> {
    let is_good = low <= high && low.is_finite() && high.is_finite();
    require(
        "init_range",
        is_good,
        "two finite numbers, the smaller one first",
        format!("[{low}, {high}]"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_first_column() {
        let numbers =
            Tensor::from_slice(&[1.0_f32, 3.0, 3.0, 0.0, 2.0, 2.0, 2.0, 2.0]).view((2, 4));
        let columns = largest(&numbers, 3).unwrap();
        assert_eq!(
            Vec::<i64>::try_from(columns.reshape([-1])).unwrap(),
            [1, 2, 0, 0, 1, 2]
        );
    }

    #[test]
    fn similarity_is_the_cosine() {
        let query = Tensor::from_slice(&[3.0_f32, 4.0]).view((1, 2));
        let keys = Tensor::from_slice(&[10.0_f32, 0.0, -0.6, -0.8, 0.0, 0.0]).view((3, 2));
        let similarity = similarity(&query, &keys).unwrap();
        for (ours, expected) in Vec::<f32>::try_from(similarity.view(-1))
            .unwrap()
            .into_iter()
            .zip([0.6, -1.0, 0.0])
        {
            assert!((ours - expected).abs() < 1e-6, "{ours}, not {expected}");
        }
    }
}
