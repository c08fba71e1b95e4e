//! The linear algebra that the toy backbone needs.

use crate::testkit::random::Random;

/// A dense matrix, row by row.
pub(super) struct Matrix {
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// Normal entries, scaled so that the matrix keeps a vector's length on average.
    pub(super) fn random(rows: usize, columns: usize, random: &mut Random) -> Matrix {
        let scale = (columns as f64).sqrt().recip();
        let values = random.normals(rows * columns);
        Matrix {
            columns,
            values: values.into_iter().map(|value| value * scale).collect(),
        }
    }

    /// M x.
    pub(super) fn times(&self, x: &[f64]) -> Vec<f64> {
        self.values
            .chunks_exact(self.columns)
            .map(|row| row.iter().zip(x).map(|(m, x)| m * x).sum())
            .collect()
    }

    /// Mᵀ y.
    pub(super) fn transposed_times(&self, y: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.columns];
        for (row, y) in self.values.chunks_exact(self.columns).zip(y) {
            add_scaled(&mut product, row, *y);
        }
        product
    }
}

/// sum += factor · terms.
pub(super) fn add_scaled(sum: &mut [f64], terms: &[f64], factor: f64) {
    for (sum, term) in sum.iter_mut().zip(terms) {
        *sum += factor * term;
    }
}

/// The gradient of a tanh's input, from the gradient and the values of its output.
pub(super) fn before_tanh(gradient: &[f64], tanh: &[f64]) -> Vec<f64> {
    gradient
        .iter()
        .zip(tanh)
        .map(|(g, t)| g * (1.0 - t * t))
        .collect()
}
