//! Normalises embeddings before a generator is fitted to them, and reverses it for drawn samples.
//!
//! For each class and feature, x is scaled to [0, 1] by the class's minimum and maximum, then
//! standardised by its mean and standard deviation (with n − 1 in the denominator):
//!
//! ```text
//! y = ((x − min) / (max − min) − mean) / std
//! ```
//!
//! A feature that is constant over a class, as in every class with one sample, has zero range and
//! zero standard deviation. Its y is 0, and the reverse gives exactly the constant.

use crate::{ClassFeatures, Fitted};
use clbench_torch::During;
use clbench_torch::tch::{TchError, Tensor};
use clbench_torch::training::GradientMode;
use clbench_torch::training::all_finite;
use harness_abi::{Error, Result};

/// The normalisation of some classes, `[classes, 1, width]` each.
#[derive(Debug)]
pub struct Normalisation {
    min: Tensor,
    /// max − min.
    range: Tensor,
    /// The mean of the scaled features.
    mean: Tensor,
    /// The standard deviation of the scaled features; 1 where the range is 0.
    std: Tensor,
}

/// The prefix of the tensors' names.
const PREFIX: &str = "normalisation.";

impl Normalisation {
    /// Computes each class's normalisation and its normalised features, `[samples, width]`, in the
    /// type of the features.
    ///
    /// # Errors
    ///
    /// If a class has no samples, values that are not finite, or another width; or if libtorch
    /// reports an error.
    pub fn of(classes: &[ClassFeatures]) -> Result<(Normalisation, Vec<Tensor>)> {
        let _mode = GradientMode::off();
        let mut each = Vec::with_capacity(classes.len());
        let mut normalised = Vec::with_capacity(classes.len());
        for class in classes {
            let doing = || format!("normalising the embeddings of class {}", class.class);
            if class
                .features
                .size()
                .first()
                .is_none_or(|&samples| samples == 0)
            {
                return Err(Error::failed("the class has no samples").context(doing()));
            }
            if !all_finite(&class.features).during(&doing())? {
                return Err(Error::failed("they contain NaN or infinite values").context(doing()));
            }
            let own = Normalisation::of_one(&class.features).during(&doing())?;
            let features = own.apply(&class.features.unsqueeze(0))?;
            normalised.push(features.f_squeeze_dim(0).during(&doing())?);
            each.push(own);
        }
        let stacked = |part: fn(&Normalisation) -> &Tensor| {
            let parts: Vec<&Tensor> = each.iter().map(part).collect();
            Tensor::f_cat(&parts, 0).during("stacking the normalisation of classes")
        };
        let stacked = Normalisation {
            min: stacked(|own| &own.min)?,
            range: stacked(|own| &own.range)?,
            mean: stacked(|own| &own.mean)?,
            std: stacked(|own| &own.std)?,
        };
        Ok((stacked, normalised))
    }

    /// The normalisation of one class, `[samples, width]`.
    fn of_one(features: &Tensor) -> Result<Normalisation, TchError> {
        let features = features.f_unsqueeze(0)?;
        let (min, max) = features.f_aminmax(1, true)?;
        let range = max.f_sub(&min)?;
        let constant = range.f_eq(0.0)?;
        let scaled = features
            .f_sub(&min)?
            .f_div(&range.f_masked_fill(&constant, 1.0)?)?;
        // A single sample has no standard deviation with n − 1, but its range is 0 too.
        let correction = i64::from(features.size()[1] > 1);
        let (variance, mean) = scaled.f_var_mean_correction([1].as_slice(), correction, true)?;
        Ok(Normalisation {
            std: variance.f_sqrt()?.f_masked_fill(&constant, 1.0)?,
            min,
            range,
            mean,
        })
    }

