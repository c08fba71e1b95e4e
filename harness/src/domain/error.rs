//! What can be wrong with a domain. Every message is one line: the file, what is wrong with it, and
//! how to fix it.

use super::match_error::MatchError;
use super::sample::Split;
use std::path::PathBuf;

/// A domain that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DomainError {
    /// A file or folder that cannot be read.
    #[error("{}: cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why, as the operating system reports it.
        cause: std::io::Error,
    },
    /// An image folder without `train` or `test`, or one that does not exist.
    #[error("{}: folder not found; an image folder needs train/<class>/ and test/<class>/", path.display())]
    NotAFolder {
        /// What should be a folder.
        path: PathBuf,
    },
    /// A split without a single class folder.
    #[error("{}: no class folders found; put each class's images in a folder named after the class", path.display())]
    NoClasses {
        /// The folder of the split.
        path: PathBuf,
    },
    /// A class that is in only one of the splits.
    #[error(
        "{}: class `{class}` has {other} samples but no {missing} samples; add this folder with images, or remove the \
         class from the {other} split", path.display(), other = missing.other()
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
    /// A file or folder in the wrong place.
    #[error("{}: found {found} where only {wanted} are expected; move it elsewhere", path.display())]
    Stray {
        /// The file or folder.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What belongs there.
        wanted: &'static str,
    },
    /// A name that is not Unicode.
    #[error("{}: the name is not valid UTF-8, so it is not portable; rename it", path.display())]
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
    /// A file that is named like an image but is not one.
    #[error(
        "{}: not a PNG, JPEG or WebP image, despite its name; copy it again, convert it, or delete it", path.display()
    )]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },
    /// An image in a format that is not read, by its content.
    #[error("{}: {} {format} image, which is not supported; convert it to PNG, JPEG or WebP", path.display(),
        if format.starts_with('A') { "an" } else { "a" })]
    UnsupportedImage {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: &'static str,
    },
    /// Images in a format that is not read, by their names.
    #[error(
        "{}: .{ending} images are not supported ({} below {}); convert them to PNG, JPEG or WebP, or move them elsewhere",
        path.display(),
        match count {
            1 => "the only image in such a format".to_owned(),
            _ => format!("one of {count} images in such formats"),
        },
        folder.display()
    )]
    UnsupportedImages {
        /// The first of them.
        path: PathBuf,
        /// Its extension.
        ending: &'static str,
        /// How many there are.
        count: usize,
        /// The folder that holds all of them.
        folder: PathBuf,
    },
    /// A damaged image.
    #[error("{}: damaged image ({cause}); copy it again, or delete it", path.display())]
    DamagedImage {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        cause: String,
    },
    /// An image that is not the one that was hashed.
    #[error(
        "{place}: the image of `{sample}` changed while it was in use; leave the images as they are during a run, and run again"
    )]
    ImageChanged {
        /// The file.
        place: String,
        /// The sample.
        sample: String,
    },
    /// The folder of a source's images.
    #[error("{}: folder not found; check the domain's `path`, or put the files there", path.display())]
    NoFolder {
        /// What should be a folder.
        path: PathBuf,
    },
    /// A label without a class.
    #[error(
        "{}: label {label} at index {index} is out of range: labels must be 0 to {} (number of classes: {classes}); \
         list every class, or fix the label", path.display(), classes - 1
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
    /// Class names that do not name each class once.
    #[error("{}: {problem}; give every class one unique name", path.display())]
    ClassNames {
        /// The file of labels that the names are for.
        path: PathBuf,
        /// What is wrong with them.
        problem: String,
    },
    /// A file that does not follow its format, or that contradicts itself.
    #[error("{place}: {problem}; {fix}")]
    Format {
        /// The file, and where in it.
        place: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        fix: String,
    },
    /// A source that does not match its split list or the reference list of classes.
    #[error(transparent)]
    Match(Box<MatchError>),
    /// A fraction that leaves nothing on one side.
    #[error("the validation fraction must be between 0 and 1, such as 0.2, but is {fraction}")]
    ValidationFraction {
        /// The fraction.
        fraction: f64,
    },
    /// A class with too few training samples to split.
    #[error(
        "class `{class}` has only one training sample, but a validation split needs one on each side; add samples, or \
         run without a validation split"
    )]
    TooFewForValidation {
        /// The class.
        class: String,
    },
    /// A class of which a draw of shots leaves nothing to validate on.
    #[error(
        "class `{class}` has no validation sample: after {shots} shots, nothing is left of it; lower `shots`, use a split \
         list with a validation part for it, or run without a validation split"
    )]
    NoneForValidation {
        /// The class.
        class: String,
        /// Training samples per class.
        shots: u32,
    },
}

impl From<MatchError> for DomainError {
    fn from(error: MatchError) -> Self {
        Self::Match(Box::new(error))
    }
}
