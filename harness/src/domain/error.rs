//! What can be wrong with a domain. Every message is one line that names the file, says what is wrong with it, and how
//! to mend it.

use super::collection::Split;
use super::copy_error::CopyError;
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
    /// The folder of IDX files.
    #[error("{}: there is no such folder; check the domain's `path`, or put the files there", path.display())]
    NoFolder {
        /// What should be a folder.
        path: PathBuf,
    },
    /// One of the four files of an IDX folder.
    #[error("{}: holds neither {name} nor {name}.gz; an IDX domain needs both images and both labels", folder.display())]
    IdxFileMissing {
        /// The folder.
        folder: PathBuf,
        /// The file's name.
        name: &'static str,
    },
    /// A gzipped file that cannot be unpacked.
    #[error("{}: damaged gzip data ({cause}); copy it again", path.display())]
    DamagedGzip {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        cause: std::io::Error,
    },
    /// A file that does not begin as an IDX file of its kind does.
    #[error(
        "{}: begins with {found:#010x}{}, but {wanted} begin with {magic:#010x}; give the right file", path.display(),
        known_magic(*found)
    )]
    IdxMagic {
        /// The file.
        path: PathBuf,
        /// The first four bytes.
        found: u32,
        /// What they should be.
        magic: u32,
        /// What the file should be.
        wanted: &'static str,
    },
    /// An IDX file that is shorter or longer than its header says.
    #[error(
        "{}: its header ({header}) asks for {wanted} bytes, but it has {found}: {}; copy it again", path.display(),
        if found < wanted { "it is cut short" } else { "something follows the data" }
    )]
    IdxLength {
        /// The file.
        path: PathBuf,
        /// What the header announces.
        header: String,
        /// Bytes according to the header, unpacked.
        wanted: u64,
        /// Bytes of the file, unpacked.
        found: u64,
    },
    /// An IDX file without images, or with images without pixels.
    #[error("{}: its header ({header}) announces no pixel at all; give a file with images", path.display())]
    IdxNoPixels {
        /// The file.
        path: PathBuf,
        /// What the header announces.
        header: String,
    },
    /// Images and labels that do not belong together.
    #[error(
        "{}: {labels} labels for the {images} images of {}; give files that belong together", labels_path.display(),
        images_path.display()
    )]
    IdxCounts {
        /// The file of images.
        images_path: PathBuf,
        /// How many it has.
        images: usize,
        /// The file of labels.
        labels_path: PathBuf,
        /// How many it has.
        labels: usize,
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
    #[error("{place}: {problem}; {mend}")]
    Format {
        /// The file, and where in it.
        place: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        mend: String,
    },
    /// A copy of images that does not go with its list or with the reference list of classes.
    #[error(transparent)]
    Copy(Box<CopyError>),
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

impl From<CopyError> for DomainError {
    fn from(error: CopyError) -> Self {
        Self::Copy(Box::new(error))
    }
}

/// What a wrong magic number gives away.
fn known_magic(magic: u32) -> &'static str {
    match magic {
        super::idx::IMAGES => " (IDX images)",
        super::idx::LABELS => " (IDX labels)",
        0x504b_0304 => " (a zip archive)",
        0x8950_4e47 => " (a PNG image)",
        _ => "",
    }
}
