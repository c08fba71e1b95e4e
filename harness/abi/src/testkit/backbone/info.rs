//! Strategies rely on a backbone's description of itself, and features are cached under it.

use super::subject::Subject;
use crate::backbone::BackboneInfo;
use crate::foreign::BackboneHandle;
use crate::testkit::report::{Check, Report};

/// Returns whether the other checks can run.
pub(super) fn check(subject: &Subject<'_>, twin: BackboneHandle, report: &mut Report) -> bool {
    let info = subject.info();
    let problems = problems(info);
    let usable = problems.is_empty();
    for problem in problems {
        report.fail(Check::Info, problem);
    }
    if twin.info() != info {
        report.fail(
            Check::Info,
            "two backbones with the same parameters have different infos, so features could not be shared",
        );
    }
    usable
}

fn problems(info: &BackboneInfo) -> Vec<String> {
    let mut problems = Vec::new();
    let mut wrong = |wrong: bool, message: String| {
        if wrong {
            problems.push(message);
        }
    };
    wrong(info.name.is_empty(), "`name` is empty".into());
    wrong(
        info.fingerprint.is_empty(),
        "`fingerprint` is empty; features are cached under it".into(),
    );
    wrong(info.embedding_width == 0, "`embedding_width` is 0".into());
    wrong(
        info.image.height == 0 || info.image.width == 0,
        format!(
            "`image` is {} × {} pixels",
            info.image.height, info.image.width
        ),
    );
    wrong(info.image_batch == 0, "`image_batch` is 0".into());
    if let Some(scale) = info.logit_scale {
        wrong(
            !(scale.is_finite() && scale > 0.0),
            format!("`logit_scale` is {scale}"),
        );
    }
    if let Some(text) = &info.text {
        wrong(
            text.context_length == 0 || text.width == 0,
            format!(
                "`text` has a context length of {} and a width of {}; both must be above 0",
                text.context_length, text.width
            ),
        );
    }
    for (position, site) in info.sites.iter().enumerate() {
        let name = &site.name;
        wrong(
            info.sites[..position]
                .iter()
                .any(|other| other.name == *name),
            format!("two sites are named `{name}`"),
        );
        wrong(
            site.shape.first() != Some(&-1) || site.shape.len() < 2,
            format!(
                "the site `{name}` has shape {:?}; it must have at least two dimensions, the first of them -1, the row",
                site.shape
            ),
        );
        wrong(
            site.shape.iter().any(|&n| n == 0 || n < -1),
            format!(
                "the site `{name}` has shape {:?}; a dimension must be -1 or above 0",
                site.shape
            ),
        );
        wrong(
            super::scene::side(site) == "text" && info.text.is_none(),
            format!("the site `{name}` belongs to a text encoder, but `text` is `None`"),
        );
    }
    wrong(
        info.outputs.is_empty() != info.sites.is_empty(),
        format!(
            "there are {} sites and {} outputs; `forward` needs both",
            info.sites.len(),
            info.outputs.len()
        ),
    );
    problems
}
