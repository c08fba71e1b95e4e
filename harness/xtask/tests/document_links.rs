//! Relative links in the repository's Markdown files lead to files and headings that exist.
//!
//! The chapters of the manual are left out: `cargo xtask book` checks them as they are built.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn links_between_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().unwrap();
    let mut documents = Vec::new();
    gather_files(&root, &mut documents);
    // A checkout may hold other folders too, such as a virtual environment.
    for folder in [
        ".github",
        "harness",
        "plugins",
        "results",
        "scenarios",
        "tests",
    ] {
        gather(&root.join(folder), &mut documents);
    }
    assert!(documents.len() > 10, "found only {documents:?}");
    let mut broken = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        let name = document.strip_prefix(&root).unwrap().display();
        for (line, link) in links(&text) {
            if let Some(reason) = problem(document, &text, &link) {
                broken.push(format!("{name}:{line}: `{link}` {reason}"));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

/// Adds the Markdown files in a folder and below it, generated ones and the manual left out.
fn gather(folder: &Path, documents: &mut Vec<PathBuf>) {
    gather_files(folder, documents);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let generated = path.ends_with("target") || path.ends_with("results/runs");
        if path.is_dir() && !path.is_symlink() && !generated && !path.ends_with("harness/book") {
            gather(&path, documents);
        }
    }
}

/// Adds the Markdown files in a folder.
fn gather_files(folder: &Path, documents: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    documents
        .extend(paths.filter(|path| path.is_file() && path.extension() == Some("md".as_ref())));
}

/// Why a link of a document leads nowhere; `None` if it is fine or leads to another site.
fn problem(document: &Path, text: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = document.parent().unwrap().join(path);
    if !path.is_empty() && !target.exists() {
        return Some("leads to no file".to_owned());
    }
    let of_target = match path {
        "" => text.to_owned(),
        _ if target.extension().is_some_and(|ending| ending == "md") => {
            fs::read_to_string(target).unwrap()
        }
        _ => return None,
    };
    let found = anchor.is_empty() || anchors(&of_target).iter().any(|found| found == anchor);
    (!found).then(|| "leads to no heading".to_owned())
}

/// The lines outside of fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The links of a document, `[text](link)` and `[label]: link`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // Every other piece is inline code.
        let outside: String = line.split('`').step_by(2).collect();
        let inline = outside.split("](").skip(1);
        let inline = inline.filter_map(|rest| rest.split([')', ' ']).next());
        let label = line.strip_prefix('[').and_then(|rest| {
            let (_, link) = rest.split_once("]: ")?;
            link.split_whitespace().next()
        });
        found.extend(inline.chain(label).map(|link| (number, link.to_owned())));
    }
    found
}

/// The anchors that forges make of a document's headings.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    let anchors = headings.map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|&c| c.is_alphanumeric() || " -_".contains(c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let count = seen.entry(anchor.clone()).or_default();
        *count += 1;
        match *count {
            1 => anchor,
            count => format!("{anchor}-{}", count - 1),
        }
    });
    anchors.collect()
}

#[test]
fn links_and_anchors_are_read_as_forges_read_them() {
    let text = "# A `b`, c & d_e!\n[x](y.md#z) `[no](no)` and [x](y \"title\")\n\
                ```sh\n# [no](no)\n```\n## Twice\n## Twice\n[label]: z.md\n";
    let found = links(text);
    let found: Vec<_> = found.iter().map(|(n, link)| (*n, link.as_str())).collect();
    assert_eq!(found, [(2, "y.md#z"), (2, "y"), (8, "z.md")]);
    assert_eq!(anchors(text), ["a-b-c--d_e", "twice", "twice-1"]);
    let nowhere = problem(Path::new("/none/a.md"), text, "b.md");
    assert_eq!(nowhere.as_deref(), Some("leads to no file"));
    let heading = problem(Path::new("/none/a.md"), text, "#thrice");
    assert_eq!(heading.as_deref(), Some("leads to no heading"));
}
