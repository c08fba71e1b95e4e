//! A strategy in Python: one file to start from, and a scenario beside it that runs it.

use super::{ProjectError, clip};
use crate::atomic::NewFiles;
use crate::template::filled;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The files that were written.
#[derive(Debug)]
pub struct PythonFiles {
    /// The class.
    pub class: String,
    /// The scenario.
    pub scenario: PathBuf,
    /// A model that the scenario needs and that has to be fetched first.
    pub fetch: Option<&'static str>,
}

/// Writes a strategy to `file`, and a scenario with the same name beside it. The class is named
/// after the file.
///
/// # Errors
///
/// If the file's name is not one that Python can import, if one of the two files exists, or if
/// they cannot be written.
pub fn strategy(file: &Path) -> Result<PythonFiles, ProjectError> {
    let Names { module, class, row } = Names::of(file)?;
    let scenario = file.with_extension("yaml");
    let (clip, fetch) = clip(None)?;
    let python = filled(include_str!("python/my_method.py"), &[("MyMethod", &class)]);
    let yaml = filled(
        include_str!("python/scenario.yaml"),
        &[
            ("my-method", &row),
            ("my_method", &module),
            ("MyMethod", &class),
            ("SCENARIO", &format!("{module}.yaml")),
            ("path: WEIGHTS", &clip),
        ],
    );
    let mut written = NewFiles::default();
    for (path, text) in [(file, &python), (&scenario, &yaml)] {
        written.write(path, text.as_bytes()).map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                ErrorKind::AlreadyExists => ProjectError::Exists { path },
                _ => ProjectError::Unwritten { path, source },
            }
        })?;
    }
    written.keep();
    Ok(PythonFiles {
        class,
        scenario,
        fetch,
    })
}

/// The name of the class in a file, if the file's name is that of a module.
pub(crate) fn class_name(file: &Path) -> Option<String> {
    Names::of(file).ok().map(|names| names.class)
}

/// What a file's name says.
struct Names {
    /// `my_method`: the module.
    module: String,
    /// `MyMethod`: the class.
    class: String,
    /// `my-method`: the scenario and its row.
    row: String,
}

impl Names {
    fn of(file: &Path) -> Result<Names, ProjectError> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let (stem, problem) = match name.strip_suffix(".py") {
            Some(stem) => (stem, problem(stem)),
            None => (&*name, Some("it must end in `.py`")),
        };
        match problem {
            None => Ok(Names {
                module: stem.to_owned(),
                class: pascal(stem),
                row: row(stem),
            }),
            Some(problem) => Err(ProjectError::PythonName {
                file: file.to_owned(),
                problem,
                suggestion: file.with_file_name(format!("{}.py", suggestion(stem))),
            }),
        }
    }
}

fn problem(module: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = module.starts_with(|c: char| c.is_ascii_alphabetic());
    if !begins || !module.chars().all(allowed) {
        return Some(
            "it must begin with a letter and consist of letters, digits and `_`, so that Python can import it",
        );
    }
    if KEYWORDS.contains(&module) || KEYWORDS.contains(&&*pascal(module)) {
        return Some("it is a keyword of Python");
    }
    let taken = TAKEN.contains(&module) || ROWS.contains(&&*row(module));
    taken.then_some("the files use a module or a strategy of that name themselves")
}

/// The nearest valid name.
fn suggestion(stem: &str) -> String {
    let allowed = |c: char| match c.is_ascii_alphanumeric() {
        true => c,
        false => '_',
    };
    let words: String = stem.chars().map(allowed).collect();
    let words: Vec<_> = words.split('_').filter(|word| !word.is_empty()).collect();
    match words.join("_") {
        name if name.is_empty() => "my_method".to_owned(),
        name if problem(&name).is_some() => format!("my_{name}"),
        name => name,
    }
}

