//! The parameters of RanPAC.

use crate::ridge_choice::RidgeRule;
use clbench_torch::features::Output;
use harness_abi::{Error, ParameterSet, Result};
use serde::Deserialize;

/// The parameters of `ranpac`. All published runs have the same settings, the defaults: M = 10,000
/// and a λ chosen after every task (`args/*_publish.csv` of RanPAC/RanPAC).
///
/// ```yaml
/// use: ranpac
/// parameters:
///   projection_width: 2000
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, ParameterSet)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// M, the width of the random projection relu(f W). 0: the features as they are, without the
    /// relu. The sums take 8 M² bytes of memory and 4 M² of a state.
    #[parameter(default = 10_000)]
    pub projection_width: u32,
    /// The output of the backbone that is an image's feature, not normalised. The authors read the
    /// class token.
    #[parameter(default = Output::Embedding)]
    pub output: Output,
    /// How λ is chosen after every task: from 10⁻⁸, 10⁻⁷, … 10⁸, by the squared error on a random
    /// fifth of the task's samples. The λ of the last task holds for all classes.
    #[parameter(default = RidgeRule::WithinOnePercent)]
    pub ridge_rule: RidgeRule,
    /// λ, the ridge. Not set: chosen by `ridge_rule`.
    #[parameter(above = 0)]
    pub lambda: Option<f64>,
}

impl Parameters {
    /// Checks what ranges cannot: parameters that depend on each other.
    ///
    /// # Errors
    ///
    /// With the key that does not fit the others.
    pub fn check(&self) -> Result<()> {
        if self.lambda.is_some() && self.ridge_rule == RidgeRule::Published {
            return Err(Error::parameter(
                "ridge_rule",
                "has no effect if `lambda` is set; remove one of them",
            ));
        }
        Ok(())
    }
}
