//! `clbench init`: writes a scenario for a folder of images, and opens it as `validate` would, so
//! that the files it leaves are valid.

use super::print::print;
use crate::atomic::NewFiles;
use crate::error::Error;
use crate::init::{self, HUB_MODEL, InitError, Origin, Survey};
use crate::scenario::Scenario;
use crate::shipped;
use crate::stream::open::{Restriction, cut, open};
use crate::template::{one_line, shell_word};
use std::fmt::Write;
use std::io::ErrorKind;
use std::path::Path;

pub(super) fn init(dir: &Path, out: Option<&Path>) -> Result<(), Error> {
    print(&written(dir, out)?)
}

/// Writes the scenario; what came of it, for the user.
fn written(dir: &Path, out: Option<&Path>) -> Result<String, Error> {
    let file = out.map_or_else(|| dir.join("scenario.yaml"), Path::to_owned);
    let list = init::split_file(&file)?;
    if !dir.is_dir() {
        return Err(InitError::NotAFolder { dir: dir.into() }.into());
    }
    if file.exists() {
        return Err(InitError::Exists { path: file }.into());
    }
    let survey = Survey::of(dir)?;
    let weights = shipped::root().as_deref().and_then(shipped::small_clip);
    let text = init::scenario(&survey, dir, &file, weights.as_deref())?;
    let mut written = NewFiles::default();
    if survey.origin != Origin::AsItIs {
        write(&mut written, &list, &init::split_list(&survey)?)?;
    }
    write(&mut written, &file, text.as_bytes())?;
    check(&file)?;
    written.keep();
    Ok(report(&survey, &file, &list, weights.is_some()))
}

/// Opens what was written as `validate` does.
fn check(file: &Path) -> Result<(), Error> {
    let scenario = Scenario::load(file, &[], &[])?;
    let whole = Restriction::default();
    let domains = scenario.domains.iter();
    let domains = domains.map(|domain| open(&scenario, domain, whole));
    let domains = domains.collect::<Result<Vec<_>, _>>()?;
    for stream in &scenario.streams {
        cut(&scenario, stream, &domains, whole)?;
    }
    Ok(())
}

/// Writes a file; one that exists stays as it is.
fn write(written: &mut NewFiles, path: &Path, bytes: &[u8]) -> Result<(), InitError> {
    let path = path.to_owned();
    written
        .write(&path, bytes)
        .map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => InitError::Exists { path },
            _ => InitError::Unwritten { path, source },
        })
}

/// What was found and written, and what to do next.
fn report(survey: &Survey, file: &Path, list: &Path, weights: bool) -> String {
    let (train, test) = survey.counts();
    let mut text = format!(
        "Found {} classes in {}: {}\n",
        survey.classes.len(),
        survey.root.display(),
        survey.names(8)
    );
    for line in survey.left_out.lines() {
        let _ = writeln!(text, "  {}", one_line(&line));
    }
    let _ = writeln!(text, "Wrote {}", file.display());
    match &survey.origin {
        Origin::AsItIs => {
            let _ = writeln!(text, "  {train} training images, {test} test images");
        }
        Origin::Folders { train: a, test: b } => {
            let _ = writeln!(
                text,
                "Wrote {}: {train} training images from {a}, {test} test images from {b}",
                list.display()
            );
        }
        Origin::Drawn => {
            let _ = writeln!(
                text,
                "Wrote {}: a random split, {train} training images, {test} test images",
                list.display()
            );
        }
    }
    text += "Next:\n";
    if !weights {
        let _ = writeln!(text, "  clbench fetch model {HUB_MODEL}");
    }
    let word = shell_word(&file.display().to_string());
    let _ = write!(text, "  clbench validate {word}\n  clbench run {word}\n");
    text
}

#[cfg(test)]
mod tests;
