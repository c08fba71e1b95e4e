//! Mismatches between a source, its split list and the reference list of classes: each may be
//! valid, and yet they do not belong together.

use std::path::PathBuf;

/// A source that does not match its split list or reference list of classes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// Images of a list that the source does not have.
    #[error(
        "{place}: {}{}; copy the missing images, or use the split list that matches these images",
        match missing {
            1 => format!("image `{name}` not found below {}", path.display()),
            _ => format!("{missing} of {listed} listed images not found below {}, first `{name}`", path.display()),
        },
        hint.as_ref().map_or(String::new(), |near| format!(" (did you mean `{near}`?)"))
    )]
    MissingImages {
        /// Where the list names the first of them.
        place: String,
        /// Its name in the list.
        name: String,
        /// A similar name in the source.
        hint: Option<String>,
        /// The source.
        path: PathBuf,
        /// How many are missing.
        missing: usize,
        /// How many the list has.
        listed: usize,
    },
    /// Listed images in a format that is not read.
    #[error(
        "{place}: `{name}`: .{ending} images are not supported{}; convert them to PNG, JPEG or WebP, and list the converted \
         files",
        match count {
            1 => String::new(),
            _ => format!(" (one of {count} images in such formats)"),
        }
    )]
    UnsupportedImages {
        /// Where the list names the first of them.
        place: String,
        /// Its name in the list.
        name: String,
        /// Its extension.
        ending: &'static str,
        /// How many the list has.
        count: usize,
    },
    /// A name in a list that matches two images.
    #[error(
        "{place}: `{name}` matches both {one} and {other}; write more of its folders in the list, or remove one of the \
         images"
    )]
    AmbiguousImage {
        /// Where the list names it.
        place: String,
        /// Its name in the list.
        name: String,
        /// One image.
        one: String,
        /// The other.
        other: String,
    },
    /// Two entries of a list that match the same image.
    #[error(
        "{place}: `{name}` matches {image}, as does `{first_name}` ({first}); list every image once"
    )]
    ListedTwice {
        /// Where the list names it for the second time.
        place: String,
        /// Its name there.
        name: String,
        /// The image.
        image: String,
        /// Where the list names it first.
        first: String,
        /// Its name there.
        first_name: String,
    },
    /// An image whose class in the list differs from its class in the source.
    #[error(
        "{place}: listed as class `{listed}`, but {image} has class `{owned}`; use the split list that matches these \
         images, or fix `classes`"
    )]
    ClassesDisagree {
        /// Where the list names the image.
        place: String,
        /// The class in the list.
        listed: String,
        /// The image.
        image: String,
        /// The class in the source.
        owned: String,
    },
    /// A class that is not in the reference list.
    #[error(
        "{place}: class `{class}` is not in `classes`; add it there (with `key: {class}` if its name differs), or to \
         `leave_out`{hint}"
    )]
    UnknownClass {
        /// Where an image has it.
        place: String,
        /// The class, as the source or the list calls it.
        class: String,
        /// A suggestion: what may be meant.
        hint: String,
    },
    /// A label that is not an index into the list of classes.
    #[error(
        "{place}: label {label} is out of range: labels must be 0 to {} (number of classes: {classes}); list every \
         class, or fix the label",
        classes - 1
    )]
    NumberOfNoClass {
        /// Where an image has it.
        place: String,
        /// The label.
        label: String,
        /// How many classes there are.
        classes: usize,
    },
    /// A class in `leave_out` that no image has.
    #[error(
        "{}: `leave_out` names class `{class}`, but no image has it; remove it from `leave_out`, or fix its name",
        path.display()
    )]
    NothingToLeaveOut {
        /// The source or the list.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// A source that does not say which images are train and which are test.
    #[error(
        "{}: this source does not say which images are train and which are test; add `split:` with a split list or a \
         random draw",
        path.display()
    )]
    NoSplit {
        /// The source.
        path: PathBuf,
    },
    /// An image without a class.
    #[error(
        "{place}: this image has no class; label it, or add a split list that has classes with `split:`"
    )]
    NoLabel {
        /// The image, or its entry in a list.
        place: String,
    },
}
