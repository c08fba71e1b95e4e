//! What libtorch throws, as the boundary's error.
//!
//! libtorch's message begins with one line that says what did not fit, shapes included; a C++ stack
//! follows, which helps nobody who wrote a scenario. The line is kept, the stack is not. Where
//! memory ran out, what is kept of the line is how much was asked for and how much there was.

use harness_abi::Error;
use tch::TchError;

/// Gives a result of libtorch's the boundary's error, and says what was being done.
///
/// A computation of many steps is a function that returns `Result<_, TchError>`, so that `?` serves
/// inside; its caller adds `.during("…")` once.
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
    match shortage(error) {
        Some(shortage) => Error::failed(format!("{shortage}; a smaller batch takes less")),
        None => {
            Error::failed(first_line(&thrown(error)).unwrap_or("libtorch failed without a message"))
        }
    }
}

/// What is said where memory ran out, on the CPU or on a GPU; nothing where something else is
/// wrong.
pub fn shortage(error: &TchError) -> Option<String> {
    // libtorch's allocators, CUDA's, and those of the libraries that bring memory of their own.
    const MARKS: [&str; 3] = ["out of memory", "can't allocate memory", "_ALLOC_FAILED"];
    let thrown = thrown(error);
    let line = first_line(&thrown)?;
    if !MARKS.iter().any(|mark| line.contains(mark)) {
        return None;
    }
    let Some((asked, rest)) = line
        .split_once("ried to allocate ")
        .and_then(|(_, rest)| rest.split_once(". "))
    else {
        return Some(format!("memory ran out ({line})"));
    };
    // "GPU 0 has a total capacity of 79.11 GiB of which 19.50 MiB is free. Including …"
    let free = rest
        .split_once(" is free")
        .map_or_else(String::new, |(there, _)| format!(", {there} is free"));
    Some(format!("memory ran out: {asked} were asked for{free}"))
}

fn thrown(error: &TchError) -> String {
    match error {
        TchError::Torch(thrown) => thrown.clone(),
        other => other.to_string(),
    }
}

fn first_line(thrown: &str) -> Option<&str> {
    thrown.lines().map(str::trim).find(|line| !line.is_empty())
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
    #[test]
    fn a_lack_of_memory_says_how_much_was_asked_for_and_how_much_there_is() {
        let described = |thrown: &str| described(&TchError::Torch(thrown.into())).to_string();
        assert_eq!(
            described(
                "CUDA out of memory. Tried to allocate 2.34 GiB. GPU 0 has a total capacity of 79.11 GiB of which 19.50 MiB is \
                 free. Including non-PyTorch memory, this process has 79.08 GiB memory in use. Of the allocated memory 78.01 \
                 GiB is allocated by PyTorch, and 412.11 MiB is reserved by PyTorch but unallocated.\nException raised from \
                 malloc at CUDACachingAllocator.cpp:1585 (most recent call first):\n"
            ),
            "memory ran out: 2.34 GiB were asked for, GPU 0 has a total capacity of 79.11 GiB of which 19.50 MiB is free; a \
             smaller batch takes less"
        );
        for other in [
            "CUDA error: out of memory",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        ] {
            assert_eq!(
                described(&format!("{other}\nCUDA kernel errors might be …")),
                format!("memory ran out ({other}); a smaller batch takes less")
            );
        }
        // The CPU's own words: more than any machine's addresses reach.
        let error = Tensor::f_empty([1 << 46], (Kind::Float, Device::Cpu)).during("making room");
        assert_eq!(
            error.unwrap_err().to_string(),
            "making room: memory ran out: 281474976710656 bytes were asked for; a smaller batch takes less"
        );
    }
}
