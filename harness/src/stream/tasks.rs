//! The stream itself: which task has which classes.

use super::class_order::ClassOrder;
use super::error::StreamError;
use crate::id::{ClassId, Label, Seed, TaskId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter;
use std::ops::Range;

/// A stream as the scenario describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSpec {
    /// The number of tasks, or their sizes.
    pub tasks: Tasks,
    /// The order in which the classes arrive.
    pub class_order: ClassOrder,
    /// Augmentation of training images. If there is none, a cell's id does not mention it.
    #[serde(default, skip_serializing_if = "Augmentation::is_none")]
    pub augmentation: Augmentation,
}

/// Augmentation of training images. Cached features and outputs, and queries made from them, are
/// always those of the plain image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Augmentation {
    /// None: always the plain image.
    #[default]
    None,
    /// A random resized crop (8 to 100 % of the area, aspect ratio 3:4 to 4:3) and, with
    /// probability 0.5, a horizontal flip, as torchvision's `RandomResizedCrop` and
    /// `RandomHorizontalFlip`. Both depend on the seed, the sample and the epoch.
    RandomResizedCropAndFlip,
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Augmentation::None => "none",
            Augmentation::RandomResizedCropAndFlip => "random-resized-crop-and-flip",
        })
    }
}

impl Augmentation {
    /// Whether there is no augmentation.
    pub fn is_none(&self) -> bool {
        *self == Augmentation::None
    }
}

/// How the ordered classes are cut into tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tasks {
    /// This many tasks of equal size. If classes are left over, the first tasks get one more each:
    /// 10 classes in 3 tasks give 4, 3 and 3.
    Count(u32),
    /// Tasks of these sizes, which add up to the number of classes.
    Sizes(Vec<u32>),
    /// A first task, then tasks of equal size. Classes that are left over are a smaller last task,
    /// as in PyCIL: 196 classes by 20 give nine tasks of 20 and one of 16.
    Increments {
        /// The size of the first task.
        base: u32,
        /// The size of the others.
        increment: u32,
    },
}

/// A domain's classes, in the order in which they arrive, cut into tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// By [`ClassId`].
    order: Vec<Label>,
    /// By [`Label`].
    place: Vec<ClassId>,
    /// By task: one past its last class.
    ends: Vec<u32>,
}

/// Consecutive classes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassRange {
    start: u32,
    end: u32,
}

/// A hash of a stream's class names in order, of its task boundaries, and of its templates, as 64
/// hexadecimal digits. Two streams have the same digest if and only if their tasks have the same
/// class names, and the same templates turn these into text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderDigest(String);

impl Tasks {
    /// The sizes of the tasks that cut this many classes.
    pub(super) fn sizes(&self, classes: u32) -> Result<Vec<u32>, StreamError> {
        match *self {
            Self::Count(tasks) => {
                check_count(tasks, classes)?;
                let (size, left_over) = (classes / tasks, classes % tasks);
                Ok((0..tasks)
                    .map(|task| size + u32::from(task < left_over))
                    .collect())
            }
            Self::Sizes(ref sizes) => {
                check_sizes(sizes)?;
                check_count(u32::try_from(sizes.len()).unwrap_or(u32::MAX), classes)?;
                let sum = sizes.iter().copied().map(u64::from).sum();
                if sum == u64::from(classes) {
                    Ok(sizes.clone())
                } else {
                    Err(StreamError::SizesDoNotAddUp { sum, classes })
                }
            }
            Self::Increments { base, increment } => {
                check_sizes(&[base, increment])?;
                let Some(rest) = classes.checked_sub(base) else {
                    return Err(StreamError::BaseTooLarge { base, classes });
                };
                let whole = (0..rest / increment).map(|_| increment);
                let left_over = Some(rest % increment).filter(|&size| size > 0);
                Ok(iter::once(base).chain(whole).chain(left_over).collect())
            }
        }
    }
}

fn check_count(tasks: u32, classes: u32) -> Result<(), StreamError> {
    match tasks {
        0 => Err(StreamError::NoTasks),
        _ if tasks > classes => Err(StreamError::MoreTasksThanClasses { tasks, classes }),
        _ => Ok(()),
    }
}

fn check_sizes(sizes: &[u32]) -> Result<(), StreamError> {
    match sizes.iter().position(|&size| size == 0) {
        Some(at) => Err(StreamError::EmptyTask { task: at + 1 }),
        None => Ok(()),
    }
}

impl Stream {
    /// Cuts a domain of `classes` classes into tasks, for a cell with this seed.
    ///
    /// # Errors
    ///
    /// If the tasks do not fit the number of classes, or the class order cannot be drawn.
    pub fn new(spec: &StreamSpec, classes: usize, seed: Seed) -> Result<Self, StreamError> {
        let classes = u32::try_from(classes).expect("fewer than 2^32 classes");
        let sizes = spec.tasks.sizes(classes)?;
        let order = spec.class_order.draw(classes, seed)?;
        let mut place = vec![ClassId(0); order.len()];
        for (id, label) in order.iter().enumerate() {
            place[label.index()] = ClassId(id as u32);
        }
        let ends = sizes
            .iter()
            .scan(0, |end, size| {
                *end += size;
                Some(*end)
            })
            .collect();
        Ok(Self { order, place, ends })
    }

