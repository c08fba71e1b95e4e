//! clbench compares continual-learning strategies for vision-language models. This is its library;
//! the way of the data through it is also the way to read it.
//!
//! 1. [`scenario`]: a YAML file says what is compared: domains, backbones, strategies, seeds, metrics. As written it
//!    becomes a spec; resolved, with every default filled in and every name looked up, it cannot be invalid.
//! 2. [`domain`]: a labelled image collection with a train and a test split, whatever it lies in, known by a hash of its
//!    samples.
//! 3. [`stream`]: a domain cut into an ordered list of tasks by a class order.
//! 4. [`plugin`]: backbones, strategies and metrics come from plugin files. One is read before it is trusted, and loaded
//!    only where it is called; how it is called is the crate [`harness_abi`]'s.
//! 5. [`features`]: what frozen backbones make of a domain, computed once and kept.
//! 6. [`run`]: the plan of all cells (stream × strategy × seed), each run in a process of its own: teach a task, take
//!    the state, forget the rest, predict, and count what was right.
//! 7. [`results`]: the run folder, with a record of what each cell has left behind.
//! 8. [`metric`]: plugins' functions of the counts in a record.
//! 9. [`report`]: records become CSV files and a leaderboard.
//!
//! Around them: [`cli`] and [`commands`] are the program, [`error`] and [`exit_code`] what it says
//! when something is wrong, [`hub`] where weights come from, [`suggest`] its "did you mean",
//! [`cache`] its folder, [`atomic`] how it writes, [`id`] the numbers that must not be mixed up.

pub mod atomic;
pub mod cache;
mod checkout;
pub mod cli;
pub mod commands;
pub mod domain;
pub mod error;
pub mod exit_code;
pub mod features;
pub mod hub;
pub mod id;
pub mod init;
pub mod metric;
pub mod plugin;
pub mod project;
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
pub mod stream;
pub mod suggest;
mod template;
