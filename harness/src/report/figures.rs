//! The figures of a section: a file each, and one line in [`FIGURES`].
//!
//! A figure is a picture and the numbers in it. The page shows the pictures; `clbench report
//! --figures` writes both as files.

mod classes;
mod context;
mod cost;
mod curves;
mod differences;
mod figure;
mod forgetting;
mod matrices;
mod trade_off;

pub(super) use context::{Context, Styles};
pub(super) use figure::Figure;

/// All figures, in the order of the page.
const FIGURES: &[fn(&Context<'_>) -> Vec<Figure>] = &[
    trade_off::figures,
    curves::figures,
    forgetting::figures,
    differences::figures,
    cost::figures,
    classes::figures,
    matrices::figures,
];

/// All figures of a section.
pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    FIGURES
        .iter()
        .flat_map(|figures| figures(context))
        .collect()
}
