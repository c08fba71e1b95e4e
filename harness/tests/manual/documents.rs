//! The Markdown files of the repository, and the code blocks in them.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A code block.
pub struct Block {
    /// File and line, for a message.
    pub place: String,
    /// The line before the block that says which file it is from, as in `<!-- from FILE -->`.
    pub from: Option<String>,
    /// What follows the fence, such as `yaml`.
    pub language: String,
    /// The lines between the fences.
    pub text: String,
}

/// Every Markdown file that a reader is meant to see.
pub fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [".", "results", "scenarios", "plugins", "harness/book/src"] {
        let deep = folder != ".";
        collect(&root().join(folder), deep, &mut found);
    }
    assert!(found.len() > 10, "the manual is missing: {found:?}");
    found.sort();
    found
}

fn collect(folder: &Path, deep: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && deep && name != "target" && name != "runs" {
            collect(&path, deep, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

/// The code blocks of all documents in one of these languages.
pub fn blocks(languages: &[&str]) -> Vec<Block> {
    let mut found = Vec::new();
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap_or(&path).display();
        let mut lines = (1..).zip(text.lines());
        let mut before = "";
        while let Some((number, line)) = lines.next() {
            let Some(language) = line.trim_start().strip_prefix("```") else {
                if !line.trim().is_empty() {
                    before = line;
                }
                continue;
            };
            let indent = line.len() - line.trim_start().len();
            let inside = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| !line.trim_start().starts_with("```"))
                .map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()));
            let text: String = inside.collect();
            let from = before
                .strip_prefix("<!-- from ")
                .and_then(|rest| rest.strip_suffix(" -->"));
            found.push(Block {
                place: format!("{name}:{number}"),
                from: from.map(str::to_owned),
                language: language.to_owned(),
                text,
            });
        }
    }
    found.retain(|block| languages.contains(&block.language.as_str()));
    found
}
