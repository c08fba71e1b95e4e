//! What can be wrong between a source, its split list, and the reference list of classes: each may
//! be whole, and yet they do not belong together.

use std::path::PathBuf;

/// A source that is not what its split list says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// Images of a list that the source does not have.
    #[error(
        "{place}: there is no image `{name}` below {}{}{}; copy what is missing, or give the list that belongs to this \
         copy", path.display(),
        hint.as_ref().map_or(String::new(), |near| format!(" (there is `{near}`)")),
        match missing - 1 { 0 => String::new(), more => format!(", nor are {more} others of the {listed} listed") }
    )]
    MissingImages {
        /// Where the list speaks of the first of them.
        place: String,
        /// Its name in the list.
        name: String,
        /// A name in the source that is nearly the same.
        hint: Option<String>,
        /// The source.
        path: PathBuf,
        /// How many are missing.
        missing: usize,
        /// How many the list has.
        listed: usize,
    },
    /// A name of a list that is the name of two images.
    #[error(
        "{place}: `{name}` may be {one} as well as {other}; write more of its folders in the list, or remove one of the two"
    )]
    AmbiguousImage {
        /// Where the list speaks of it.
        place: String,
        /// Its name in the list.
        name: String,
        /// One image.
        one: String,
        /// The other.
        other: String,
    },
    /// Two entries of a list that are one image.
    #[error("{place}: `{name}` is {image}, as is `{first_name}` ({first}); list every image once")]
    ListedTwice {
        /// Where the list speaks of it for the second time.
        place: String,
        /// Its name there.
        name: String,
        /// The image.
        image: String,
        /// Where the list speaks of it first.
        first: String,
        /// Its name there.
        first_name: String,
    },
    /// A list and a source that give an image two classes.
    #[error(
        "{place}: the list says `{listed}`, but {image} is of the class `{owned}`; give the list that belongs to this \
         copy, or mend `classes`"
    )]
    ClassesDisagree {
        /// Where the list speaks of the image.
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
        "{place}: the class `{class}` is none of `classes`; add it there, with `key: {class}` if its name is another, or \
         to `leave_out`{hint}"
    )]
    UnknownClass {
        /// Where an image has it.
        place: String,
        /// The class, as the source or the list calls it.
        class: String,
        /// What may be meant.
        hint: String,
    },
    /// A label that is no place in the list of classes.
    #[error(
        "{place}: the label {label}, but there are {classes} classes (0 to {}); name all classes, or mend the label",
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
    /// A class to be left out that is not there.
    #[error("{}: `leave_out` names the class `{class}`, which no image has; remove it there, or mend its name", path.display())]
    NothingToLeaveOut {
        /// The source or the list.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// A source that does not say which images are train and which test.
    #[error(
        "{}: this copy does not say which images are train and which test; lay a list over it with `split:`", path.display()
    )]
    NoSplit {
        /// The source.
        path: PathBuf,
    },
    /// An image without a class.
    #[error(
        "{place}: this image has no class; label it, or lay a list with classes over the copy with `split:`"
    )]
    NoLabel {
        /// The image, or its entry in a list.
        place: String,
    },
}
