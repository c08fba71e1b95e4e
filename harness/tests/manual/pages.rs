//! The pages that are made from the program.

use crate::documents::root;
use harness::manual;
use std::fs;

/// The first line of a page that nobody should edit.
const NOTE: &str =
    "<!-- Generated. `UPDATE_EXPECT=1 cargo test -p harness --test manual` writes it anew. -->\n\n";

#[test]
fn the_command_line_is_up_to_date() {
    up_to_date("command-line.md", &manual::command_line());
}

#[test]
fn the_scenario_reference_is_up_to_date() {
    up_to_date("scenario.md", &manual::scenario());
}

#[test]
fn the_published_figures_are_up_to_date() {
    let page = manual::published().unwrap_or_else(|error| panic!("{error}"));
    up_to_date("published.md", &page);
}

#[test]
fn the_exit_codes_are_up_to_date() {
    let source = include_str!("../../src/exit_code.rs");
    let mut rows = String::from("| code | meaning |\n| --: | --- |\n");
    let mut docs: Vec<&str> = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.trim());
            continue;
        }
        if let Some((_, code)) = line.trim_end_matches(',').split_once(" = ")
            && let Ok(code) = code.parse::<u8>()
        {
            rows += &format!("| {code} | {} |\n", docs.join(" "));
        }
        docs.clear();
    }
    assert!(rows.lines().count() > 5, "{rows}");
    up_to_date("exit-codes.md", &rows);
}

/// Compares a page with what is committed; with `UPDATE_EXPECT` set, writes it.
fn up_to_date(name: &str, text: &str) {
    let file = root().join("harness/book/src/reference").join(name);
    let page = format!("{NOTE}{text}");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&file, page).unwrap();
        return;
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == page,
        "{} is out of date; `UPDATE_EXPECT=1 cargo test -p harness --test manual` writes it anew",
        file.display()
    );
}
