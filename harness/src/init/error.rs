//! Why no scenario was written.

use crate::domain::DomainError;
use crate::exit_code::ExitCode;
use crate::suggest::list;
use std::path::PathBuf;

/// A folder of images that no scenario can be written for, or a file that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The folder of images.
    #[error("`{}` is not a folder; name the folder that holds the images", dir.display())]
    NotAFolder {
        /// What should be one.
        dir: PathBuf,
    },
    /// A file that init would write.
    #[error("`{}` already exists; write to another file with `--out FILE`, or delete it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A scenario that would not end in `.yaml`.
    #[error("`--out {}` must name a file that ends in .yaml", path.display())]
    NotYaml {
        /// What was named.
        path: PathBuf,
    },
    /// The disk.
    #[error("cannot write `{}`: {source}; write elsewhere with `--out FILE`", path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No image below the folder.
    #[error("`{}` has no PNG, JPEG or WebP images{}\n{TREE}", dir.display(), others(others_found))]
    NoImages {
        /// The folder.
        dir: PathBuf,
        /// The most frequent ending of other image files, and how many files have it.
        others_found: Option<(&'static str, usize)>,
    },
    /// Images without folders.
    #[error("`{}` has {images} images but no class folders\n{TREE}", dir.display())]
    NoClasses {
        /// The folder.
        dir: PathBuf,
        /// How many images it has.
        images: usize,
    },
    /// One class.
    #[error(
        "`{}` has images of one class only, `{class}`; continual learning needs at least two, each in a folder of its own\n{TREE}", dir.display()
    )]
    OneClass {
        /// The folder.
        dir: PathBuf,
        /// The class.
        class: String,
    },
    /// Classes that one split lacks.
    #[error(
        "{} {} images in `{}` but none in `{}`; every class needs both, so add images or move the class elsewhere",
        named(classes), if classes.len() == 1 { "has" } else { "have" }, has.display(), lacks.display()
    )]
    OneSplit {
        /// The classes.
        classes: Vec<String>,
        /// The folder of the split that has them.
        has: PathBuf,
        /// The folder of the split that does not.
        lacks: PathBuf,
    },
    /// Classes of one image.
    #[error(
        "{} in `{}` {} a single image; a train/test split needs two or more, so add images or move the class elsewhere",
        named(classes), dir.display(), if classes.len() == 1 { "has" } else { "have" }
    )]
    TooFew {
        /// The folder of the classes.
        dir: PathBuf,
        /// The classes.
        classes: Vec<String>,
    },
    /// A name that a split list cannot hold.
    #[error("{}: a split list cannot hold this name ({problem}); rename it", path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A class whose name would be read as a label.
    #[error(
        "class folder `{}` holds folders, so a split list must name the class, but a number in a split list is a label; \
         rename the folder, or move its images directly into it", path.display()
    )]
    Number {
        /// The folder of the class.
        path: PathBuf,
    },
    /// A path that YAML cannot hold.
    #[error("{}: the path is not valid UTF-8, so a scenario cannot name it; rename it", path.display())]
    PathNotUnicode {
        /// The path.
        path: PathBuf,
    },
    /// What cannot be read.
    #[error(transparent)]
    Unreadable(#[from] DomainError),
}

impl InitError {
    /// The exit code that goes with it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            InitError::NotAFolder { .. }
            | InitError::Exists { .. }
            | InitError::NotYaml { .. }
            | InitError::Unwritten { .. } => ExitCode::Usage,
            InitError::NoImages { .. }
            | InitError::NoClasses { .. }
            | InitError::OneClass { .. }
            | InitError::OneSplit { .. }
            | InitError::TooFew { .. }
            | InitError::Name { .. }
            | InitError::Number { .. }
            | InitError::PathNotUnicode { .. }
            | InitError::Unreadable(_) => ExitCode::Data,
        }
    }
}

/// What init expects to find.
const TREE: &str = "\
expected a folder for each class, with train and test:
    flowers/
    ├── train/
    │   ├── daisy/001.jpg …
    │   └── rose/001.jpg …
    └── test/
        ├── daisy/101.jpg …
        └── rose/101.jpg …
or without, to have a split drawn:
    flowers/
    ├── daisy/001.jpg …
    └── rose/001.jpg …";

fn others(found: &Option<(&str, usize)>) -> String {
    match found {
        Some((ending, 1)) => format!(", but one .{ending} file; convert it to PNG, JPEG or WebP"),
        Some((ending, n)) => {
            format!(", but {n} .{ending} files; convert them to PNG, JPEG or WebP")
        }
        None => String::new(),
    }
}

/// As many classes as a message can name.
fn named(classes: &[String]) -> String {
    const SHOWN: usize = 5;
    let names = list(classes.iter().take(SHOWN).map(String::as_str));
    let more = match classes.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let noun = if classes.len() == 1 {
        "class"
    } else {
        "classes"
    };
    format!("{noun} {names}{more}")
}
