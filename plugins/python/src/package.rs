//! The Python package, whose sources are part of this file: an interpreter needs nothing installed
//! but NumPy, and both sides of a connection have the same version.

use serde_json::{Value, json};

/// What the interpreter runs. It takes the connection from its standard input, and the package's
/// modules from the first message.
pub const START: &str = include_str!("package/start.py");

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../package/clbench/", $name, ".py")))),*]
    };
}

const MODULES: &[(&str, &str)] = modules![
    "__init__",
    "backbone",
    "parameters",
    "rows",
    "sources",
    "strategy",
    "tables",
    "wire",
    "worker",
];

/// The first message: every module's name and source.
pub fn first_message() -> Value {
    let modules = MODULES
        .iter()
        .map(|&(name, source)| (name.to_owned(), json!(source)));
    Value::Object(modules.collect())
}
