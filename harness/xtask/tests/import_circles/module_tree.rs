//! A crate's modules: what each defines, what it brings into scope, and which paths it mentions.
//!
//! Test code is left out: items under `#[cfg(test)]` or `#[test]`, and modules named `tests`.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, Token, UseTree, Visibility};

/// Index of a file in [`ModuleTree::files`].
pub type FileId = usize;
/// Index of a module in [`ModuleTree::modules`].
pub type ModuleId = usize;

/// All modules that the crate's `lib.rs` declares, directly or not. The first is the crate's root.
pub struct ModuleTree {
    /// Paths from the source folder.
    pub files: Vec<String>,
    pub modules: Vec<Module>,
    pub mentions: Vec<Mention>,
}

/// One module: a file, or a block in one.
#[derive(Default)]
pub struct Module {
    pub file: FileId,
    pub parent: Option<ModuleId>,
    pub children: BTreeMap<String, ModuleId>,
    /// Names of the items defined here: types, functions, constants, macros.
    pub items: BTreeSet<String>,
    /// What `use` brings into scope, re-exports included: name and path.
    pub uses: BTreeMap<String, Vec<Vec<String>>>,
    /// The paths before `::*`.
    pub globs: Vec<Vec<String>>,
}

/// A path in a module: in a `use` that is not a re-export, or anywhere else.
pub struct Mention {
    pub module: ModuleId,
    pub line: usize,
    pub path: Vec<String>,
    pub in_use: bool,
}

impl ModuleTree {
    /// Reads a crate. Its files are keyed by their paths from the source folder.
    pub fn read(files: &BTreeMap<String, String>) -> ModuleTree {
        let mut reader = Reader {
            sources: files,
            tree: ModuleTree {
                files: Vec::new(),
                modules: Vec::new(),
                mentions: Vec::new(),
            },
            module: 0,
            folder: String::new(),
        };
        reader.file("lib.rs", None);
        reader.tree
    }
}

struct Reader<'a> {
    sources: &'a BTreeMap<String, String>,
    tree: ModuleTree,
    /// The current module.
    module: ModuleId,
    /// The folder of its children's files: empty, or with a slash at the end.
    folder: String,
}

