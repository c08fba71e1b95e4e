//! Find the file that defines what a path names, through any number of re-exports.

use crate::module_tree::{FileId, ModuleId, ModuleTree};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Something that this file defines.
    Item(FileId),
    /// A module of the crate.
    Module(ModuleId),
    /// Something of another crate, or of the language.
    Foreign,
}

/// The names that are being looked up, so that names that refer to each other do not loop forever.
type Trail = Vec<(ModuleId, String)>;

impl ModuleTree {
    /// What a path in a module names.
    pub fn find(&self, module: ModuleId, path: &[String]) -> Found {
        self.follow(module, path, &mut Trail::new())
    }

    fn follow(&self, module: ModuleId, path: &[String], trail: &mut Trail) -> Found {
        let mut here = module;
        let mut inside = false;
        for (at, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" => here = 0,
                "self" => {}
                "super" => here = self.modules[here].parent.unwrap_or(0),
                _ => match self.member(here, name, at + 1 == path.len(), trail) {
                    Some(Found::Module(child)) => here = child,
                    Some(found) => return found,
                    // A macro in that module may have made it.
                    None if inside => return Found::Item(self.modules[here].file),
                    None => return Found::Foreign,
                },
            }
            inside = true;
        }
        Found::Module(here)
    }

    /// What a name means in a module. The last name of a path is an item if there is one, every
    /// other name a module: a function and the module that contains it may have the same name.
    fn member(&self, at: ModuleId, name: &str, last: bool, trail: &mut Trail) -> Option<Found> {
        let step = (at, name.to_owned());
        if trail.contains(&step) {
            return None;
        }
        trail.push(step);
        let module = &self.modules[at];
        let child = module.children.get(name).map(|&child| Found::Module(child));
        let mut found = child.filter(|_| !last);
        if found.is_none() && module.items.contains(name) {
            found = Some(Found::Item(module.file));
        }
        if found.is_none()
            && let Some(paths) = module.uses.get(name)
        {
            let targets = paths.iter().map(|path| self.follow(at, path, trail));
            let targets: Vec<Found> = targets.collect();
            let inside = targets.iter().find(|&&target| target != Found::Foreign);
            found = inside.or(targets.first()).copied();
            // `use load::load` in the module that has `mod load`.
            if found == Some(Found::Foreign) && child.is_some() {
                found = None;
            }
        }
        found = found.or(child);
        for glob in &module.globs {
            if found.is_none()
                && let Found::Module(target) = self.follow(at, glob, trail)
            {
                found = self.member(target, name, last, trail);
            }
        }
        trail.pop();
        found
    }
}
