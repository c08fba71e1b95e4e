//! Errors that cross the boundary. They are plain data: never a panic, and never a pointer into the
//! file that made them.

use abi_stable::StableAbi;
use abi_stable::std_types::{RResult, RVec};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A plugin's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of failure, which decides how a host handles it. It crosses as a plain number, so that
/// codes can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// The work failed.
    pub const FAILED: ErrorCode = ErrorCode(1);
    /// A parameter is unknown, of the wrong type or out of range; the error carries its path.
    pub const PARAMETER: ErrorCode = ErrorCode(2);
    /// The plugin's code panicked.
    pub const PANIC: ErrorCode = ErrorCode(3);
    /// A file that the plugin reads (weights, a tokenizer) is missing or damaged.
    pub const DATA: ErrorCode = ErrorCode(4);
    /// The plugin does not support what was asked for.
    pub const UNSUPPORTED: ErrorCode = ErrorCode(5);
    /// The host asked the plugin to stop, and it did.
    pub const CANCELLED: ErrorCode = ErrorCode(6);
}

/// An error. Create it with [`failed`](Self::failed), [`parameter`](Self::parameter), … and add
/// where it happened with [`context`](Self::context).
///
/// A good message says what is wrong, with the values, and how to fix it:
///
/// ```
/// use harness_abi::Error;
///
/// let error = Error::failed("the loss is NaN; lower `lr`, which is 10").context("epoch 3 of 50");
/// assert_eq!(error.to_string(), "epoch 3 of 50: the loss is NaN; lower `lr`, which is 10");
///
/// // The host adds the scenario's line.
/// let error = Error::parameter("optimiser.lr", "must be above 0, got -1");
/// assert_eq!(error.to_string(), "parameter `optimiser.lr`: must be above 0, got -1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    code: ErrorCode,
    message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    context: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backtrace: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    missing: bool,
}

impl Error {
    /// An error with this code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Error {
        Error {
            code,
            message: message.into(),
            context: Vec::new(),
            parameter: None,
            backtrace: None,
            missing: false,
        }
    }

    /// The work failed.
    pub fn failed(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::FAILED, message)
    }

    /// The parameter at `path` cannot be used. The path is dotted, as in `optimiser.lr`, and empty
    /// for the parameters as a whole.
    pub fn parameter(path: impl Into<String>, message: impl Into<String>) -> Error {
        let path = path.into();
        Error {
            parameter: (!path.is_empty()).then_some(path),
            ..Error::new(ErrorCode::PARAMETER, message)
        }
    }

    /// The plugin does not support what was asked for.
    pub fn unsupported(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::UNSUPPORTED, message)
    }

    /// A file that the plugin needs is missing or damaged.
    pub fn data(message: impl Into<String>) -> Error {
        Error::new(ErrorCode::DATA, message)
    }

    /// What the plugin reads is not there at all, such as the folder of weights that have not been
    /// downloaded. `clbench validate` then says what it could not check, where [`data`](Self::data)
    /// is a mistake.
    pub fn missing(message: impl Into<String>) -> Error {
        Error {
            missing: true,
            ..Error::data(message)
        }
    }

    /// The host asked the plugin to stop; see [`Host::cancelled`](crate::Host::cancelled).
    pub fn cancelled() -> Error {
        Error::new(ErrorCode::CANCELLED, "cancelled")
    }

    pub(crate) fn panic(message: String, backtrace: Option<String>) -> Error {
        Error {
            backtrace,
            ..Error::new(ErrorCode::PANIC, message)
        }
    }

    /// Adds where it happened. The innermost context is added first and shown last.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Error {
        self.context.push(context.into());
        self
    }

    /// The kind of failure.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What is wrong, without context.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The path of the parameter that is wrong.
    pub fn parameter_path(&self) -> Option<&str> {
        self.parameter.as_deref()
    }

    /// Whether what the plugin reads is not there at all; see [`missing`](Self::missing).
    pub fn is_missing(&self) -> bool {
        self.missing
    }

    /// The backtrace of a panic.
    pub fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.context.iter().rev() {
            write!(f, "{context}: ")?;
        }
        if let Some(path) = &self.parameter {
            write!(f, "parameter `{path}`: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// An error on its way across: the code, and everything else as JSON, so that fields can be added.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawError {
    code: u32,
    body: RVec<u8>,
}

/// A result on its way across.
pub type RawResult<T> = RResult<T, RawError>;

impl From<Error> for RawError {
    fn from(error: Error) -> RawError {
        RawError {
            code: error.code.0,
            body: serde_json::to_vec(&error)
                .unwrap_or_else(|_| error.message.clone().into_bytes())
                .into(),
        }
    }
}

impl From<RawError> for Error {
    fn from(raw: RawError) -> Error {
        serde_json::from_slice(&raw.body).unwrap_or_else(|_| {
            Error::new(
                ErrorCode(raw.code),
                String::from_utf8_lossy(&raw.body).into_owned(),
            )
        })
    }
}

/// Converts to Rust's result.
pub(crate) fn received<T>(raw: RawResult<T>) -> Result<T> {
    raw.into_result().map_err(Error::from)
}
