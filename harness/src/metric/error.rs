//! What can go wrong with metrics.

/// An error while metrics are chosen or computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum MetricError {
    #[error("metric `{metric}` of cell `{cell}`: {reason}")]
    Failed {
        metric: String,
        cell: String,
        reason: String,
    },
    #[error(
        "unknown metric `{name}`{}\navailable metrics: {known}",
        hint(suggestion)
    )]
    Unknown {
        name: String,
        suggestion: Option<String>,
        known: String,
    },
}

fn hint(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}
