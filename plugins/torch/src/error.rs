//! What libtorch throws, as the boundary's error.
//!
//! libtorch's message begins with one line that says what did not fit, shapes included; a C++ stack follows, which helps
//! nobody who wrote a scenario. The line is kept, the stack is not.

use harness_abi::Error;
use tch::TchError;

/// Gives a result of libtorch's the boundary's error, and says what was being done.
///
/// A computation of many steps is a function that returns `Result<_, TchError>`, so that `?` serves inside; its caller
/// adds `.during("…")` once.
pub trait During<T> {
    /// The same result; an error reads "`doing`: what libtorch said".
    ///
    /// # Errors
    ///
    /// Where it was one before.
    fn during(self, doing: &str) -> harness_abi::Result<T>;
}

impl<T> During<T> for Result<T, TchError> {
    fn during(self, doing: &str) -> harness_abi::Result<T> {
        self.map_err(|error| described(&error).context(doing))
    }
}

/// The boundary's error for one of libtorch's.
pub fn described(error: &TchError) -> Error {
    let whole = match error {
        TchError::Torch(thrown) => thrown.clone(),
        other => other.to_string(),
    };
    let line = whole.lines().find(|line| !line.trim().is_empty());
    Error::failed(line.unwrap_or("libtorch failed without a message").trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn an_error_keeps_the_shapes_and_drops_the_cpp_stack() {
        let a = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let b = Tensor::zeros([4, 5], (Kind::Float, Device::Cpu));
        let error = a.f_matmul(&b).during("scoring a batch").unwrap_err();
        assert_eq!(
            error.to_string(),
            "scoring a batch: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
        );
    }
}
