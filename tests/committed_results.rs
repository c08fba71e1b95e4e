//! The committed results: the tables of a page are made from its records, not by hand.
//!
//! `UPDATE_EXPECT=1` renews them.

use clbench_tests::{Dir, python, root};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What stands before a table, with the command that makes it.
const BEGIN: &str = "<!-- made by: clbench ";
/// Before the title of the one table of its output that is meant.
const ONLY: &str = "; table: ";
const END: &str = "<!-- end -->\n";

/// The parts of a text before, between and after two marks.
fn parts<'a>(text: &'a str, begin: &str, end: &str) -> Option<[&'a str; 3]> {
    let (before, rest) = text.split_once(begin)?;
    let (between, after) = rest.split_once(end)?;
    Some([before, between, after])
}

/// Compares a file with what it should be, or renews it.
fn check(path: &Path, found: &str, made: &str) {
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, made).unwrap();
    } else {
        let path = path.display();
        assert!(
            found == made,
            "the tables of {path} are not those of its records; UPDATE_EXPECT=1 renews them"
        );
    }
}

/// What a command prints; only the table with this title if there is one.
fn printed(dir: &Dir, command: &str, only: Option<&str>) -> String {
    let results = root().join("results");
    let arg = |arg: &str| match arg.strip_prefix("results/") {
        Some(file) => results.join(file).to_str().unwrap().to_owned(),
        None => arg.to_owned(),
    };
    let tables = dir.clbench(command.split(' ').map(arg)).succeeds().stdout;
    let Some(title) = only else {
        return tables;
    };
    let from = tables.find(&format!("**{title}**\n")).expect(title);
    let table = &tables[from..];
    // The next table begins with a title, before a blank line and a heading.
    let next = table[2..].match_indices("\n**").find(|(at, _)| {
        let rest = &table[2 + at + 1..];
        rest.split_once('\n')
            .is_some_and(|(_, rest)| rest.starts_with("\n|"))
    });
    let end = next.map_or(table.len(), |(at, _)| 2 + at);
    table[..end].trim_end().to_owned() + "\n"
}

#[test]
fn the_tables_of_every_page_are_made_by_the_program() {
    let dir = Dir::new();
    let files = fs::read_dir(root().join("results")).unwrap();
    let records = files.map(|file| file.unwrap().path());
    let records = records.filter(|path| path.extension().is_some_and(|name| name == "records"));
    let pages: Vec<PathBuf> = records.map(|path| path.with_extension("md")).collect();
    assert!(pages.len() >= 9);
    for page in pages {
        let found = fs::read_to_string(&page).unwrap();
        let (mut made, mut rest) = (String::new(), found.as_str());
        while let Some([before, between, after]) = parts(rest, BEGIN, END) {
            let (command, _) = between.split_once(" -->\n").expect("a command");
            let (asked, only) = match command.split_once(ONLY) {
                Some((asked, title)) => (asked, Some(title)),
                None => (command, None),
            };
            let tables = printed(&dir, asked, only);
            made += &format!("{before}{BEGIN}{command} -->\n\n{tables}\n{END}");
            rest = after;
        }
        assert!(!made.is_empty(), "{} has no table", page.display());
        made += rest;
        // No table beside these.
        let by_hand = rest.lines().filter(|line| line.starts_with("| # |"));
        assert_eq!(by_hand.count(), 0, "{}", page.display());
        check(&page, &found, &made);
    }
}

#[test]
fn the_readme_has_the_table_of_the_quickstart() {
    let dir = Dir::new();
    let records = root().join("results/quickstart.records");
    let mut args = vec!["leaderboard", records.to_str().unwrap()];
    for metric in ["faa", "ci-transfer", "forgetting-seen"] {
        args.extend(["--metric", metric]);
    }
    let tables = dir.clbench(args).succeeds().stdout;
    let overall = tables
        .split("\n\n")
        .find(|table| table.starts_with("overall: "));
    let readme = root().join("README.md");
    let text = fs::read_to_string(&readme).unwrap();
    let [before, _, after] = parts(&text, "```text\noverall: ", "```\n").unwrap();
    // Without the legend and the notes.
    let (made, _) = overall.unwrap().split_once("\nbelow the rule").unwrap();
    check(
        &readme,
        &text,
        &format!("{before}```text\n{made}\n```\n{after}"),
    );
}

/// The page on what a study costs is made from the inputs in its script.
#[test]
fn the_tables_of_the_planning_page_are_those_of_its_script() {
    let renew = env::var_os("UPDATE_EXPECT").is_some();
    let Some(python) = python() else {
        assert!(!renew, "renewing the page needs Python");
        return;
    };
    let script = root().join("harness/book/planning.py");
    let option = if renew { "--write" } else { "--check" };
    let made = Command::new(python).arg(script).arg(option).output();
    let made = made.expect("Python starts");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}
