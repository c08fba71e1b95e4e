//! What the testkit found.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What is checked: properties that a host, and readers of its tables, rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Check {
    /// An invalid or unknown parameter is an error of code
    /// [`PARAMETER`](crate::ErrorCode::PARAMETER) with the key's path.
    Parameters,
    /// A strategy learns the stream, and its predictions are valid and as accurate as its author
    /// expects.
    Learns,
    /// Two strategies with the same seed have the same states and predictions, bit for bit.
    SameBits,
    /// A strategy that is dropped after a task, created again and restored continues as if it had
    /// not been dropped.
    RoundTrip,
    /// A class that comes back in a later task is learned too.
    Returns,
    /// Prediction does not change the state.
    Prediction,
    /// A sample's logits, or an input's embedding, do not depend on the rest of the batch.
    Batches,
    /// Failures are errors with a reason, never panics. Dropping does not panic either.
    Errors,
    /// Every call leaves the process's global state unchanged.
    GlobalState,
    /// A backbone's description of itself is complete and true.
    Info,
    /// Embeddings have the declared shape, are finite, and are the same for the same input.
    Encoding,
    /// Pullbacks agree with finite differences.
    Gradients,
    /// A pullback does not depend on its caller: its buffers, the order of calls, or its gradient
    /// mode.
    Pullbacks,
    /// A row's output depends only on the row's own prompt and input.
    Rows,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Check::Parameters => "parameters",
            Check::Learns => "learns",
            Check::SameBits => "same seed, same bits",
            Check::RoundTrip => "state round trip",
            Check::Returns => "a class that comes back",
            Check::Prediction => "prediction changes nothing",
            Check::Batches => "independent of the batch",
            Check::Errors => "errors, not panics",
            Check::GlobalState => "global state left alone",
            Check::Info => "info",
            Check::Encoding => "encoding",
            Check::Gradients => "gradients",
            Check::Pullbacks => "pullbacks stand alone",
            Check::Rows => "rows",
        })
    }
}

/// A single finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The check that found it.
    pub check: Check,
    /// A sentence that describes it.
    pub message: String,
}

/// All findings. [`check`](crate::testkit::StrategyKit::check) panics with its
/// [`Display`](fmt::Display).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The type that was checked, or the offer of a loaded file.
    pub subject: String,
    /// The checks that ran, in order. Some are skipped, such as those that would only repeat what
    /// another has found.
    pub checked: Vec<Check>,
    /// What must be fixed.
    pub failures: Vec<Finding>,
    /// What an author should know but need not fix, such as a check that was skipped, and why.
    pub notes: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(subject: &str) -> Report {
        Report {
            subject: subject.into(),
            checked: Vec::new(),
            failures: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn fail(&mut self, check: Check, message: impl Into<String>) {
        let message = message.into();
        self.failures.push(Finding { check, message });
    }

    pub(crate) fn note(&mut self, check: Check, message: impl Into<String>) {
        let message = message.into();
        self.notes.push(Finding { check, message });
    }

    /// Notes why a check that has begun is skipped.
    pub(crate) fn skip(&mut self, check: Check, why: impl Into<String>) {
        self.checked.retain(|&begun| begun != check);
        self.note(check, why);
    }

    #[track_caller]
    pub(crate) fn enforce(&self) {
        assert!(self.failures.is_empty(), "{self}");
        if !self.notes.is_empty() {
            println!("{self}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failures.len() {
            0 => write!(f, "{} passes every check of the testkit", self.subject)?,
            n => write!(f, "{}: the testkit found {n} failure(s)", self.subject)?,
        }
        for Finding { check, message } in &self.failures {
            write!(f, "\n  {check}: {message}")?;
        }
        for Finding { check, message } in &self.notes {
            write!(f, "\n  (note) {check}: {message}")?;
        }
        Ok(())
    }
}

/// What is called before each check.
#[derive(Default)]
pub(crate) struct Begin(Option<Box<dyn Fn(Check)>>);

impl Begin {
    pub(crate) fn calling(begin: impl Fn(Check) + 'static) -> Begin {
        Begin(Some(Box::new(begin)))
    }

    /// Begins a check.
    pub(crate) fn check(&self, check: Check, report: &mut Report) {
        report.checked.push(check);
        if let Some(begin) = &self.0 {
            begin(check);
        }
    }
}
