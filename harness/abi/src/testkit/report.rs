//! What the kit found.

use std::fmt;

/// What is checked. Each says what a host, and a reader of its tables, relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// A bad or unknown parameter is an error of code [`PARAMETER`](crate::ErrorCode::PARAMETER) with the key's path.
    Parameters,
    /// A strategy learns the stream, its predictions are usable, and are right as often as its author expects.
    Learns,
    /// Two strategies with the same seed have the same states and predictions, bit for bit.
    SameBits,
    /// A strategy that is dropped after a task, made anew and restored goes on as if nothing had happened.
    RoundTrip,
    /// Prediction changes nothing.
    Prediction,
    /// A sample's logits, or an input's embedding, do not depend on what else is in the batch.
    Batches,
    /// What goes wrong comes back as an error that says so, never as a panic; dropping does not panic either.
    Errors,
    /// Every call leaves the process's state as it was.
    GlobalState,
    /// A backbone's description of itself is complete and holds.
    Info,
    /// Embeddings have the shape that was promised, are finite, and are the same for the same input.
    Encoding,
    /// Pullbacks agree with finite differences.
    Gradients,
    /// A pullback needs nothing of its caller's any more: neither buffers, nor order of calls, nor gradient mode.
    Pullbacks,
    /// A row's output depends on its own prompt and input alone.
    Rows,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Check::Parameters => "parameters",
            Check::Learns => "learns",
            Check::SameBits => "same seed, same bits",
            Check::RoundTrip => "state round trip",
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

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// By which check.
    pub check: Check,
    /// What it is, in a sentence.
    pub message: String,
}

/// Everything that was found; its [`Display`](fmt::Display) is what [`check`](crate::testkit::StrategyKit::check)
/// panics with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The type that was checked.
    pub subject: String,
    /// What must be fixed.
    pub failures: Vec<Finding>,
    /// What an author should know, but need not fix: a check that was left out, and why.
    pub notes: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(subject: &str) -> Report {
        Report {
            subject: subject.into(),
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
