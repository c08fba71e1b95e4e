//! Strategies in Python.
//!
//! The author writes a class in a file; this plugin runs it in the author's own interpreter, so any
//! Python from 3.9 on and any PyTorch will do, and a crash of Python is a failed cell.
//!
//! - [`parameters`]: which class of which file.
//! - `interpreter`: which Python runs it.
//! - `zygote`: the process that imports PyTorch once, and that every worker is a fork of.
//! - `worker`: a fork, and the calls it is given. While it works on one, it may ask for features,
//!   images, texts and passes through a backbone: `requests` answers.
//! - `connection`, `message`, `memory`: how calls and tensors cross. `worker.py` of the package
//!   documents the protocol.
//! - `strategy`: the plugin's side of it all.
//!
//! The Python side is the package in `package/`. Its sources are part of this plugin's file
//! (`package`), so both sides always have the same version.

mod connection;
mod interpreter;
mod memory;
mod message;
mod package;
pub mod parameters;
mod requests;
mod strategy;
mod worker;
mod zygote;

pub use strategy::Python;

harness_abi::export_plugin! {
    runtime: none,
    backbones: {},
    strategies: {
        "python": Python => "a class in a Python file; scenarios name it with `python:`",
    },
    metrics: {},
}
