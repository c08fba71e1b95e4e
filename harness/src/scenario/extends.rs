//! `extends: base.yaml`, and `--with FILE`: scenarios made of several files.
//!
//! Both change a scenario in the same way, by [`merge`]. A file with `extends` changes the scenario
//! that it names, which may extend another; a file after `--with` changes the scenario on the
//! command line. `without` lists keys to leave out of what is changed. Every value keeps its file
//! and line, so that messages point at it and relative paths start at it.

use super::error::{Problem, ScenarioError};
use super::file::read;
use super::merge::merge;
use super::overrides::segments;
use super::resolve::Resolver;
use super::yaml::{KeyPath, Node, Origin, Tree, Value};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// The file that a scenario changes.
const EXTENDS: &str = "extends";

/// What it leaves out of it.
const WITHOUT: &str = "without";

/// How many files may extend each other. Nobody can follow more.
const MOST_FILES: usize = 16;

/// The scenario that this file and all that it extends make, with these other files added.
pub(super) fn gather(tree: Tree, with: &[PathBuf]) -> Result<Tree, ScenarioError> {
    let file = tree.file().to_owned();
    let mut tree = with_bases(tree)?.given_as(&file);
    for addition in with {
        let argument = Origin::Argument(format!("--with {}", addition.display()));
        let fail = |problem| {
            ScenarioError::new(addition, Some(argument.clone()), KeyPath::root(), problem)
        };
        let number = tree.files().count() as u32;
        let addition = read(number, addition, &fail)?;
        if given(&addition, EXTENDS).is_some() {
            return Err(addition.error(&KeyPath::top(EXTENDS), Problem::AdditionExtends));
        }
        change(&mut tree, addition)?;
    }
    Ok(tree)
}

/// Checks that no override sets a key that only a file can have.
pub(super) fn check_gathered(tree: &Tree) -> Result<(), ScenarioError> {
    match [EXTENDS, WITHOUT]
        .into_iter()
        .find(|key| given(tree, key).is_some())
    {
        Some(key) => Err(tree.error(&KeyPath::top(key), Problem::SetTooLate { key })),
        None => Ok(()),
    }
}

/// A file, changing all that it extends.
fn with_bases(first: Tree) -> Result<Tree, ScenarioError> {
    let mut chain = vec![first];
    while let Some((key, path)) = base(&chain[chain.len() - 1])? {
        let last = &chain[chain.len() - 1];
        let fail = |problem| last.error(&key, problem);
        let identity = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let same = |other: &Tree| identity(other.file()) == identity(&path);
        if let Some(start) = chain.iter().position(same) {
            let circle = chain[start..]
                .iter()
                .map(|tree| tree.file().display().to_string());
            let circle: Vec<String> = circle.chain([path.display().to_string()]).collect();
            let circle = circle.join(" → ");
            return Err(fail(Problem::Circle { circle }));
        }
        if chain.len() == MOST_FILES {
            return Err(fail(Problem::TooManyBases { most: MOST_FILES }));
        }
        let next = read(chain.len() as u32, &path, &fail)?;
        chain.push(next);
    }
    let last = chain.pop().expect("the chain begins with a file");
    if given(&last, WITHOUT).is_some() {
        return Err(last.error(&KeyPath::top(WITHOUT), Problem::NothingToLeaveOut));
    }
    let mut tree = last;
    // A lone file may have any mistake; reading its values tells which.
    if !chain.is_empty() {
        check_mapping(&tree)?;
    }
    while let Some(next) = chain.pop() {
        change(&mut tree, next)?;
    }
    tree.remove(&[EXTENDS.to_owned()]);
    Ok(tree)
}

/// The file that this one extends, and the key that says so.
fn base(tree: &Tree) -> Result<Option<(KeyPath, PathBuf)>, ScenarioError> {
    let Some(node) = given(tree, EXTENDS) else {
        return Ok(None);
    };
    let key = KeyPath::top(EXTENDS);
    let path = String::deserialize(node).map_err(|problem| tree.error(&key, problem))?;
    let path = Resolver { tree }.written_path(&key, path)?;
    Ok(Some((key, path)))
}

/// Changes a scenario as another file says.
fn change(tree: &mut Tree, mut by: Tree) -> Result<(), ScenarioError> {
    check_mapping(&by)?;
    if let Some(node) = given(&by, WITHOUT) {
        let keys = Vec::<String>::deserialize(node)
            .map_err(|problem| by.error(&KeyPath::top(WITHOUT), as_list(node, problem)))?;
        for (index, key) in keys.into_iter().enumerate() {
            let known =
                segments(tree.root(), &key).and_then(|segments| match tree.remove(&segments) {
                    true => Ok(()),
                    false => Err(Problem::NotThere { key }),
                });
            known.map_err(|problem| by.error(&KeyPath::top(WITHOUT).index(index), problem))?;
        }
    }
    for key in [EXTENDS, WITHOUT] {
        by.remove(&[key.to_owned()]);
    }
    tree.change(by, merge);
    Ok(())
}

/// The problem with `without: strategies.coop`, which is not a list.
fn as_list(node: &Node, problem: Problem) -> Problem {
    match &node.value {
        Value::Text(key) => Problem::Instead {
            problem: Box::new(problem),
            instead: format!("{WITHOUT}: [{key}]"),
        },
        _ => problem,
    }
}

fn check_mapping(tree: &Tree) -> Result<(), ScenarioError> {
    match tree.root().mapping() {
        Some(_) => Ok(()),
        None => {
            let problem = Problem::WrongType {
                expected: "a mapping".to_owned(),
                found: tree.root().in_words(),
            };
            Err(tree.error(&KeyPath::root(), problem))
        }
    }
}

/// The value of a key at the top of a file, unless it is nothing.
fn given<'a>(tree: &'a Tree, key: &str) -> Option<&'a Node> {
    tree.root().get(key).filter(|node| !node.is_null())
}
