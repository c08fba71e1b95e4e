//! A published figure that a section shows beside its rows.

use super::statistics::Summary;
use crate::published::Mark;

/// A published figure beside the rows of a section.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// The method, as its source calls it.
    pub method: String,
    /// The strategy that is this method here.
    pub strategy: Option<String>,
    /// The metric: clbench's name, or the source's if clbench has none.
    pub metric: String,
    /// The value as printed, with its spread if there is one.
    pub printed: String,
    /// The value.
    pub mean: f64,
    /// Its spread over runs.
    pub std: Option<f64>,
    /// The number of runs.
    pub runs: Option<usize>,
    /// Where it stands, and on which weights and from how many runs it is.
    pub source: String,
    /// Whether the own row follows the same protocol.
    pub mark: Mark,
    /// The own row that it was compared with.
    pub row: String,
    /// The own value in this metric, if that row is the same strategy.
    pub own: Option<Summary>,
}
