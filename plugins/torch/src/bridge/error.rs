//! Turns libtorch's exceptions into the ABI's errors.
//!
//! libtorch's message starts with a line that says what went wrong, shapes included; a C++ stack
//! trace follows, which is of no use to the author of a scenario. Only the line is kept. For
//! out-of-memory errors, it is reduced to how much was requested and how much was free.

use harness_abi::Error;
use tch::TchError;

/// Converts a result of libtorch to the ABI's, and adds what was being done to its error.
///
/// Write a computation of many steps as a function that returns `Result<_, TchError>`, so that it
/// can use `?`; its caller adds `.during("…")` once.
pub trait During<T> {
    /// The same result; an error reads "`doing`: libtorch's message".
    ///
    /// # Errors
    ///
    /// If `self` is an error.
    fn during(self, doing: &str) -> harness_abi::Result<T>;
}

impl<T> During<T> for Result<T, TchError> {
    fn during(self, doing: &str) -> harness_abi::Result<T> {
        self.map_err(|error| described(&error).context(doing))
    }
}

/// Converts an error of libtorch to one of the ABI.
pub fn described(error: &TchError) -> Error {
    match shortage(error) {
        Some(shortage) => Error::failed(format!("{shortage}; reduce the batch size")),
        None => {
            Error::failed(first_line(&thrown(error)).unwrap_or("libtorch failed without a message"))
        }
    }
}

/// The message for an out-of-memory error, on the CPU or on a GPU; `None` for other errors.
pub fn shortage(error: &TchError) -> Option<String> {
    // libtorch's allocators on the GPU and the CPU, and libraries with allocators of their own.
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
        return Some(format!("out of memory ({line})"));
    };
    // "GPU 0 has a total capacity of 79.11 GiB of which 19.50 MiB is free. Including …"
    let free = rest
        .split_once(" is free")
        .map_or_else(String::new, |(there, _)| format!(", {there} is free"));
    Some(format!("out of memory: {asked} requested{free}"))
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
    fn errors_keep_the_shapes_and_drop_the_cpp_stack() {
        let a = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let b = Tensor::zeros([4, 5], (Kind::Float, Device::Cpu));
        let error = a.f_matmul(&b).during("scoring a batch").unwrap_err();
        assert_eq!(
            error.to_string(),
            "scoring a batch: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
        );
    }
    #[test]
    fn out_of_memory_errors_say_how_much_was_requested_and_how_much_is_free() {
        let described = |thrown: &str| described(&TchError::Torch(thrown.into())).to_string();
        assert_eq!(
            described(
                "CUDA out of memory. Tried to allocate 2.34 GiB. GPU 0 has a total capacity of 79.11 GiB of which 19.50 MiB is \
                 free. Including non-PyTorch memory, this process has 79.08 GiB memory in use. Of the allocated memory 78.01 \
                 GiB is allocated by PyTorch, and 412.11 MiB is reserved by PyTorch but unallocated.\nException raised from \
                 malloc at CUDACachingAllocator.cpp:1585 (most recent call first):\n"
            ),
            "out of memory: 2.34 GiB requested, GPU 0 has a total capacity of 79.11 GiB of which 19.50 MiB is free; reduce \
             the batch size"
        );
        for other in [
            "CUDA error: out of memory",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        ] {
            assert_eq!(
                described(&format!("{other}\nCUDA kernel errors might be …")),
                format!("out of memory ({other}); reduce the batch size")
            );
        }
        // The CPU allocator's message, for more than any machine's address space.
        let error = Tensor::f_empty([1 << 46], (Kind::Float, Device::Cpu)).during("allocating");
        assert_eq!(
            error.unwrap_err().to_string(),
            "allocating: out of memory: 281474976710656 bytes requested; reduce the batch size"
        );
    }
}