    /// The tasks, in order.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = TaskId> + use<> {
        (0..self.ends.len()).map(|task| TaskId(task as u32 + 1))
    }

    /// The number of tasks, T.
    pub fn n_tasks(&self) -> usize {
        self.ends.len()
    }

    /// The number of classes, N.
    pub fn n_classes(&self) -> usize {
        self.order.len()
    }

    /// The classes that arrive with a task.
    pub fn classes_of(&self, task: TaskId) -> ClassRange {
        let index = task.index();
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        ClassRange {
            start,
            end: self.ends[index],
        }
    }

    /// The classes of a task and of all tasks before it.
    pub fn seen_after(&self, task: TaskId) -> ClassRange {
        ClassRange {
            start: 0,
            end: self.ends[task.index()],
        }
    }

    /// All classes.
    pub fn all_classes(&self) -> ClassRange {
        ClassRange {
            start: 0,
            end: self.order.len() as u32,
        }
    }

    /// The label of a class: its number in the domain.
    pub fn label_of(&self, class: ClassId) -> Label {
        self.order[class.index()]
    }

    /// The class of a label: its number in the stream.
    pub fn class_of(&self, label: Label) -> ClassId {
        self.place[label.index()]
    }

    /// The task that a class arrives with.
    pub fn task_of(&self, class: ClassId) -> TaskId {
        assert!(
            class.index() < self.order.len(),
            "class {class} of {}",
            self.order.len()
        );
        TaskId(self.ends.partition_point(|&end| end <= class.0) as u32 + 1)
    }

    /// The labels in the order in which their classes arrive.
    pub fn order(&self) -> &[Label] {
        &self.order
    }

    /// The digest of this stream. `class_names` are the domain's, by label, and `templates` are the
    /// domain's.
    ///
    /// # Panics
    ///
    /// If there are fewer names than classes.
    pub fn order_digest(&self, class_names: &[String], templates: &[String]) -> OrderDigest {
        let classes = self.all_classes().iter();
        let names = classes.map(|class| class_names[self.label_of(class).index()].clone());
        let sizes = self.tasks().map(|task| self.classes_of(task).len() as u32);
        OrderDigest::of(
            &names.collect::<Vec<_>>(),
            &sizes.collect::<Vec<_>>(),
            templates,
        )
    }
}

impl OrderDigest {
    /// The digest of these classes, in the order in which they are learned, in tasks of these
    /// sizes, with these templates.
    pub fn of(classes: &[String], task_sizes: &[u32], templates: &[String]) -> OrderDigest {
        let mut rest = classes;
        let tasks = task_sizes.iter().map(|&size| {
            let (task, after) = rest.split_at((size as usize).min(rest.len()));
            rest = after;
            task
        });
        let mut hasher = blake3::Hasher::new();
        for texts in tasks.chain([templates]) {
            hasher.update(&(texts.len() as u64).to_le_bytes());
            for text in texts {
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        }
        OrderDigest(hasher.finalize().to_hex().to_string())
    }
}

impl ClassRange {
    /// The classes, lowest first.
    pub fn iter(self) -> impl ExactSizeIterator<Item = ClassId> {
        (self.start..self.end).map(ClassId)
    }

    /// The classes as indices into a list in class order.
    pub fn indices(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many classes.
    pub fn len(self) -> usize {
        self.indices().len()
    }

    /// Whether there are no classes. The range of a task is never empty.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether `class` is one of them.
    pub fn contains(self, class: ClassId) -> bool {
        (self.start..self.end).contains(&class.0)
    }
}

impl OrderDigest {
    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::SeedRef;

    fn stream(
        tasks: Tasks,
        class_order: ClassOrder,
        classes: usize,
    ) -> Result<Stream, StreamError> {
        Stream::new(
            &StreamSpec {
                tasks,
                class_order,
                augmentation: Augmentation::None,
            },
            classes,
            Seed(1992),
        )
    }

    fn sizes(tasks: Tasks, classes: usize) -> Vec<usize> {
        let stream = stream(tasks, ClassOrder::Listed, classes).unwrap();
        stream
            .tasks()
            .map(|task| stream.classes_of(task).len())
            .collect()
    }

