//! The three kinds of things that plugins offer.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a plugin can offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A frozen model.
    Backbone,
    /// A continual-learning method.
    Strategy,
    /// A function of accuracy matrices.
    Metric,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Backbone => "backbone",
            Kind::Strategy => "strategy",
            Kind::Metric => "metric",
        })
    }
}
