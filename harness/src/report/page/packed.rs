//! Sections that are compressed until they are opened.

use super::view::Section;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::io::Write;

/// How many bytes of sections stand in the page as they are.
const BUDGET: usize = 1_500_000;

/// A section in the page.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    section: Section,
    /// Its HTML; empty if it is packed.
    body: String,
    /// Its HTML, compressed with gzip, in base 64.
    packed: String,
}

impl Part {
    /// A section that stands in the page as it is.
    pub(super) fn whole((section, body): (Section, String)) -> Part {
        Part {
            section,
            body,
            packed: String::new(),
        }
    }
}

/// The sections in order: the first ones as they are, until they fill a budget, the others packed.
pub(super) fn within_budget(sections: Vec<(Section, String)>) -> Vec<Part> {
    let mut left = BUDGET;
    let part = |(section, body): (Section, String)| match left.checked_sub(body.len()) {
        Some(rest) => {
            left = rest;
            Part::whole((section, body))
        }
        None => {
            left = 0;
            Part {
                section,
                packed: packed(&body),
                body: String::new(),
            }
        }
    };
    sections.into_iter().map(part).collect()
}

fn packed(text: &str) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(text.as_bytes());
    let bytes = written.and_then(|()| encoder.finish());
    STANDARD.encode(bytes.expect("memory takes every write"))
}
