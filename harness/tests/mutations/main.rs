//! Damaged files of every format that clbench reads: an error or an answer, but no panic, no hang,
//! and no more memory than the file is worth.
//!
//! `CLBENCH_MUTATIONS_SECONDS=600 cargo test --release -p harness --test mutations -- --nocapture`
//! runs each target for ten minutes; add a name for one target. See [`target`] for more.

mod domains;
mod files;

mod memory;
mod mutate;
mod target;
