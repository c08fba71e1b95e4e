//! The fusion of zero-shot probabilities with the regression's scores.
//!
//! Zero-shot decides for each image whether the regression is asked. If it takes the image for a
//! class that was learned, the scores of all classes are (1 − w) p + w s, with s = 0 for classes
//! that were not learned; else they are p. So an image of an unseen class that zero-shot gets right
//! keeps its answer whatever was learned. The unseen classes keep the order that zero-shot gives
//! them, unless w is 1: then they all have the score 0 where the regression is asked.

use clbench_torch::tch::{Kind, TchError, Tensor};

/// Zero-shot's probabilities p, f64 `[images, classes]`: the softmax over all classes of the logit
/// scale times the cosine. Features `[images, width]` and texts `[classes, width]` are of unit
/// length.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn probabilities(images: &Tensor, texts: &Tensor, scale: f64) -> Result<Tensor, TchError> {
    images
        .f_matmul(&texts.f_tr()?)?
        .f_mul_scalar(scale)?
        .f_softmax(1, Kind::Double)
}

/// The scores of all classes, `[images, classes]`. `regression` are the scores s, `learned` says
/// which classes have samples, bool `[classes]`; `weight` is w.
///
/// # Errors
///
/// Propagates errors from libtorch.
pub fn fused(
    probabilities: &Tensor,
    regression: &Tensor,
    learned: &Tensor,
    weight: f64,
) -> Result<Tensor, TchError> {
    // [images, 1]: whether zero-shot takes the image for a learned class.
    let best = probabilities.f_argmax(1, false)?;
    let asked = learned.f_index_select(0, &best)?.f_unsqueeze(1)?;
    let both = probabilities
        .f_mul_scalar(1.0 - weight)?
        .f_add(&regression.f_mul_scalar(weight)?)?;
    both.f_where_self(&asked, probabilities)
}
