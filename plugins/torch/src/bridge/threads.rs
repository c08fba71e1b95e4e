//! The number of threads per operation.
//!
//! The number is process-wide, not per plugin: all plugins share one libtorch, which wants it set
//! before work begins. It affects the last bits of results, so it comes from the scenario and never
//! from the machine. A strategy or backbone sets it when it is created, to the value in its
//! setting, and nothing resets it: all settings of a process carry the scenario's value. Only
//! [`in_parallel`](crate::cpu::in_parallel) gives an operation one thread for a while, because it
//! uses the others itself.

use harness_abi::{Error, Result};

/// Sets the number of threads.
///
/// # Errors
///
/// If it is 0 or exceeds `i32::MAX`.
pub fn set(threads: u32) -> Result<()> {
    match i32::try_from(threads) {
        Ok(threads) if threads > 0 => {
            if tch::get_num_threads() != threads {
                tch::set_num_threads(threads);
            }
            Ok(())
        }
        _ => Err(Error::unsupported(format!(
            "the number of threads must be between 1 and {}, got {threads}",
            i32::MAX
        ))),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn libtorch_uses_the_number_that_was_set() {
        super::set(1).unwrap();
        assert_eq!(tch::get_num_threads(), 1);
        assert_eq!(
            super::set(0).unwrap_err().to_string(),
            "the number of threads must be between 1 and 2147483647, got 0"
        );
    }
}
