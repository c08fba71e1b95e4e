//! Strategies: class means, ridge regression and discriminants on frozen features, in closed form.
//!
//! All of them keep sums over the samples they have seen: of features, of products of features. A
//! sum does not forget, and does not depend on the order of the tasks. After every task the
//! classifier follows from the sums without an optimiser. [`features`] reads a task's samples and
//! [`class_means`] sums them by class. A [`projection`] widens features; [`ridge`] sums their
//! products, in the upper triangle of a [`symmetric`] matrix, and solves for [`linear_scores`];
//! [`ridge_choice`] chooses the λ of a solution.
//!
//! - [`NearestClassMean`]: the class with the nearest mean.
//! - [`RanPac`]: ridge regression on randomly projected features.
//! - [`Rail`]: ridge regression for what was learned, zero-shot CLIP for the rest.
//! - [`Slda`]: linear discriminant analysis, from the scatter [`within_class`]es.
//! - [`FeCam`]: a covariance per class.
//! - [`Klda`]: linear discriminant analysis on random Fourier features.

pub mod class_means;
pub mod features;
pub mod fecam;
pub mod klda;
pub mod linear_scores;
pub mod nearest_class_mean;
pub mod projection;
pub mod rail;
pub mod ranpac;
pub mod ridge;
pub mod ridge_choice;
pub mod slda;
pub mod symmetric;
pub mod within_class;

pub use fecam::FeCam;
pub use klda::Klda;
pub use nearest_class_mean::NearestClassMean;
pub use rail::Rail;
pub use ranpac::RanPac;
pub use slda::Slda;

harness_abi::export_plugin! {
    runtime: "libtorch 2.11.0",
    backbones: {},
    strategies: {
        "nearest-class-mean": NearestClassMean => "the class whose mean feature is nearest; with the cosine, SimpleCIL",
        "ranpac": RanPac => "ridge regression on randomly projected features (RanPAC, phase 2)",
        "rail": Rail => "ridge regression for images that zero-shot CLIP takes for learned classes (RAIL)",
        "slda": Slda => "streaming linear discriminant analysis: class means and one covariance",
        "fecam": FeCam => "the nearest class mean, measured with a covariance per class (FeCAM)",
        "klda": Klda => "linear discriminant analysis on random Fourier features (KLDA)",
    },
    metrics: {},
}
