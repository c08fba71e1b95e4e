//! Describes the batch of a call in messages, with advice for out-of-memory errors.

use clbench_torch::During;
use clbench_torch::bridge::error;
use clbench_torch::tch::TchError;
use harness_abi::{Error, Result};
use std::fmt;

/// A batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A number of images.
    Images(i64),
    /// A number of rows of text.
    Texts(i64),
}

impl Work {
    /// The same result; an error reads "`doing` 64 images: libtorch's message". Out-of-memory
    /// errors include advice.
    ///
    /// # Errors
    ///
    /// If `result` is an error.
    pub fn during<T>(self, doing: &str, result: Result<T, TchError>) -> Result<T> {
        let doing = format!("{doing} {self}");
        let Err(error) = &result else {
            return result.during(&doing);
        };
        match error::shortage(error) {
            Some(shortage) => {
                Err(Error::failed(format!("{shortage}; {}", self.smaller())).context(doing))
            }
            None => result.during(&doing),
        }
    }

    fn smaller(self) -> String {
        let half = "set the backbone's parameter `dtype: bf16`, which halves memory use";
        match self {
            Work::Images(rows @ 2..) => format!(
                "set a smaller batch: the backbone's parameter `batch: {}`, or the strategy's batch size if it trains on \
                 images; or {half}",
                rows / 2
            ),
            Work::Texts(rows @ 2..) => format!(
                "encode fewer rows, such as {}: use a smaller batch if the strategy has rows for each image, or fewer \
                 classes; or {half}, as does a strategy's `precision: bf16`",
                rows / 2
            ),
            _ => half.to_owned(),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Images(1) => f.write_str("1 image"),
            Work::Images(rows) => write!(f, "{rows} images"),
            Work::Texts(1) => f.write_str("1 row of text"),
            Work::Texts(rows) => write!(f, "{rows} rows of text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_memory_errors_name_the_batch_and_suggest_a_smaller_one() {
        let message = |work: Work, thrown: &str| {
            let thrown: Result<(), _> = Err(TchError::Torch(thrown.into()));
            work.during("encoding", thrown).unwrap_err().to_string()
        };
        let cuda = "CUDA out of memory. Tried to allocate 2.34 GiB. GPU 0 has a total capacity of 79.11 GiB of which 19.50 MiB \
                    is free. Including non-PyTorch memory, …";
        assert_eq!(
            message(Work::Images(64), cuda),
            "encoding 64 images: out of memory: 2.34 GiB requested, GPU 0 has a total capacity of 79.11 GiB of which 19.50 MiB \
             is free; set a smaller batch: the backbone's parameter `batch: 32`, or the strategy's batch size if it trains \
             on images; or set the backbone's parameter `dtype: bf16`, which halves memory use"
        );
        assert_eq!(
            message(Work::Images(1), "CUDA error: out of memory"),
            "encoding 1 image: out of memory (CUDA error: out of memory); set the backbone's parameter `dtype: bf16`, which \
             halves memory use"
        );
        assert!(message(Work::Texts(200), cuda).contains("encode fewer rows, such as 100: "));
        assert_eq!(
            message(
                Work::Texts(3),
                "mat1 and mat2 shapes cannot be multiplied\nstack"
            ),
            "encoding 3 rows of text: mat1 and mat2 shapes cannot be multiplied"
        );
    }
}
