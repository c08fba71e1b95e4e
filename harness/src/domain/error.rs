//! What can be wrong with a domain. Every message is one line that names the file, says what is
//! wrong with it, and how to fix it.

use super::match_error::MatchError;
use super::sample::Split;
use std::path::PathBuf;

/// A domain that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DomainError {
    /// A file or folder that the system does not let us read.
    #[error("{}: cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// The folder of an image folder lacks one of its two halves, or is not there itself.
    #[error(
        "{}: not a folder; an image folder holds its images as train/<class>/ and test/<class>/", path.display()
    )]
    NotAFolder {
        /// What should be a folder.
        path: PathBuf,
    },
    /// A split without a single class folder.
    #[error("{}: holds no class folder; put each class's images into a folder named after it", path.display())]
    NoClasses {
        /// The folder of the split.
        path: PathBuf,
    },
    /// A class of one split that the other lacks.
    #[error(
        "{}: class `{class}` has {} samples but no {missing} samples; add this folder with images, or remove the class \
         from the other split", path.display(), missing.other()
    )]
    ClassInOneSplit {
        /// The folder that is missing.
        path: PathBuf,
        /// The class.
        class: String,
        /// The split that lacks it.
        missing: Split,
    },
    /// A class without samples in a split.
    #[error(
        "{}: class `{class}` has no {split} samples; add some, or remove the class", path.display()
    )]
    ClassWithoutSamples {
        /// The folder or file that should hold them.
        path: PathBuf,
        /// The class.
        class: String,
        /// The split.
        split: Split,
    },
    /// A file or folder where there should be none.
    #[error("{}: {found}, where {wanted} are expected; move it elsewhere", path.display())]
    Stray {
        /// The file or folder.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What belongs there.
        wanted: &'static str,
    },
    /// A name that is not Unicode.
    #[error("{}: the name is not valid UTF-8, so it has no portable form; rename it", path.display())]
    NameNotUnicode {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file of zero bytes.
    #[error("{}: the file is empty; copy it again, or delete it", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// A file that says of itself that it is an image, and is none.
    #[error(
        "{}: no PNG or JPEG image, whatever its name says; copy it again, convert it, or delete it", path.display()
    )]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },
    /// A damaged image.
    #[error("{}: damaged image ({cause}); copy it again, or delete it", path.display())]
    DamagedImage {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        cause: String,
    },
    /// The folder of a source's images.
    #[error("{}: there is no such folder; check the domain's `path`, or put the files there", path.display())]
    NoFolder {
        /// What should be a folder.
        path: PathBuf,
    },
    /// A label without a class.
    #[error(
        "{}: label {label} at index {index}, but there are {classes} classes (0 to {}); name all classes, or mend the \
         label", path.display(), classes - 1
    )]
    LabelOutOfRange {
        /// The file of labels.
        path: PathBuf,
        /// Which label of the file, from 0.
        index: usize,
        /// The label.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },
    /// Class names that are not one name for each class.
    #[error("{}: class names {problem}; give one name per class, each of its own", path.display())]
    ClassNames {
        /// The file of labels that the names are for.
        path: PathBuf,
        /// What is wrong with them.
        problem: String,
    },
    /// A file that is not of its format, or that cannot be what it says.
    #[error("{place}: {problem}; {fix}")]
    Format {
        /// The file, and where in it.
        place: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        fix: String,
    },
    /// A source that does not go with its split list or with the reference list of classes.
    #[error(transparent)]
    Match(Box<MatchError>),
    /// A share that leaves nothing on one side.
    #[error("a validation fraction of {fraction}: give a number between 0 and 1, such as 0.2")]
    ValidationFraction {
        /// The share.
        fraction: f64,
    },
    /// A class too small to give part of its training data away.
    #[error(
        "class `{class}` has a single training sample: a validation split needs one on either side; add samples, or \
         run without a validation split"
    )]
    TooFewForValidation {
        /// The class.
        class: String,
    },
}

impl From<MatchError> for DomainError {
    fn from(error: MatchError) -> Self {
        Self::Match(Box::new(error))
    }
}
