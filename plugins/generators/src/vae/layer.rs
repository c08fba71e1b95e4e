//! Building blocks of the stacked networks' layers.

use clbench_torch::tch::{Kind, TchError, Tensor};

/// The slope of LeakyReLU.
const SLOPE: f64 = 0.2;
/// ε of batch normalisation.
const EPSILON: f64 = 1e-5;

/// a · b + bias for each class, with matrix products in type `product`; the bias is broadcast.
pub(super) fn product(
    a: &Tensor,
    b: &Tensor,
    bias: Option<&Tensor>,
    product: Kind,
) -> Result<Tensor, TchError> {
    let kind = a.kind();
    if kind == product {
        return match bias {
            None => a.f_bmm(b),
            Some(bias) => bias.f_baddbmm(a, b, 1.0, 1.0),
        };
    }
    let product = a.f_to_kind(product)?.f_bmm(&b.f_to_kind(product)?)?;
    let product = product.f_to_kind(kind)?;
    match bias {
        None => Ok(product),
        Some(bias) => product.f_add(bias),
    }
}

/// LeakyReLU as x + (1 − slope) (ReLU(x) − x), because tch's `leaky_relu` takes no slope.
pub(super) fn leaky(hidden: &Tensor) -> Result<Tensor, TchError> {
    hidden.f_lerp(&hidden.f_relu()?, 1.0 - SLOPE)
}

/// Batch normalisation of `[classes, features, rows]`, always with the batch's own mean and
/// variance (with n in the denominator). Row weights are `[classes, rows, 1]` and sum to 1 for each
/// class; without them all rows weigh the same. Gain and bias are `[classes, features]`.
pub(super) fn batch_normalised(
    hidden: &Tensor,
    weights: Option<&Tensor>,
    gain: &Tensor,
    bias: &Tensor,
) -> Result<Tensor, TchError> {
    let Some(weights) = weights else {
        // The features of all classes are the channels of a single batch normalisation.
        let (gain, bias) = (gain.f_reshape([-1])?, bias.f_reshape([-1])?);
        let channels = hidden.f_reshape([1, gain.size()[0], -1])?;
        let none = None::<Tensor>;
        return channels
            .f_batch_norm(
                Some(gain),
                Some(bias),
                none,
                None,
                true,
                0.0,
                EPSILON,
                false,
            )?
            .f_view_as(hidden);
    };
    let centred = hidden.f_sub(&hidden.f_bmm(weights)?)?;
    let variance = centred.f_square()?.f_bmm(weights)?;
    let deviation = variance.f_add_scalar(EPSILON)?.f_sqrt()?;
    let scale = gain.f_unsqueeze(2)?.f_div(&deviation)?;
    bias.f_unsqueeze(2)?.f_addcmul(&centred, &scale)
}
