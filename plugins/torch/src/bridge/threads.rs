//! How many threads one operation may use.
//!
//! The number belongs to the process, not to a plugin: every plugin on one libtorch computes with
//! it, and libtorch wants it settled before work begins. It moves the last bits of results, so it
//! comes from the scenario and never from the machine. Hence a strategy or backbone sets it once,
//! when it is made, to what its setting says, and nobody puts it back: all settings of one process
//! carry the scenario's one number.

use harness_abi::{Error, Result};

/// Sets it.
///
/// # Errors
///
/// If it is 0 or more than libtorch can count.
pub fn set(threads: u32) -> Result<()> {
    match i32::try_from(threads) {
        Ok(threads) if threads > 0 => {
            if tch::get_num_threads() != threads {
                tch::set_num_threads(threads);
            }
            Ok(())
        }
        _ => Err(Error::unsupported(format!(
            "an operation can use 1 to {} threads, not {threads}",
            i32::MAX
        ))),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_was_set_is_what_libtorch_uses() {
        super::set(1).unwrap();
        assert_eq!(tch::get_num_threads(), 1);
        assert_eq!(
            super::set(0).unwrap_err().to_string(),
            "an operation can use 1 to 2147483647 threads, not 0"
        );
    }
}
