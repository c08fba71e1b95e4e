//! What a call works on, as messages name it; and what would help where memory ran out under it.

use clbench_torch::During;
use clbench_torch::bridge::error;
use clbench_torch::tch::TchError;
use harness_abi::{Error, Result};
use std::fmt;

/// A batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// So many images.
    Images(i64),
    /// So many rows of text.
    Texts(i64),
}

impl Work {
    /// The same result; an error reads "`doing` 64 images: what libtorch said". Where memory ran out it says what to do.
    ///
    /// # Errors
    ///
    /// Where it was one before.
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
        let half = "`dtype: bf16` among the backbone's parameters takes half of it";
        match self {
            Work::Images(rows @ 2..) => format!(
                "try batches of {}: `batch: {0}` among the backbone's parameters, or the strategy's own batch size where it \
                 trains on images; {half}",
                rows / 2
            ),
            Work::Texts(rows @ 2..) => format!(
                "fewer rows take less, such as {}: a smaller batch where a strategy gives every image rows of its own, or fewer \
                 classes; {half}, and so does a strategy's `precision: bf16`",
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
    fn a_lack_of_memory_names_the_batch_and_a_smaller_one() {
        let message = |work: Work, thrown: &str| {
            let thrown: Result<(), _> = Err(TchError::Torch(thrown.into()));
            work.during("encoding", thrown).unwrap_err().to_string()
        };
        let cuda = "CUDA out of memory. Tried to allocate 2.34 GiB. GPU 0 has a total capacity of 79.11 GiB of which 19.50 MiB \
                    is free. Including non-PyTorch memory, …";
        assert_eq!(
            message(Work::Images(64), cuda),
            "encoding 64 images: memory ran out: 2.34 GiB were asked for, GPU 0 has a total capacity of 79.11 GiB of which \
             19.50 MiB is free; try batches of 32: `batch: 32` among the backbone's parameters, or the strategy's own batch \
             size where it trains on images; `dtype: bf16` among the backbone's parameters takes half of it"
        );
        assert_eq!(
            message(Work::Images(1), "CUDA error: out of memory"),
            "encoding 1 image: memory ran out (CUDA error: out of memory); `dtype: bf16` among the backbone's parameters takes \
             half of it"
        );
        assert!(message(Work::Texts(200), cuda).contains("fewer rows take less, such as 100: "));
        assert_eq!(
            message(
                Work::Texts(3),
                "mat1 and mat2 shapes cannot be multiplied\nstack"
            ),
            "encoding 3 rows of text: mat1 and mat2 shapes cannot be multiplied"
        );
    }
}
