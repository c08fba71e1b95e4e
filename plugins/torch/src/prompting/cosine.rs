//! Cosine similarity, as CLIP scores an image for a text: the inner product of both embeddings,
//! scaled to unit length, times the model's logit scale (100 in CLIP: the exponential of its
//! learned `logit_scale`).

use tch::{TchError, Tensor};

/// Scales each row of `[rows, width]` to unit length. A row of zeros stays zero. Differentiable.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn unit_rows(rows: &Tensor) -> Result<Tensor, TchError> {
    // [rows, 1]
    let length = rows
        .f_norm_scalaropt_dim(2.0, [1], true)?
        .f_clamp_min(1e-12)?;
    rows.f_div(&length)
}

/// Logits `[images, texts]` of images `[images, width]` for texts `[texts, width]`, both of unit
/// length.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn logits(images: &Tensor, texts: &Tensor, scale: f64) -> Result<Tensor, TchError> {
    images.f_mul_scalar(scale)?.f_matmul(&texts.f_tr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.reshape([-1])).unwrap()
    }

    #[test]
    fn logits_are_scaled_cosines_and_a_zero_row_has_zero_logits() {
        let images = Tensor::from_slice(&[3.0_f32, 4.0, 0.0, 0.0]).view((2, 2));
        let texts = Tensor::from_slice(&[0.0_f32, 2.0, -5.0, 0.0, 30.0, 40.0]).view((3, 2));
        let images = unit_rows(&images).unwrap();
        assert_eq!(values(&images), [0.6, 0.8, 0.0, 0.0]);
        let logits = logits(&images, &unit_rows(&texts).unwrap(), 100.0).unwrap();
        assert_eq!(logits.size(), [2, 3]);
        let expected = [80.0, -60.0, 100.0, 0.0, 0.0, 0.0];
        for (ours, expected) in values(&logits).into_iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-4, "{ours}, not {expected}");
        }
    }
}
