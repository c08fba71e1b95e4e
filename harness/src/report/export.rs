//! The formats in which reports are written: one file each, and one line in [`EXPORTS`].

mod csv;
#[cfg(test)]
pub(super) mod fixture;
mod form;
mod grid;
mod latex;
mod markdown;
pub(super) mod published;
mod terminal;

pub use form::{Export, Report};

/// All formats; the first is the default.
pub const EXPORTS: &[&dyn Export] = &[
    &terminal::Terminal,
    &csv::Csv,
    &markdown::Markdown,
    &latex::Latex,
];

/// The format for a terminal.
pub const TERMINAL: &dyn Export = EXPORTS[0];

/// The format for papers.
pub const LATEX: &dyn Export = EXPORTS[3];

/// The format with this name.
pub fn by_name(name: &str) -> Option<&'static dyn Export> {
    EXPORTS.iter().copied().find(|export| export.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for export in EXPORTS {
            assert_eq!(by_name(export.name()).unwrap().summary(), export.summary());
        }
        assert_eq!((TERMINAL.name(), LATEX.name()), ("table", "latex"));
    }
}
