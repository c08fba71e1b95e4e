//! The manual's tables of parameters are made from the plugins' manifests.

use clbench_tests::{build, root};
use harness::manual;
use harness::plugin::{Kind, Parameter, ParameterSchema, PluginFile};
use std::fs;
use std::path::{Path, PathBuf};

const NOTE: &str = "<!-- Generated. `UPDATE_EXPECT=1 cargo test --release -p clbench-tests --test clbench manual` writes it anew. -->\n\n";

#[test]
fn every_parameter_is_in_the_manual() {
    let book = root().join("harness/book/src");
    let pages = text_below(&book);
    let mut outdated = Vec::new();
    for (name, parameters) in offered() {
        let include = format!("reference/parameters/{name}.md}}}}");
        assert!(pages.contains(&include), "no page includes {include}");
        let file = book.join(format!("reference/parameters/{name}.md"));
        let page = format!("{NOTE}{}", manual::parameters(&parameters));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&file, page).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != page {
            outdated.push(name);
        }
    }
    assert!(
        outdated.is_empty(),
        "the tables of {outdated:?} are out of date; `UPDATE_EXPECT=1 cargo test --release -p clbench-tests \
         --test clbench manual` writes them anew"
    );
}

/// The strategies and backbones of all built plugins, with their parameters.
fn offered() -> Vec<(String, Vec<Parameter>)> {
    let built = fs::read_dir(build()).unwrap();
    let mut files: Vec<PathBuf> = built.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "so"));
    files.sort();
    let mut offered = Vec::new();
    // A library that is no plugin is none of ours.
    for file in files.iter().filter_map(|file| PluginFile::open(file).ok()) {
        for kind in [Kind::Strategy, Kind::Backbone] {
            for offer in file.offers(kind) {
                let schema = ParameterSchema::of(offer)
                    .unwrap_or_else(|| panic!("`{}` has no schema", offer.name));
                offered.push((offer.name.clone(), schema.parameters()));
            }
        }
    }
    assert!(offered.len() > 10, "{offered:?}");
    offered
}

/// All pages of the manual in one text.
fn text_below(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &text_below(&path);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}
