//! What the documents show: scenarios load, commands parse, and code is that of a compiled file.

use crate::documents::{Block, blocks, documents, root};
use clap::Parser;
use harness::cli::Cli;
use harness::published::Published;
use harness::scenario::Scenario;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// A scenario, of which a snippet may give any part.
const REST: &str = "
seeds: [1]
stream: { tasks: 2 }
backbones:
  pixels: {}
domains:
  digits: { source: digits }
strategies:
  linear-head: {}
";

/// The README is one page; everything else is in the manual.
const README_LINES: usize = 130;

#[test]
fn yaml_snippets_are_scenarios_or_parts_of_one() {
    let snippets = blocks(&["yaml"]);
    assert!(snippets.len() > 10, "only {} snippets", snippets.len());
    let rest: Map<String, Value> = serde_yaml::from_str(REST).unwrap();
    for Block { place, text, .. } in snippets {
        let written: Map<String, Value> =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}\n{text}"));
        // Keys that are missing follow the snippet, so that its lines keep their numbers.
        // A scenario that extends another misses none.
        let whole = written.contains_key("extends");
        let missing = rest
            .iter()
            .filter(|(key, _)| !(whole || written.contains_key(*key)));
        let missing: Map<String, Value> = missing
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut whole = text.clone();
        if !missing.is_empty() {
            whole += &serde_yaml::to_string(&missing).unwrap();
        }
        let file = root().join("scenarios/snippet.yaml");
        if let Err(error) = Scenario::parse(&whole, &file, &[]) {
            panic!("{place}: {error}\n{whole}");
        }
    }
}

#[test]
fn lists_in_yaml_are_valid_yaml() {
    for Block { place, text, .. } in blocks(&["yaml,list"]) {
        if let Err(error) = serde_yaml::from_str::<Value>(&text) {
            panic!("{place}: {error}\n{text}");
        }
    }
}

#[test]
fn figures_in_yaml_are_valid() {
    let snippets = blocks(&["yaml,figures"]);
    assert!(!snippets.is_empty());
    for Block { place, text, .. } in snippets {
        if let Err(error) = Published::parse(Path::new("figures.yaml"), &text) {
            panic!("{place}: {error}\n{text}");
        }
    }
}

#[test]
fn shown_commands_parse() {
    let tasks = fs::read_to_string(root().join("harness/xtask/src/cli.rs")).unwrap();
    let (mut parsed, mut wrong) = (0, String::new());
    for Block { place, text, .. } in blocks(&["sh", "console"]) {
        for words in commands(&text) {
            let name = words[0].rsplit('/').next().unwrap_or_default();
            let arguments = match (name, words.get(1).map(String::as_str)) {
                ("clbench", _) => words[1..].to_vec(),
                // `cargo xtask run` hands its arguments on.
                ("cargo", Some("xtask")) if words.get(2).is_some_and(|word| word == "run") => {
                    words[2..].to_vec()
                }
                ("cargo", Some("xtask")) => {
                    let task = words.get(2).map_or("", String::as_str);
                    if !tasks.contains(&format!("\n  {task}")) {
                        wrong += &format!("{place}: cargo xtask has no `{task}`\n");
                    }
                    continue;
                }
                ("cargo", Some("run")) if words.contains(&"harness".to_owned()) => {
                    let dashes = words.iter().position(|word| word == "--");
                    words[dashes.expect("arguments follow `--`") + 1..].to_vec()
                }
                _ => continue,
            };
            // A name in capitals stands for a file, which need not exist.
            let arguments = arguments.into_iter().map(|word| match &*word {
                "SCENARIO" => "scenario.yaml".to_owned(),
                _ => word,
            });
            let line = ["clbench".to_owned()].into_iter().chain(arguments);
            if let Err(error) = Cli::try_parse_from(line)
                && error.use_stderr()
            {
                wrong += &format!("{place}: {}\n{error}\n", words.join(" "));
            }
            parsed += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(parsed > 10, "only {parsed} commands");
}

#[test]
fn shown_code_is_that_of_the_file_it_names() {
    let mut compared = 0;
    for block in blocks(&["rust", "toml"]) {
        let Block { place, text, .. } = &block;
        let from = block.from.as_deref();
        let from = from.unwrap_or_else(|| panic!("{place}: say `<!-- from FILE -->` before it"));
        let source = trimmed(&fs::read_to_string(root().join(from)).expect(from));
        // `…` stands for what is left out.
        for piece in text
            .split_inclusive('\n')
            .collect::<Vec<_>>()
            .split(|line| line.trim() == "…")
        {
            let piece = trimmed(&piece.concat());
            assert!(
                source.contains(piece.trim_matches('\n')),
                "{place}: this is not in {from}:\n{piece}"
            );
        }
        compared += 1;
    }
    assert!(compared > 1, "only {compared} blocks");
}

#[test]
fn the_readme_is_one_page() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = readme.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines");
}

#[test]
fn the_summary_has_every_page_of_the_manual() {
    let book = root().join("harness/book/src");
    let summary = fs::read_to_string(book.join("SUMMARY.md")).unwrap();
    for page in documents() {
        let Ok(name) = page.strip_prefix(&book) else {
            continue;
        };
        let name = name.display().to_string();
        let included = name.starts_with("reference/") || name == "SUMMARY.md";
        assert!(
            included || summary.contains(&format!("({name})")),
            "{name} is not in SUMMARY.md"
        );
    }
}

/// The commands of a shell snippet as words; comments, prompts and output are dropped.
fn commands(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let mut commands = Vec::new();
    for line in text.lines() {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        for command in line.split(" && ") {
            // A redirection is not an argument.
            let command = command.split(" > ").next().unwrap_or_default();
            let words = words(command);
            if !words.is_empty() {
                commands.push(words);
            }
        }
    }
    commands
}

/// The words of a command, up to a comment; variables that are set before it are dropped.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in command.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => words.last_mut().unwrap().push(letter),
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            None if letter.is_whitespace() => words.push(String::new()),
            None => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    let comment = words.iter().position(|word| word.starts_with('#'));
    words.truncate(comment.unwrap_or(words.len()));
    let setting = |word: &String| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    words.into_iter().skip_while(setting).collect()
}

/// The lines without the space around them, since a snippet may be indented otherwise.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    format!("{}\n", lines.join("\n"))
}