fn pascal(module: &str) -> String {
    let words = module.split('_').filter(|word| !word.is_empty());
    let words = words.map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

fn row(module: &str) -> String {
    let words = module.split('_').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// Modules that the file imports: one of the same name would be imported instead.
const TAKEN: [&str; 3] = ["clbench", "numpy", "torch"];

/// The other rows of the scenario.
const ROWS: [&str; 2] = ["zero-shot", "nearest-class-mean"];

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::fs;

    #[test]
    fn the_class_is_named_after_the_file() {
        let class = |file: &str| class_name(Path::new(file));
        assert_eq!(class("methods/my_method.py").as_deref(), Some("MyMethod"));
        assert_eq!(class("ewc2.py").as_deref(), Some("Ewc2"));
        assert_eq!(class("MyMethod.py").as_deref(), Some("MyMethod"));
        assert_eq!(class("my-method.py"), None);
    }

    #[test]
    fn names_that_python_cannot_import_are_refused_with_one_that_it_can() {
        let refused = |file: &str| {
            let Err(error @ ProjectError::PythonName { .. }) = Names::of(Path::new(file)) else {
                panic!("{file} is refused");
            };
            if let ProjectError::PythonName { suggestion, .. } = &error {
                assert!(Names::of(suggestion).is_ok(), "{}", suggestion.display());
            }
            error.to_string() + "\n"
        };
        let files = [
            "a/my-method.py",
            "2fast.py",
            "étude.py",
            "my_method",
            "class.py",
            "none.py",
            "numpy.py",
            "zero_shot.py",
            "_.py",
        ];
        expect![[r#"
            `a/my-method.py` cannot name a Python file with a strategy: it must begin with a letter and consist of letters, digits and `_`, so that Python can import it; write `a/my_method.py`, for example
            `2fast.py` cannot name a Python file with a strategy: it must begin with a letter and consist of letters, digits and `_`, so that Python can import it; write `my_2fast.py`, for example
            `étude.py` cannot name a Python file with a strategy: it must begin with a letter and consist of letters, digits and `_`, so that Python can import it; write `tude.py`, for example
            `my_method` cannot name a Python file with a strategy: it must end in `.py`; write `my_method.py`, for example
            `class.py` cannot name a Python file with a strategy: it is a keyword of Python; write `my_class.py`, for example
            `none.py` cannot name a Python file with a strategy: it is a keyword of Python; write `my_none.py`, for example
            `numpy.py` cannot name a Python file with a strategy: the files use a module or a strategy of that name themselves; write `my_numpy.py`, for example
            `zero_shot.py` cannot name a Python file with a strategy: the files use a module or a strategy of that name themselves; write `my_zero_shot.py`, for example
            `_.py` cannot name a Python file with a strategy: it must begin with a letter and consist of letters, digits and `_`, so that Python can import it; write `my_method.py`, for example
        "#]].assert_eq(&files.map(refused).concat());
    }

    #[test]
    fn the_names_are_filled_in_and_nothing_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("drift_net.py");
        let scenario = home.path().join("drift_net.yaml");
        let written = strategy(&file).unwrap();
        assert_eq!(
            (&*written.class, &written.scenario),
            ("DriftNet", &scenario)
        );
        let text = fs::read_to_string(&file).unwrap();
        let yaml = fs::read_to_string(&scenario).unwrap();
        assert!(text.contains("class DriftNet(clbench.Strategy):"), "{text}");
        assert!(yaml.contains("python: drift_net.py:DriftNet"), "{yaml}");
        for left in ["my-method", "my_method", "MyMethod", "SCENARIO", "WEIGHTS"] {
            assert!(!text.contains(left) && !yaml.contains(left), "{left}");
        }

        // If one of the two exists, neither is written.
        for (gone, kept) in [(&file, &scenario), (&scenario, &file)] {
            fs::write(kept, "mine").unwrap();
            fs::remove_file(gone).unwrap();
            let error = strategy(&file).unwrap_err();
            let expected = format!("`{}` already exists", kept.display());
            assert!(error.to_string().starts_with(&expected), "{error}");
            assert!(!gone.exists());
            assert_eq!(fs::read_to_string(kept).unwrap(), "mine");
            fs::write(gone, "").unwrap();
        }
    }
}