    fn message(tasks: Tasks) -> String {
        stream(tasks, ClassOrder::Listed, 10)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn leftover_classes_go_to_the_first_tasks() {
        assert_eq!(sizes(Tasks::Count(5), 10), [2, 2, 2, 2, 2]);
        assert_eq!(sizes(Tasks::Count(3), 10), [4, 3, 3]);
        assert_eq!(sizes(Tasks::Count(4), 10), [3, 3, 2, 2]);
        assert_eq!(sizes(Tasks::Count(1), 10), [10]);
        assert_eq!(sizes(Tasks::Sizes(vec![6, 1, 3]), 10), [6, 1, 3]);
    }

    /// PyCIL appends tasks of `increment` classes while fewer than all classes are dealt out, then
    /// one of the rest.
    #[test]
    fn increments_are_those_of_pycil() {
        let pycil = |base: u32, increment: u32, classes: u32| {
            let mut sizes = vec![base];
            while sizes.iter().sum::<u32>() + increment < classes {
                sizes.push(increment);
            }
            let rest = classes - sizes.iter().sum::<u32>();
            sizes.extend((rest > 0).then_some(rest));
            sizes
        };
        for classes in 1..=40 {
            for (base, increment) in (1..=classes).flat_map(|base| (1..=45).map(move |i| (base, i)))
            {
                let tasks = Tasks::Increments { base, increment };
                let sizes = tasks.sizes(classes).unwrap();
                assert_eq!(sizes, pycil(base, increment, classes));
            }
        }
        let tasks = |base, increment| Tasks::Increments { base, increment };
        assert_eq!(sizes(tasks(50, 10), 100), [50, 10, 10, 10, 10, 10]);
        let cars = sizes(tasks(20, 20), 196);
        assert_eq!(cars, [20, 20, 20, 20, 20, 20, 20, 20, 20, 16]);
        let json = r#"{"increments":{"base":20,"increment":20}}"#;
        assert_eq!(serde_json::to_string(&tasks(20, 20)).unwrap(), json);
    }

    #[test]
    fn a_stream_that_cannot_be_cut_is_refused() {
        assert_eq!(
            message(Tasks::Count(0)),
            "the stream has no tasks; give it at least one"
        );
        assert_eq!(
            message(Tasks::Sizes(vec![])),
            "the stream has no tasks; give it at least one"
        );
        assert_eq!(
            message(Tasks::Count(11)),
            "11 tasks, but only 10 classes; every task needs a class, so use at most 10 tasks"
        );
        assert_eq!(
            message(Tasks::Sizes(vec![5, 0, 5])),
            "task 2 has the size 0; every task needs at least one class"
        );
        assert_eq!(
            message(Tasks::Sizes(vec![5, 4])),
            "the task sizes add up to 9, but the domain has 10 classes; the two must agree"
        );
        assert_eq!(
            message(Tasks::Increments {
                base: 50,
                increment: 10
            }),
            "the first task has 50 classes, but the domain has only 10; use a `base` of at most 10"
        );
    }

    #[test]
    fn numbers_translate_both_ways() {
        let order = ClassOrder::numpy(SeedRef::CellSeed);
        let stream = stream(Tasks::Count(3), order, 10).unwrap();
        // 2 7 3 6 | 0 5 1 | 9 8 4
        assert_eq!(stream.label_of(ClassId(4)), Label(0));
        assert_eq!(stream.class_of(Label(9)), ClassId(7));
        let tasks: Vec<u32> = (0..10)
            .map(|label| stream.task_of(stream.class_of(Label(label))).0)
            .collect();
        assert_eq!(tasks, [2, 2, 1, 1, 3, 2, 1, 1, 3, 3]);
        assert_eq!(stream.classes_of(TaskId(2)).indices(), 4..7);
        assert_eq!(stream.seen_after(TaskId(2)).indices(), 0..7);
        assert_eq!(stream.all_classes().len(), 10);
        assert!(stream.classes_of(TaskId(2)).contains(ClassId(6)));
        assert!(!stream.classes_of(TaskId(2)).contains(ClassId(7)));
        for class in stream.all_classes().iter() {
            assert_eq!(stream.class_of(stream.label_of(class)), class);
            assert!(stream.classes_of(stream.task_of(class)).contains(class));
        }
    }

    #[test]
    fn the_digest_sees_names_order_boundaries_and_templates() {
        let names: Vec<String> = ["ab", "c", "d"].map(String::from).into();
        let named = |tasks, names: &[String], template: &str| {
            stream(tasks, ClassOrder::Listed, 3)
                .unwrap()
                .order_digest(names, &[template.to_owned()])
        };
        let digest = |tasks, names: &[String]| named(tasks, names, "a photo of a {}");
        let digests = [
            digest(Tasks::Sizes(vec![1, 2]), &names),
            digest(Tasks::Sizes(vec![2, 1]), &names),
            digest(Tasks::Count(1), &names),
            digest(
                Tasks::Sizes(vec![1, 2]),
                &["a", "bc", "d"].map(String::from),
            ),
            digest(
                Tasks::Sizes(vec![1, 2]),
                &["ab", "d", "c"].map(String::from),
            ),
            named(Tasks::Sizes(vec![1, 2]), &names, "a drawing of a {}"),
        ];
        for (i, one) in digests.iter().enumerate() {
            for other in &digests[..i] {
                assert_ne!(one, other);
            }
        }
        assert_eq!(digests[0], digest(Tasks::Sizes(vec![1, 2]), &names));
        assert_eq!(digests[0].as_str().len(), 64);
    }
}
