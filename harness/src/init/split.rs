//! The split list that goes with a folder that does not split its images itself.

use super::error::InitError;
use super::survey::{Origin, Survey};
use crate::domain::stratified;
use crate::id::Label;
use std::path::Path;

/// The share of each class that becomes test images.
const TEST: f64 = 0.2;
/// The same images and the same clbench always give the same split.
const SEED: u64 = 0;

/// The survey with its images split, where the folder does not split them.
pub(crate) fn drawn(mut survey: Survey) -> Result<Survey, InitError> {
    if survey.origin != Origin::Drawn {
        return Ok(survey);
    }
    let single = survey.classes.iter().filter(|class| class.train.len() < 2);
    let single: Vec<_> = single.map(|class| class.name.clone()).collect();
    if !single.is_empty() {
        return Err(InitError::TooFew {
            dir: survey.root,
            classes: single,
        });
    }
    let classes = survey.classes.iter().enumerate();
    let labels = classes.flat_map(|(label, class)| vec![Label(label as u32); class.train.len()]);
    let labels: Vec<_> = labels.collect();
    let test = stratified::draw(&labels, survey.classes.len(), TEST, SEED);
    let mut test = test.expect("every class has two images").into_iter();
    for class in &mut survey.classes {
        let images = std::mem::take(&mut class.train);
        let (drawn, rest) = images.into_iter().partition(|_| test.next() == Some(true));
        (class.test, class.train) = (drawn, rest);
    }
    Ok(survey)
}

/// The split as a CSV file. Without folders in class folders, each image's folder is its class and
/// the list need not say so: `1` and `no` stay the names that they are.
pub(crate) fn csv(survey: &Survey) -> Result<Vec<u8>, InitError> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut row = |file: &str, class: &str, split: &str| {
        let all = [file, class, split];
        let few = [file, split];
        let fields = if survey.nested { &all[..] } else { &few[..] };
        table
            .write_record(fields)
            .expect("rows of one length, in memory");
    };
    row("file", "class", "split");
    for class in &survey.classes {
        let number = class.name.parse::<u64>();
        if survey.nested && number.is_ok() {
            let path = survey.root.join(&class.name);
            return Err(InitError::Number { path });
        }
        for (images, split) in [(&class.train, "train"), (&class.test, "test")] {
            for image in images {
                for name in [image.as_str(), &class.name] {
                    check_name(&survey.root, name)?;
                }
                row(image, &class.name, split);
            }
        }
    }
    Ok(table.into_inner().expect("a table in memory"))
}

/// Split lists are read with spaces trimmed and `\` as a separator of folders.
fn check_name(root: &Path, name: &str) -> Result<(), InitError> {
    let problem = if name.trim() != name {
        "it begins or ends with a space"
    } else if name.contains('\\') {
        "it has a backslash"
    } else {
        return Ok(());
    };
    let path = root.join(name);
    Err(InitError::Name { path, problem })
}