    /// Normalises embeddings, `[classes, samples, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn apply(&self, features: &Tensor) -> Result<Tensor> {
        let apply = || {
            let constant = self.range.f_eq(0.0)?;
            features
                .f_sub(&self.min)?
                .f_div(&self.range.f_masked_fill(&constant, 1.0)?)?
                .f_sub(&self.mean)?
                .f_div(&self.std)?
                .f_masked_fill(&constant, 0.0)
        };
        apply().during("normalising embeddings")
    }

    /// Reverses the normalisation of drawn samples, `[classes, samples, width]`.
    ///
    /// # Errors
    ///
    /// Propagates errors from libtorch.
    pub fn undo(&self, drawn: &Tensor) -> Result<Tensor> {
        let undo = || {
            self.mean
                .f_addcmul(drawn, &self.std)?
                .f_mul(&self.range)?
                .f_add(&self.min)
        };
        undo().during("reversing the normalisation of embeddings")
    }

    /// The tensors for [`Normalisation::from_fitted`].
    pub fn into_tensors(self) -> Vec<(String, Tensor)> {
        let named = |name: &str, tensor| (format!("{PREFIX}{name}"), tensor);
        vec![
            named("min", self.min),
            named("range", self.range),
            named("mean", self.mean),
            named("std", self.std),
        ]
    }

    /// Restores the normalisation from fitted generators.
    ///
    /// # Errors
    ///
    /// If the generators are of a kind without normalisation.
    pub fn from_fitted(fitted: &Fitted) -> Result<Normalisation> {
        let tensor = |name| {
            let tensor = fitted.tensor(&format!("{PREFIX}{name}"));
            tensor.map(Tensor::shallow_clone)
        };
        Ok(Normalisation {
            min: tensor("min")?,
            range: tensor("range")?,
            mean: tensor("mean")?,
            std: tensor("std")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clbench_torch::tch::Kind;

    fn class(class: u32, rows: &[[f64; 2]], kind: Kind) -> ClassFeatures {
        let flat: Vec<f64> = rows.concat();
        let features = Tensor::from_slice(&flat).view((-1, 2)).to_kind(kind);
        ClassFeatures { class, features }
    }

    fn numbers(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
    }

    /// By hand: 0, 2, 4 scales to 0, 1/2, 1, with mean 1/2 and standard deviation 1/2; and 1, 3 to
    /// 0, 1, with standard deviation √½.
    #[test]
    fn each_class_is_scaled_and_standardised_by_its_own_statistics() {
        for kind in [Kind::Float, Kind::Double] {
            let classes = [
                class(0, &[[2.0, -1.0], [0.0, 7.0], [4.0, 1.0]], kind),
                class(5, &[[1.0, 0.0], [3.0, 1.0]], kind),
            ];
            let (normalisation, normalised) = Normalisation::of(&classes).unwrap();
            assert_eq!(normalised[0].kind(), kind);
            assert_eq!(numbers(&normalised[0].select(1, 0)), [0.0, -1.0, 1.0]);
            let root = 0.5_f64.sqrt();
            for (ours, by_hand) in numbers(&normalised[1])
                .iter()
                .zip([-root, -root, root, root])
            {
                assert!((ours - by_hand).abs() < 1e-7, "{ours}, not {by_hand}");
            }
            let fitted = Fitted::new(normalisation.into_tensors());
            let normalisation = Normalisation::from_fitted(&fitted).unwrap();
            let drawn = Tensor::from_slice(&[-1.0, 0.0, 1.0, root, 0.0, 0.0]);
            let drawn = drawn.view((2, 3, 1)).expand([2, 3, 2], false).to_kind(kind);
            let undone = normalisation.undo(&drawn).unwrap();
            assert_eq!(numbers(&undone.select(2, 0).get(0)), [0.0, 2.0, 4.0]);
            for (ours, by_hand) in numbers(&undone.get(1).select(1, 0))
                .iter()
                .zip([3.0, 2.0, 2.0])
            {
                assert!((ours - by_hand).abs() < 1e-6, "{ours}, not {by_hand}");
            }
        }
    }

    #[test]
    fn constant_features_are_restored_exactly() {
        let one = class(3, &[[0.1, -7.3]], Kind::Float);
        let constant = class(4, &[[0.3, 1.0], [0.3, 2.0], [0.3, 5.0]], Kind::Float);
        let (normalisation, normalised) = Normalisation::of(&[one, constant]).unwrap();
        assert_eq!(numbers(&normalised[0]), [0.0, 0.0]);
        assert_eq!(numbers(&normalised[1].select(1, 0)), [0.0; 3]);
        assert!(
            numbers(&normalised[1])
                .iter()
                .all(|number| number.is_finite())
        );
        let drawn = Tensor::from_slice(&[3.7_f32, -12.0]).view((1, 1, 2));
        let undone = normalisation.undo(&drawn.expand([2, 1, 2], false)).unwrap();
        assert_eq!(numbers(&undone.get(0)), [0.1_f32, -7.3].map(f64::from));
        assert_eq!(numbers(&undone.get(1))[0], f64::from(0.3_f32));
    }

    #[test]
    fn a_class_that_cannot_be_normalised_is_named() {
        let message = |rows: &[[f64; 2]]| {
            let fine = class(2, &[[1.0, 2.0]], Kind::Float);
            let error = Normalisation::of(&[fine, class(8, rows, Kind::Float)]).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            message(&[]),
            "normalising the embeddings of class 8: the class has no samples"
        );
        assert_eq!(
            message(&[[0.0, f64::NAN]]),
            "normalising the embeddings of class 8: they contain NaN or infinite values"
        );
    }
}
