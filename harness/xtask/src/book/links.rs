//! Whether every link of the built manual leads somewhere.
//!
//! The built pages are checked, not their Markdown, so that includes, reference links and the
//! anchors that mdBook makes of headings are as a reader meets them. Links to other sites are not
//! followed: a check must not need the network.

use super::html::Page;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A link that leads nowhere.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// The chapter's Markdown file, relative to the manual's sources, with `/`.
    chapter: String,
    /// Its line, if the link is written there. A link in an included file is not.
    line: Option<usize>,
    /// The link, as it is in the built page.
    link: String,
    reason: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.chapter)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": `{}` {}", self.link, self.reason)
    }
}

/// Checks the links of the manual that was built from `source` into `built`.
pub fn check(source: &Path, built: &Path) -> Result<Vec<Broken>> {
    let mut files = Vec::new();
    list(built, built, &mut files)?;
    let mut pages = BTreeMap::new();
    for file in files {
        let page = if file.ends_with(".html") {
            Some(Page::read(&read(&built.join(&file))?))
        } else {
            None
        };
        pages.insert(file, page);
    }
    let mut broken = Vec::new();
    for (name, page) in &pages {
        let Some(page) = page else { continue };
        // Pages without a chapter, such as `print.html`, are made by mdBook from the others.
        let Some(chapter) = chapter(source, name) else {
            continue;
        };
        let text = read(&source.join(&chapter))?;
        for link in &page.links {
            if let Some(reason) = problem(&pages, name, link) {
                broken.push(Broken {
                    chapter: chapter.clone(),
                    line: line_of(&text, link),
                    link: link.clone(),
                    reason,
                });
            }
        }
    }
    broken.sort();
    Ok(broken)
}

/// The names of all files below a folder, relative to `root`, with `/`.
fn list(root: &Path, folder: &Path, names: &mut Vec<String>) -> Result<()> {
    let unreadable = || format!("cannot read {}", folder.display());
    for entry in folder.read_dir().with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.is_dir() {
            list(root, &path, names)?;
        } else {
            let name = path.strip_prefix(root).expect("the walk stays below root");
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The Markdown file that a page was made from. mdBook makes `index.html` of a `README.md`.
fn chapter(source: &Path, page: &str) -> Option<String> {
    let stem = page.strip_suffix(".html")?;
    let mut candidates = vec![format!("{stem}.md")];
    if let Some(folder) = stem.strip_suffix("index") {
        candidates.push(format!("{folder}README.md"));
    }
    candidates
        .into_iter()
        .find(|file| source.join(file).is_file())
}

/// Why a link in a page leads nowhere; `None` if it is fine.
fn problem(pages: &BTreeMap<String, Option<Page>>, page: &str, link: &str) -> Option<String> {
    if is_absolute(link) {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = decoded(path.split('?').next().unwrap_or_default());
    if path.starts_with('/') {
        return Some("is absolute: write it relative to the chapter's file".to_owned());
    }
    let Some(target) = resolve(page, &path) else {
        return Some(
            "leaves the manual, which is published without the repository: name the file instead \
             of linking to it"
                .to_owned(),
        );
    };
    match pages.get(&target) {
        None => Some(format!("leads to {target}, which does not exist")),
        Some(Some(page)) if !anchor.is_empty() && !page.anchors.contains(&decoded(anchor)) => Some(
            format!("leads to {target}, which has no heading `{anchor}`"),
        ),
        Some(_) => None,
    }
}

/// Whether a link names a scheme, such as `https:` or `mailto:`.
fn is_absolute(link: &str) -> bool {
    let scheme = link.split_once(':').map_or("", |(scheme, _)| scheme);
    !scheme.is_empty()
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// A path seen from a page, as a path from the root; `None` if it leads out of the root.
fn resolve(page: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(page.to_owned());
    }
    let mut folders = PathBuf::from(page);
    folders.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if !folders.pop() {
                    return None;
                }
            }
            name => folders.push(name),
        }
    }
    if path.ends_with('/') {
        folders.push("index.html");
    }
    Some(folders.to_string_lossy().into_owned())
}

/// Resolves `%20` and its like.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The first line of a chapter that has a link, which may be written with `.md` for `.html`.
fn line_of(chapter: &str, link: &str) -> Option<usize> {
    let spellings = [link.to_owned(), link.replacen(".html", ".md", 1)];
    let has = |line: &str| {
        spellings
            .iter()
            .any(|link| line.contains(&format!("({link}")) || line.contains(&format!(": {link}")))
    };
    let index = chapter.lines().position(has)?;
    Some(index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems of a manual: chapters, and the pages that they were built into.
    fn problems(chapters: &[(&str, &str)], pages: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let [source, built] = ["src", "built"].map(|name| folder.path().join(name));
        for (root, files) in [(&source, chapters), (&built, pages)] {
            for (name, text) in files {
                let path = root.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        let broken = check(&source, &built).unwrap();
        broken.iter().map(Broken::to_string).collect()
    }

    #[test]
    fn a_broken_link_is_named_with_chapter_line_and_reason() {
        let chapters = [
            ("intro.md", "# Intro\n[a](sub/two.md#gone)\n[b](none.md)"),
            ("sub/two.md", "[c](../../up.md)\n\n[d]: /root.png"),
        ];
        let pages = [
            (
                "intro.html",
                "<a href=\"sub/two.html#gone\"></a><a href=\"none.html\"></a>",
            ),
            (
                "sub/two.html",
                "<a href=\"../../up.html\"></a><img src=\"/root.png\">",
            ),
            ("print.html", "<a href=\"no chapter has this\">"),
        ];
        assert_eq!(
            problems(&chapters, &pages),
            [
                "intro.md:2: `sub/two.html#gone` leads to sub/two.html, which has no heading `gone`",
                "intro.md:3: `none.html` leads to none.html, which does not exist",
                "sub/two.md:1: `../../up.html` leaves the manual, which is published without the \
                 repository: name the file instead of linking to it",
                "sub/two.md:3: `/root.png` is absolute: write it relative to the chapter's file",
            ]
        );
    }

    #[test]
    fn links_to_pages_files_anchors_and_other_sites_are_fine() {
        let chapters = [("README.md", ""), ("sub/two.md", "")];
        let pages = [
            (
                "index.html",
                "<h1 id=\"one\"></h1><a href=\"#one\"></a><a href=\"sub/two.html#%C3%BC\"></a>\
                 <a href=\"https://example.org/x#y\"></a><a href=\"mailto:a@example.org\"></a>",
            ),
            (
                "sub/two.html",
                "<h2 id=\"ü\"></h2><a href=\"..//index.html\"></a><a href=\"../#one\"></a>\
                 <img src=\"a%20picture.png?v=1\">",
            ),
            ("sub/a picture.png", ""),
        ];
        assert_eq!(problems(&chapters, &pages), [""; 0]);
    }
}
