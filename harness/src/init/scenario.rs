//! The scenario that init writes.

use super::error::InitError;
use super::survey::{Origin, Survey};
use super::{HUB_MODEL, split_file};
use crate::shipped;
use crate::template::{filled, one_line, quoted, shell_word, yaml_scalar};
use std::path::{Component, Path, PathBuf};

/// The scenario for the images of `dir`, as a file at `file`.
pub(crate) fn write(
    survey: &Survey,
    dir: &Path,
    file: &Path,
    weights: Option<&Path>,
) -> Result<String, InitError> {
    let home = resolved(file.parent().unwrap_or(Path::new("")));
    let root = resolved(&survey.root);
    let path = text(&relative(&home, &root))?;
    let name = name(&resolved(dir));
    let class = &survey.classes[0].name;
    let layout = match &survey.origin {
        Origin::AsItIs => "Images in train/<class>/ and test/<class>/.".to_owned(),
        Origin::Folders { train, test } => {
            format!(
                "Images in {}/<class>/ and {}/<class>/.",
                one_line(train),
                one_line(test)
            )
        }
        Origin::Drawn => "Images in <class>/.".to_owned(),
    };
    let split = match survey.origin {
        Origin::AsItIs => String::new(),
        _ => split(survey, file)?,
    };
    let sizes = sizes(survey.classes.len());
    let file_name = text(Path::new(file.file_name().unwrap_or_default()))?;
    Ok(filled(
        include_str!("scenario.yaml"),
        &[
            ("{{schema}}", &schema(&home)?),
            ("{{images}}", &images(&root)),
            ("{{file}}", &one_line(&shell_word(&file_name))),
            ("{{name}}", &name),
            ("{{classes}}", &survey.classes.len().to_string()),
            ("{{tasks}}", &sizes.len().to_string()),
            ("{{sizes}}", &stream(&sizes)),
            ("{{layout}}", &layout),
            ("{{path}}", &yaml_path(&path)),
            ("{{split}}", &split),
            ("{{class}}", &one_line(class)),
            ("{{new_name}}", &quoted(&class.replace('_', " "))),
            ("{{key}}", &quoted(class)),
            ("{{weights}}", &backbone(&home, weights)?),
        ],
    ))
}

/// What the first line says of the images.
fn images(root: &Path) -> String {
    let folder = root.file_name().unwrap_or_default().to_string_lossy();
    match folder.is_empty() {
        true => "a folder of images".to_owned(),
        false => format!("the images in {}", one_line(&folder)),
    }
}

/// The key `split`, with what it is.
fn split(survey: &Survey, file: &Path) -> Result<String, InitError> {
    let list = split_file(file)?;
    let list = text(Path::new(list.file_name().unwrap_or_default()))?;
    let what = match survey.origin {
        Origin::Drawn => {
            "Which images are for training and which for testing: drawn at random, 20 % of each\n    # class for testing. Edit the file, or replace it, to change the split."
        }
        _ => {
            "Which images are for training and which for testing, as their folders say. Only\n    # images in this file are used."
        }
    };
    Ok(format!("\n    # {what}\n    split: {}", yaml_path(&list)))
}

/// The backbone's parameters, with what they are.
fn backbone(home: &Path, weights: Option<&Path>) -> Result<String, InitError> {
    let Some(weights) = weights else {
        return Ok(format!(
            "# A CLIP from the Hugging Face hub; download it once with\n    # `clbench fetch model {HUB_MODEL}`.\n    parameters: {{ model: {HUB_MODEL} }}"
        ));
    };
    let path = path_of_ours(home, weights);
    Ok(format!(
        "# The small CLIP that comes with clbench. It is quick, but it has only seen drawings of coloured\n    # shapes: use it to try things out. For results, download a real one with\n    # `clbench fetch model {HUB_MODEL}` and write\n    # parameters: {{ model: {HUB_MODEL} }}\n    parameters: {{ path: {} }}",
        yaml_path(&text(&path)?)
    ))
}

/// The line that gives editors the schema, if it ships with this program.
fn schema(home: &Path) -> Result<String, InitError> {
    let Some(schema) = shipped::root().as_deref().and_then(shipped::schema) else {
        return Ok(String::new());
    };
    let schema = text(&path_of_ours(home, &schema))?;
    Ok(format!("# yaml-language-server: $schema={schema}\n#\n"))
}

/// The path of a file that ships. A scenario in the same checkout stays valid when the checkout is
/// moved.
fn path_of_ours(home: &Path, file: &Path) -> PathBuf {
    let file = resolved(file);
    let shipped = shipped::root().map(|root| resolved(&root));
    match shipped.is_some_and(|root| home.starts_with(root)) {
        true => relative(home, &file),
        false => file,
    }
}

