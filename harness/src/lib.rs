//! clbench compares continual-learning strategies for vision-language models. This is its library.
//! Read it in the order in which data flows:
//!
//! 1. [`scenario`]: a YAML file names the domains, backbones, strategies, seeds and metrics to
//!    compare. It is parsed into a spec, then resolved: with every default filled in and every name
//!    looked up, a scenario cannot be invalid.
//! 2. [`domain`]: a labelled image collection with a train and a test split, in any of many
//!    formats, identified by a hash of its samples.
//! 3. [`stream`]: domains cut into an ordered list of tasks by a class order.
//! 4. [`plugin`]: backbones, strategies and metrics come from plugin files. A file is inspected
//!    before it is trusted, and loaded only in the process that calls it. The crate [`harness_abi`]
//!    defines how it is called.
//! 5. [`features`]: the outputs of frozen backbones on a domain, computed once and cached.
//! 6. [`run`]: the plan of all cells (stream × strategy × seed), each run in a process of its own:
//!    learn a task, save the state, forget everything else, predict, count what was right.
//! 7. [`results`]: the run folder, with one record per cell.
//! 8. [`metric`]: functions of the counts in a record, from plugins.
//! 9. [`published`]: figures of papers and logs, and whether they follow a record's protocol.
//! 10. [`report`]: records become CSV files, tables, figures and a page.
//!
//! Around them, [`cli`] and [`commands`] are the program, and [`error`] and [`exit_code`] are how
//! it fails. [`init`] writes a scenario for a folder of images, [`project`] a strategy to start
//! from. [`conformance`] checks whether a plugin keeps what a host relies on.
//! [`hub`] downloads weights, [`suggest`] is "did you mean", [`manual`] writes the generated pages
//! of the manual, [`cache`] is the cache folder, [`regular_file`] reads files and [`atomic`] writes
//! them, [`full_disk`] recognises a full disk, [`claim`] tells processes what others are working on,
//! [`byte_size`] shows sizes, `parallel` works on many files at a time, [`terminal`] is where people read,
//! and [`id`] has numbers that must not be mixed up.

// Only `terminal` prints; it never panics, and shows control characters as escapes.
#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

pub mod atomic;
pub mod byte_size;
pub mod cache;
pub mod claim;
pub mod cli;
pub mod commands;
pub mod conformance;
pub mod domain;
pub mod error;
pub mod exit_code;
pub mod features;
pub mod full_disk;
pub mod hub;
pub mod id;
pub mod init;
pub mod manual;
pub mod metric;
mod parallel;
pub mod plugin;
pub mod project;
pub mod published;
pub mod regular_file;
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
mod shipped;
pub mod stream;
pub mod suggest;
mod template;
pub mod terminal;
mod text;
