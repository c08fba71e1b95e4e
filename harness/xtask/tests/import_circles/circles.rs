//! Which file imports which, and the circles that these imports form.

use crate::module_tree::{FileId, ModuleTree};
use crate::names::Found;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The imports between files: from one, to another, and where the code says so.
pub struct Imports<'a> {
    tree: &'a ModuleTree,
    places: BTreeMap<FileId, BTreeMap<FileId, BTreeSet<Place>>>,
}

/// Whether the import is not in a `use`, its path, and its line.
type Place = (bool, String, usize);

/// Files that all import each other, directly or through others: a strongly connected component.
pub struct Circle {
    pub files: Vec<String>,
    /// The imports between two of them: file, line, path, and the file that defines what the path
    /// names. If there is a `use`, later paths that rely on it are not listed.
    pub imports: Vec<(String, usize, String, String)>,
}

impl<'a> Imports<'a> {
    pub fn of(tree: &'a ModuleTree) -> Self {
        let mut places: BTreeMap<_, BTreeMap<_, BTreeSet<Place>>> = BTreeMap::new();
        for mention in &tree.mentions {
            let from = tree.modules[mention.module].file;
            // A module's name alone does not say which of its items are used; paths through it do.
            if let Found::Item(to) = tree.find(mention.module, &mention.path)
                && to != from
            {
                let place = (!mention.in_use, mention.path.join("::"), mention.line);
                let places = places.entry(from).or_default();
                places.entry(to).or_default().insert(place);
            }
        }
        Imports { tree, places }
    }

    /// All circles of two or more files, the largest first.
    pub fn circles(&self) -> Vec<Circle> {
        let count = self.tree.files.len();
        let reached: Vec<_> = (0..count).map(|from| self.reached(from)).collect();
        let mut circles = Vec::new();
        let mut done = BTreeSet::new();
        for file in 0..count {
            let circle = reached[file].iter().copied();
            let circle: BTreeSet<_> = circle.filter(|&to| reached[to].contains(&file)).collect();
            if circle.len() > 1 && done.insert(circle.clone()) {
                circles.push(self.circle(&circle));
            }
        }
        circles.sort_by_key(|circle| std::cmp::Reverse(circle.files.len()));
        circles
    }

    /// The files that one imports, directly or through others.
    fn reached(&self, from: FileId) -> BTreeSet<FileId> {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            for &to in self.places.get(&file).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(to) {
                    next.push(to);
                }
            }
        }
        reached
    }

    fn circle(&self, members: &BTreeSet<FileId>) -> Circle {
        let name = |file: &FileId| self.tree.files[*file].clone();
        let mut imports = Vec::new();
        for from in members {
            for (to, places) in &self.places[from] {
                if !members.contains(to) {
                    continue;
                }
                let has_use = places.iter().any(|(elsewhere, ..)| !elsewhere);
                let places = places
                    .iter()
                    .filter(|(elsewhere, ..)| !(has_use && *elsewhere));
                let mut places: Vec<_> = places.collect();
                places.dedup_by_key(|(_, path, _)| path);
                imports.extend(
                    places
                        .into_iter()
                        .map(|(_, path, line)| (name(from), *line, path.clone(), name(to))),
                );
            }
        }
        imports.sort();
        let mut files: Vec<_> = members.iter().map(name).collect();
        files.sort();
        Circle { files, imports }
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a circle of {} files:", self.files.len())?;
        for file in &self.files {
            writeln!(f, "  {file}")?;
        }
        writeln!(f, "formed by")?;
        for (from, line, path, to) in &self.imports {
            writeln!(f, "  {from}:{line}: {path} (defined in {to})")?;
        }
        Ok(())
    }
}
