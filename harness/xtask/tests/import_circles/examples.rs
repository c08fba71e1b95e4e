//! Tests of the circle finder on small crates.

use crate::circles::{Circle, Imports};
use crate::module_tree::ModuleTree;
use crate::too_large;
use std::collections::BTreeMap;

/// The circles of a crate, which is given as the paths and texts of its files.
fn circles<const N: usize>(files: [(&str, &str); N]) -> Vec<Circle> {
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let files = BTreeMap::from(files);
    let tree = ModuleTree::read(&files);
    Imports::of(&tree).circles()
}

/// The files of the crate's circles.
fn members<const N: usize>(files: [(&str, &str); N]) -> Vec<Vec<String>> {
    circles(files)
        .into_iter()
        .map(|circle| circle.files)
        .collect()
}

const NONE: [&[&str]; 0] = [];

#[test]
fn a_circle_of_four_is_found_and_named_with_its_imports() {
    let found = circles([
        ("lib.rs", "mod a; mod e;"),
        (
            "a.rs",
            "mod b;\nuse crate::a::b::{B, d::D};\npub struct A;\nfn f(_: D) -> B { B }",
        ),
        (
            "a/b.rs",
            "mod c;\npub mod d;\npub struct B;\nimpl B { fn f() { self::c::f(vec![super::super::e::E]) } }",
        ),
        (
            "a/b/c.rs",
            "use super::d as other;\npub fn f(_: other::D) {}",
        ),
        (
            "a/b/d.rs",
            "pub struct D;\nimpl D { fn f() { println!(\"{}\", crate::a::A::NAME) } }",
        ),
        ("e.rs", "pub struct E;"),
    ]);
    assert_eq!(too_large(&found), [4]);
    assert_eq!(
        found[0].to_string(),
        "a circle of 4 files:\n  \
           a.rs\n  \
           a/b.rs\n  \
           a/b/c.rs\n  \
           a/b/d.rs\n\
         formed by\n  \
           a.rs:2: crate::a::b::B (defined in a/b.rs)\n  \
           a.rs:2: crate::a::b::d::D (defined in a/b/d.rs)\n  \
           a/b.rs:4: self::c::f (defined in a/b/c.rs)\n  \
           a/b/c.rs:2: other::D (defined in a/b/d.rs)\n  \
           a/b/d.rs:2: crate::a::A::NAME (defined in a.rs)\n"
    );
}

#[test]
fn three_files_are_allowed() {
    let found = circles([
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "pub struct A(crate::b::B);"),
        ("b.rs", "pub struct B(crate::c::C);"),
        ("c.rs", "pub struct C(crate::a::A);"),
    ]);
    assert_eq!(found[0].files, ["a.rs", "b.rs", "c.rs"]);
    assert_eq!(too_large(&found), [0; 0]);
}

#[test]
fn a_parent_that_declares_and_re_exports_is_in_no_circle() {
    let children = [
        ("p/one.rs", "use super::Two; pub struct One;"),
        ("p/two.rs", "use super::Renamed; pub struct Two;"),
    ];
    let parent = "mod one; mod two; pub use one::One as Renamed; pub(super) use self::two::*;";
    // Both layouts.
    for file in ["p.rs", "p/mod.rs"] {
        let [one, two] = children;
        let found = members([("lib.rs", "mod p;"), (file, parent), one, two]);
        assert_eq!(found, [["p/one.rs", "p/two.rs"]]);
    }
}

#[test]
fn re_exports_are_followed_through_several_levels() {
    let found = members([
        ("lib.rs", "mod p; mod user; pub(crate) use p::One as First;"),
        ("p.rs", "mod q; pub use q::*; pub use q::r::f::f;"),
        ("p/q.rs", "pub mod r; pub use r::One;"),
        (
            "p/q/r.rs",
            "pub mod f; pub struct One; fn g(user: crate::user::User) {}",
        ),
        // The function, not the module of that name.
        ("p/q/r/f.rs", "use crate::user; pub fn f() { user::user() }"),
        (
            "user.rs",
            "use crate::{p, First}; pub struct User; pub fn user() { p::f() }",
        ),
    ]);
    assert_eq!(found, [["p/q/r.rs", "p/q/r/f.rs", "user.rs"]]);
}

#[test]
fn a_parent_that_uses_what_it_re_exports_imports_it() {
    let child = ("p/child.rs", "pub struct Child(super::Own);");
    let user = "mod child; pub use child::Child; pub struct Own; impl Own { fn f(_: Child) {} }";
    let found = members([("lib.rs", "mod p;"), ("p.rs", user), child]);
    assert_eq!(found, [["p.rs", "p/child.rs"]]);
    let owner = "mod child; pub use child::Child; pub struct Own;";
    assert_eq!(
        members([("lib.rs", "mod p;"), ("p.rs", owner), child]),
        NONE
    );
}

#[test]
fn globs_count_by_the_names_that_are_used() {
    let found = members([
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::*; pub struct A(B);"),
        (
            "b.rs",
            "use crate::c::*; pub use crate::c::C; pub struct B;",
        ),
        ("c.rs", "use crate::a::A; pub struct C(A);"),
    ]);
    assert_eq!(found, NONE);
    let found = members([
        ("lib.rs", "mod a; mod b;"),
        (
            "a.rs",
            "use crate::b::*; pub struct A; fn f() { assert_eq!(1, ONE); }",
        ),
        (
            "b.rs",
            "pub const ONE: u8 = 1; impl From<crate::a::A> for () {}",
        ),
    ]);
    assert_eq!(found, [["a.rs", "b.rs"]]);
}

#[test]
fn what_a_macro_makes_belongs_to_the_macros_module() {
    let found = members([
        ("lib.rs", "mod a; mod b;"),
        (
            "a.rs",
            "macro_rules! make { ($n:ident) => { struct $n($crate::b::B); } } make!(A);",
        ),
        (
            "b.rs",
            "#[derive(Serialize)] pub struct B { #[serde(with = \"crate::a::hex\")] c: u8 }",
        ),
    ]);
    assert_eq!(found, [["a.rs", "b.rs"]]);
}

#[test]
fn test_code_and_other_crates_are_left_out() {
    let found = members([
        (
            "lib.rs",
            "mod a; mod b; #[cfg(all(test, unix))] mod fixture;",
        ),
        (
            "a.rs",
            "#[cfg(test)] use crate::b::B; pub struct A; impl A { #[cfg(test)] fn b() -> \
             crate::b::B { crate::b::B } } #[cfg(test)] mod checks { use crate::b::B; } #[test] fn \
             t() { crate::b::f() } mod tests;",
        ),
        ("a/tests.rs", "use crate::b::B;"),
        (
            "b.rs",
            "use ::a::X; use std::b; use crate::a::A; #[cfg(not(test))] pub struct B(A);",
        ),
        ("fixture.rs", "not even Rust"),
    ]);
    assert_eq!(found, NONE);
}