/// The keys `tasks` or `task_sizes`.
fn stream(sizes: &[usize]) -> String {
    let (first, even) = (sizes[0], sizes.iter().all(|size| *size == sizes[0]));
    let classes = if first == 1 { "class" } else { "classes" };
    match even {
        true if sizes.len() < 3 => {
            format!("# {first} {classes} per task.\n  tasks: {}", sizes.len())
        }
        true => format!(
            "# {first} {classes} per task. For tasks of different sizes write, for example,\n  # task_sizes: {:?}\n  tasks: {}",
            uneven(sizes),
            sizes.len()
        ),
        false => format!(
            "# Classes per task. The sizes must add up to the number of classes.\n  task_sizes: {sizes:?}"
        ),
    }
}

/// Other sizes with the same sum.
fn uneven(sizes: &[usize]) -> Vec<usize> {
    let [first, second, rest @ ..] = sizes else {
        return sizes.to_vec();
    };
    [&[first + second], rest].concat()
}

/// Up to ten tasks of the same size, if a fair number of them comes out even.
fn sizes(classes: usize) -> Vec<usize> {
    let even = (2..=10)
        .rev()
        .find(|tasks| classes.is_multiple_of(*tasks) && classes / tasks > 1);
    let tasks = match even {
        Some(tasks) if tasks > 3 || classes <= 10 => tasks,
        None if classes <= 10 => classes,
        _ if classes >= 100 => 10,
        _ => 5,
    };
    let size = |task| classes / tasks + usize::from(task < classes % tasks);
    (0..tasks).map(size).collect()
}

/// A name of a scenario and of a domain: the folder's, as far as it goes.
fn name(dir: &Path) -> String {
    let folder = dir
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let parts = folder.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let parts: Vec<_> = parts
        .filter(|part| !part.trim_matches('_').is_empty())
        .collect();
    let name = parts.join("-");
    match name.trim_start_matches('_') {
        // One of the program's own names.
        "" | "overall" => "images".to_owned(),
        name if name.chars().all(|c| c.is_ascii_digit()) => format!("images-{name}"),
        // Words that YAML does not read as text.
        name if yaml_scalar(name) != name => format!("images-{name}"),
        name => name.to_owned(),
    }
}

/// A path as YAML; what looks like a home folder is none.
fn yaml_path(path: &str) -> String {
    match path.starts_with('~') {
        true => yaml_scalar(&format!("./{path}")),
        false => yaml_scalar(path),
    }
}

fn text(path: &Path) -> Result<String, InitError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| InitError::PathNotUnicode { path: path.into() })
}

/// The path without links, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.canonicalize().unwrap_or(absolute)
}

/// The way from one folder to another; the whole path if they have nothing in common.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components());
    let common = common.take_while(|(a, b)| a == b).count();
    let shared = from.components().take(common);
    if !shared
        .clone()
        .any(|part| matches!(part, Component::Normal(_)))
        && from != to
    {
        return to.to_owned();
    }
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(common)).collect();
    match path.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_suit_the_number_of_classes() {
        assert_eq!(sizes(2), [1, 1]);
        assert_eq!(sizes(3), [1, 1, 1]);
        assert_eq!(sizes(4), [2, 2]);
        assert_eq!(sizes(9), [3, 3, 3]);
        assert_eq!(sizes(10), [2; 5]);
        assert_eq!(sizes(22), [5, 5, 4, 4, 4]);
        assert_eq!(sizes(100), [10; 10]);
        assert_eq!(sizes(101)[..2], [11, 10]);
        assert_eq!(sizes(102), [17; 6]);
        for classes in 2..300 {
            let sizes = sizes(classes);
            assert_eq!(sizes.iter().sum::<usize>(), classes);
            assert!(sizes.iter().all(|&size| size > 0));
        }
    }

    #[test]
    fn names_are_what_a_scenario_allows() {
        let name = |folder: &str| name(Path::new("/data").join(folder).as_path());
        assert_eq!(name("Flowers 102"), "flowers-102");
        assert_eq!(name("été"), "t");
        assert_eq!(name("日本"), "images");
        assert_eq!(name("no"), "images-no");
        assert_eq!(name("2024"), "images-2024");
        assert_eq!(name("overall"), "images");
        assert_eq!(name("__x"), "x");
    }

    #[test]
    fn paths_lead_from_the_scenario_to_the_images() {
        let relative = |from, to| relative(Path::new(from), Path::new(to));
        assert_eq!(relative("/a/b", "/a/b"), Path::new("."));
        assert_eq!(relative("/a", "/a/b/c"), Path::new("b/c"));
        assert_eq!(relative("/a/b", "/a/c"), Path::new("../c"));
        assert_eq!(relative("/home/a", "/data/c"), Path::new("/data/c"));
        assert_eq!(yaml_path("~x"), "\"./~x\"");
    }
}