impl Reader<'_> {
    /// Reads a file as a new module, with all modules below it.
    fn file(&mut self, path: &str, parent: Option<ModuleId>) -> ModuleId {
        let source = &self.sources[path];
        let parsed = syn::parse_file(source).unwrap_or_else(|error| {
            let line = error.span().start().line;
            panic!("{path}:{line}: {error}")
        });
        let file = self.tree.files.len();
        self.tree.files.push(path.to_owned());
        self.module(file, parent, |reader| reader.visit_file(&parsed))
    }

    fn module(
        &mut self,
        file: FileId,
        parent: Option<ModuleId>,
        read: impl FnOnce(&mut Self),
    ) -> ModuleId {
        let id = self.tree.modules.len();
        self.tree.modules.push(Module {
            file,
            parent,
            ..Module::default()
        });
        let outer = std::mem::replace(&mut self.module, id);
        read(self);
        self.module = outer;
        id
    }

    fn this(&mut self) -> &mut Module {
        &mut self.tree.modules[self.module]
    }

    fn mention(&mut self, path: Vec<String>, span: Span, in_use: bool) {
        self.tree.mentions.push(Mention {
            module: self.module,
            line: span.start().line,
            path,
            in_use,
        });
    }

    /// Reads the tree of a `use`, below the names in `prefix`. A re-export is not an import, but it
    /// brings names into scope.
    fn use_tree(&mut self, tree: &UseTree, prefix: &[String], re_export: bool) {
        let (ident, name) = match tree {
            UseTree::Path(path) => {
                let prefix = [prefix, &[path.ident.to_string()]].concat();
                return self.use_tree(&path.tree, &prefix, re_export);
            }
            UseTree::Group(group) => {
                for item in &group.items {
                    self.use_tree(item, prefix, re_export);
                }
                return;
            }
            UseTree::Glob(glob) => {
                if !re_export {
                    self.mention(prefix.to_vec(), glob.star_token.spans[0], true);
                }
                return self.this().globs.push(prefix.to_vec());
            }
            UseTree::Name(name) => (&name.ident, None),
            UseTree::Rename(rename) => (&rename.ident, Some(rename.rename.to_string())),
        };
        let mut path = prefix.to_vec();
        // `use a::b::{self}` is `use a::b`.
        if ident != "self" {
            path.push(ident.to_string());
        }
        if !re_export {
            self.mention(path.clone(), ident.span(), true);
        }
        let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
        if name != "_" {
            self.this().uses.entry(name).or_default().push(path);
        }
    }

    /// Reads the paths among tokens that are not parsed, such as those of a macro call. In
    /// attributes, only paths of two or more names count: single names are the attribute's
    /// keywords.
    fn tokens(&mut self, tokens: TokenStream, attribute: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let punctuation = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(found)) if found.as_char() == wanted);
        let colons = |at: usize| punctuation(at, ':') && punctuation(at + 1, ':');
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let start = at;
            at += 1;
            match token {
                TokenTree::Group(group) => self.tokens(group.stream(), attribute),
                TokenTree::Literal(literal) if attribute => {
                    // Such as `serde(with = "crate::hexadecimal")`.
                    let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                    if let Ok(path) = text.and_then(|text| text.parse::<syn::Path>())
                        && path.segments.len() > 1
                    {
                        self.mention(names(&path), literal.span(), false);
                    }
                }
                TokenTree::Ident(first) => {
                    let mut path = vec![first.to_string()];
                    while colons(at)
                        && let Some(TokenTree::Ident(next)) = tokens.get(at + 2)
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    // A field or method, or the rest of a path that began with `::` or `<T>::`.
                    let field = start > 0
                        && punctuation(start - 1, '.')
                        && !(start > 1 && punctuation(start - 2, '.'));
                    let rest = start > 1 && colons(start - 2);
                    if !field && !rest && (path.len() > 1 || !attribute) {
                        self.mention(path, first.span(), false);
                    }
                }
                TokenTree::Literal(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

impl Visit<'_> for Reader<'_> {
    fn visit_item(&mut self, item: &Item) {
        let (attributes, name) = described(item);
        if attributes.iter().any(is_test) {
            return;
        }
        if let Some(name) = name {
            self.this().items.insert(name.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            _ => return,
        };
        if !attributes.iter().any(is_test) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        let name = item.ident.to_string();
        if name == "tests" {
            return;
        }
        let file = self.this().file;
        let here = self.tree.files[file].clone();
        assert!(
            !item
                .attrs
                .iter()
                .any(|attribute| attribute.path().is_ident("path")),
            "{here}: `#[path]` on `mod {name}` is not supported; move the file to its default path"
        );
        let parent = self.module;
        let outer = self.folder.clone();
        let child = if let Some((_, items)) = &item.content {
            self.folder += &format!("{name}/");
            self.module(file, Some(parent), |reader| {
                items.iter().for_each(|item| reader.visit_item(item));
            })
        } else {
            let candidates = [format!("{outer}{name}.rs"), format!("{outer}{name}/mod.rs")];
            let path = candidates
                .iter()
                .find(|path| self.sources.contains_key(*path));
            let path = path.unwrap_or_else(|| panic!("{here}: no file for `mod {name}`"));
            self.folder += &format!("{name}/");
            self.file(path, Some(parent))
        };
        self.folder = outer;
        self.this().children.insert(name, child);
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        // `use ::image` names another crate, even if there is a module named `image`.
        if item.leading_colon.is_some() {
            return;
        }
        let re_export = match &item.vis {
            Visibility::Inherited => false,
            Visibility::Restricted(restricted) => !restricted.path.is_ident("self"),
            _ => true,
        };
        self.use_tree(&item.tree, &[], re_export);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.mention(names(path), path.segments[0].ident.span(), false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone(), true);
        }
    }
}

fn names(path: &syn::Path) -> Vec<String> {
    let segments = path.segments.iter();
    segments.map(|segment| segment.ident.to_string()).collect()
}

/// An item's attributes, and the name that it defines. `mod` and `use` are handled elsewhere.
fn described(item: &Item) -> (&[Attribute], Option<&Ident>) {
    match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::ExternCrate(item) => (&item.attrs, None),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::ForeignMod(item) => (&item.attrs, None),
        Item::Impl(item) => (&item.attrs, None),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Mod(item) => (&item.attrs, None),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::TraitAlias(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::Use(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}

/// Whether this attribute marks an item that only tests have.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("test")
        || attribute.path().is_ident("cfg")
            && attribute
                .parse_args()
                .is_ok_and(|condition: Meta| needs_test(&condition))
}

fn needs_test(condition: &Meta) -> bool {
    let Meta::List(list) = condition else {
        return condition.path().is_ident("test");
    };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let mut parts = parts.into_iter().flatten();
    if list.path.is_ident("all") {
        parts.any(|part| needs_test(&part))
    } else {
        list.path.is_ident("any") && parts.all(|part| needs_test(&part))
    }
}
